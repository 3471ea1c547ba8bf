/* cmd_spec.c: `spec`: writes a config.json to begin with. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/fd.h"
#include "oci-spec/default.h"
#include "src/commands.h"

struct spec_options {
	const char *bundle, *file;
	bool rootless;
};

/* An existing file is somebody's work: O_EXCL also refuses dangling links. */
static int write_new(int dir, const char *name, const char *text, struct error *err)
{
	auto_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0 && errno == EEXIST)
		return error_set(err, -EEXIST, "%s exists already; remove it first", name);
	if (fd < 0)
		return error_errno(err, "create %s", name);
	if (fd_write_all(fd, text, strlen(text), err) < 0) {
		unlinkat(dir, name, 0);
		return error_wrap(err, "write %s", name);
	}
	return 0;
}

static int run(const struct lifecycle_global *g, void *options, int argc, char **argv, struct error *err)
{
	const struct spec_options *o = options;
	const char *bundle = o->bundle ? o->bundle : ".";
	auto_free char *text = NULL;
	auto_close int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (dir < 0)
		return error_errno(err, "open %s", bundle);
	ret = oci_default_config(o->rootless, geteuid(), getegid(), &text, err);
	return ret < 0 ? ret : write_new(dir, o->file ? o->file : "config.json", text, err);
}

static const struct option_row rows[] = {
    {"bundle",					'b', OPTION_TEXT, offsetof(struct spec_options, bundle), "DIR",
     "folder to write to (default: the current one)"},
    {"file",				    'f', OPTION_TEXT, offsetof(struct spec_options, file), "FILE", "another name than config.json"},
    {"rootless",					0, OPTION_FLAG, offsetof(struct spec_options, rootless), NULL, "for an ordinary user"},
    {NULL},
};

const struct command command_spec = {
    .name = "spec",
    .arguments = "[options]",
    .help = "write a config.json to begin with",
    .options = rows,
    .size = sizeof(struct spec_options),
    .run = run,
};
