/* bundle.c: the bundles, from what `spec` says. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/bench.h"

char folder[64], bundle[96];

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f))
		fail(path);
}

/* malloc()ed. */
static char *read_text(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *f = fopen(path, "re");
	if (!text || !f)
		fail(path);
	text[fread(text, 1, 65535, f)] = '\0';
	fclose(f);
	return text;
}

static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *out = NULL;
	if (!at)
		return strdup(text);
	if (asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) < 0)
		fail("memory");
	return out;
}

/* The same config for all, with a version that older ones take: what `spec` says, without a terminal, with a program that does nothing. */
void write_variant(const char *dir, const char *linux_more, const char *args)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/config.json", folder);
	char *text = read_text(path);
	char *version = replaced(text, "\"ociVersion\": \"1.3.0\"", "\"ociVersion\": \"1.0.0\"");
	char *plain = replaced(version, "\"terminal\": true", "\"terminal\": false");
	char *with_args = replaced(plain, "\"sh\"", args), *more = replaced(with_args, "\"linux\": {", linux_more);
	char *all = replaced(more, "\"path\": \"rootfs\"", strcmp(dir, "bundle") ? "\"path\": \"../bundle/rootfs\"" : "\"path\": \"rootfs\"");
	snprintf(path, sizeof(path), "%s/%s", folder, dir);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/config.json", folder, dir);
	write_text(path, all);
	free(text);
	free(version);
	free(plain);
	free(with_args);
	free(more);
	free(all);
}

/* Into the resources that `spec` has for devices. */
static void add_resources(const char *dir, const char *resources)
{
	char path[256], *text, *all, *with;
	snprintf(path, sizeof(path), "%s/%s/config.json", folder, dir);
	text = read_text(path);
	if (asprintf(&with, "\"resources\": {\n%s", resources) < 0)
		fail("memory");
	all = replaced(text, "\"resources\": {", with);
	write_text(path, all);
	free(text);
	free(with);
	free(all);
}

bool v2(void)
{
	return !access("/sys/fs/cgroup/cgroup.controllers", F_OK);
}

void write_limited(const char *dir, const char *group_path)
{
	char more[256], *resources;
	snprintf(more, sizeof(more), "\"linux\": {\n\"cgroupsPath\": \"%s\",", group_path);
	write_variant(dir, more, "\"/bin/nothing\"");
	if (asprintf(&resources,
		     "\"memory\": {\"limit\": 268435456, \"reservation\": 134217728, \"swap\": 536870912},\n"
		     "\"cpu\": {\"shares\": 512, \"quota\": 50000, \"period\": 100000, \"cpus\": \"0-1\", \"mems\": \"0\"},\n"
		     "\"pids\": {\"limit\": 100},\n%s",
		     v2() ? "\"unified\": {\"memory.high\": \"201326592\"},\n" : "") < 0)
		fail("memory");
	add_resources(dir, resources);
	free(resources);
}

void write_small(long kib)
{
	char limit[64];
	write_variant("small", "\"linux\": {", "\"/bin/nothing\"");
	snprintf(limit, sizeof(limit), "\"memory\": { \"limit\": %ld },\n", kib * 1024);
	add_resources("small", limit);
}

void prepare(const char *nacre)
{
	char command[1024], self[4096], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	*slash = '\0';
	strcpy(folder, "/tmp/nacre-bench-XXXXXX");
	if (!mkdtemp(folder))
		fail(folder);
	snprintf(bundle, sizeof(bundle), "%s/bundle", folder);
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p bundle/rootfs/bin bundle/rootfs/proc bundle/rootfs/dev bundle/rootfs/sys "
		 "bundle/rootfs/tmp && cp %.200s/nothing "
		 "bundle/rootfs/bin/ && %.200s spec",
		 folder, self, nacre);
	if (system(command))
		fail("prepare a bundle");
	write_variant("bundle", "\"linux\": {", "\"/bin/nothing\"");
	write_variant("long", "\"linux\": {", "\"/bin/nothing\", \"stay\"");
}
