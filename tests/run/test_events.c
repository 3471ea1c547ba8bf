/* test_events.c: events: what a container uses, and the news of those killed for memory. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/run/bundle.h"

/* A line of v1's own way to say "none", and v2's. */
static const char *const no_limit[] = {"9223372036854771712", "18446744073709551615"};

static void need_memory(void)
{
	need_limits();
	if (!cgroup_v1_mount("memory") && !have_cgroup_v2_only())
		test_skip("this machine has no memory controller");
}

/* Has run `inside` with these commands; limits as given. */
static void make(struct bundle *b, const char *resources)
{
	need_memory();
	bundle_make(b);
	bundle_config(b, "{'linux':{'resources':%s}}", resources);
}

static char *stats_of(struct bundle *b)
{
	struct result r = nacre("events", "--stats", b->id, NULL);
	must_succeed(&r);
	size_t n = strcspn(r.out, "\n");
	MUST_SAY(n && r.out[n] && !r.out[n + 1], "not one line: %s", r.out);
	MUST_SAY(json_valid(r.out), "no JSON: %s", r.out);
	return r.out;
}

static unsigned long long number(const char *line, const char *path)
{
	char *text = json_value(line, path), *end;
	unsigned long long n = strtoull(text, &end, 10);
	MUST_SAY(*text && !*end, "%s is \"%s\" in %s", path, text, line);
	return n;
}

static void value(const char *line, const char *path, const char *want)
{
	MUST_SAY(!strcmp(json_value(line, path), want), "%s is \"%s\", not \"%s\", in %s", path,
		 json_value(line, path), want, line);
}

/* In a virtual machine the container's own figures stand by themselves; the others are what the machine costs. */
static const char *of_memory(const char *name)
{
	return format(in_vm() ? "data.guest.memory.%s" : "data.memory.usage.%s", name);
}

static int count_lines(const char *text, const char *type)
{
	char *begin = format("{\"type\":\"%s\",", type);
	int n = 0;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		n += !strncmp(line, begin, strlen(begin));
	return n;
}

RUN_TEST(stats, "events --stats: one document, its numbers are the container's")
{
	struct bundle b;
	make(&b, "{'memory':{'limit':67108864},'pids':{'limit':17}}");
	bundle_inside(&b, "children", "2", ";", "sleep", "60", NULL);
	bundle_start(&b, NULL);
	sleep(1);
	char *line = stats_of(&b);
	value(line, "type", "stats");
	value(line, "id", b.id);
	value(line, "data.pids.current", "3");
	value(line, "data.pids.limit", "17");
	value(line, of_memory("limit"), "67108864");
	unsigned long long usage = number(line, of_memory("usage"));
	MUST_SAY(usage > 4096 && usage <= 67108864, "%s", line);
	MUST_SAY(number(line, "data.cpu.usage.total") > 10000, "%s", line);
	(void)number(line, "data.cpu.usage.kernel");
	(void)number(line, "data.cpu.usage.user");
	value(line, "data.memory.usage.failcnt", "0");
	/* Swap is told together with memory, on both. */
	MUST_SAY(number(line, "data.memory.swap.limit") >= 67108864, "%s", line);
	MUST_SAY(number(line, "data.memory.raw.pgfault") > 0, "%s", line);
	static const char *const objects[] = {"cpu.throttling", "memory.kernel", "memory.kernelTCP", "blkio",
					      "intel_rdt"};
	for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++)
		MUST_SAY(*json_value(line, format("data.%s", objects[i])) == '{', "%s: %s", objects[i], line);
}

RUN_TEST(unlimited, "events --stats: no limit is the kernel's own number, or left out")
{
	struct bundle b;
	make(&b, "{'memory':{'limit':-1},'pids':{'limit':-1}}");
	bundle_inside(&b, "sleep", "60", NULL);
	bundle_start(&b, NULL);
	char *line = stats_of(&b);
	value(line, "data.memory.usage.limit", no_limit[!cgroup_v1_mount("memory")]);
	value(line, "data.pids.limit", "");
	value(line, "data.pids.current", "1");
}

RUN_TEST(grows, "events --stats: the numbers move with what the container does")
{
	struct bundle b;
	make(&b, "{}");
	char *out;
	bundle_inside(&b, "spend", "24", ";", "sleep", "60", NULL);
	bundle_create(&b, &out);
	unsigned long long before = number(stats_of(&b), of_memory("usage"));
	struct result r = nacre("start", b.id, NULL);
	must_succeed(&r);
	for (int i = 0; i < 100 && !has_line(file_text(out), "spent 24 MiB"); i++)
		usleep(50000);
	unsigned long long after = number(stats_of(&b), of_memory("usage"));
	MUST_SAY(after > before + (20ull << 20), "%llu, then %llu", before, after);
}

static struct job watch(struct bundle *b, const char *interval)
{
	struct job job = nacre_start(NULL, "events", "--interval", interval, b->id, NULL);
	/* It has no way to say that it listens by now, but for a first line. */
	for (int i = 0; i < 200 && !*file_text(job.out); i++)
		usleep(20000);
	return job;
}

RUN_TEST(interval, "events: a line every interval, the end of the container is its end")
{
	struct bundle b;
	make(&b, "{}");
	bundle_inside(&b, "sleep", "60", NULL);
	bundle_start(&b, NULL);
	struct job job = watch(&b, "200ms");
	sleep(2);
	struct result r = nacre("kill", b.id, "KILL", NULL);
	must_succeed(&r);
	r = job_wait(&job, 5);
	must_succeed(&r);
	int n = count_lines(r.out, "stats");
	MUST_SAY(n >= 4 && n <= 40, "%d lines in 2 seconds", n);
	MUST_SAY(count_lines(r.out, "oom") == 0, "killed, but not for memory: %s", r.out);
}

RUN_TEST(oom, "events: a container killed for memory is told, once, and then it ends")
{
	struct bundle b;
	make(&b, "{'memory':{'limit':16777216,'swap':16777216}}");
	bundle_inside(&b, "spend", "64", NULL);
	bundle_create(&b, NULL);
	struct job job = watch(&b, "100ms");
	struct result r = nacre("start", b.id, NULL);
	must_succeed(&r);
	r = job_wait(&job, 10);
	must_succeed(&r);
	MUST_SAY(count_lines(r.out, "oom") == 1, "%s", r.out);
	must_print(&r, format("{\"type\":\"oom\",\"id\":\"%s\"}", b.id));
	MUST_SAY(count_lines(r.out, "stats") >= 1, "%s", r.out);
}

RUN_TEST(oom_child, "events: a child killed for memory is told while the container goes on")
{
	struct bundle b;
	make(&b, "{'memory':{'limit':16777216,'swap':16777216}}");
	bundle_inside(&b, "sleep", "1", ";", "run", "/bin/inside", "spend", "64", ";", "run", "/bin/inside",
		      "spend", "64", ";", "sleep", "60", NULL);
	char *out;
	bundle_create(&b, &out);
	struct job job = watch(&b, "100ms");
	struct result r = nacre("start", b.id, NULL);
	must_succeed(&r);
	for (int i = 0; i < 100 && count_lines(file_text(job.out), "oom") < 2; i++)
		usleep(50000);
	MUST_SAY(count_lines(file_text(job.out), "oom") == 2, "%s\n%s", file_text(job.out), file_text(out));
	MUST(bundle_wait_status(&b, "running"));
	r = nacre("delete", "--force", b.id, NULL);
	must_succeed(&r);
	r = job_wait(&job, 5);
	must_succeed(&r);
	MUST_SAY(count_lines(r.out, "oom") == 2, "%s", r.out);
}

RUN_TEST(told_in_foreground, "a foreground run that is killed for memory says so, with the limit")
{
	struct bundle b;
	make(&b, "{'memory':{'limit':16777216,'swap':16777216}}");
	struct result r = bundle_run_inside(&b, "spend", "64", NULL);
	must_exit(&r, 137);
	MUST_SAY(!strcmp(r.err, "killed: memory limit of 16 MiB reached\n"), "%s", r.err);
	must_leave_nothing(&b);
}

RUN_TEST(other_deaths, "a foreground run that dies of something else says nothing of memory")
{
	struct bundle b;
	make(&b, "{'memory':{'limit':67108864}}");
	struct result r = bundle_run_inside(&b, "exit", "137", NULL);
	must_exit(&r, 137);
	MUST_SAY(!*r.err, "%s", r.err);
}

RUN_TEST(not_running, "events: a container that is not there, or has stopped")
{
	struct bundle b;
	bundle_make(&b);
	struct result r = nacre("events", "--stats", b.id, NULL);
	must_fail(&r, "does not exist");
	bundle_inside(&b, "exit", "0", NULL);
	bundle_start(&b, NULL);
	MUST(bundle_wait_status(&b, "stopped"));
	r = nacre("events", "--stats", b.id, NULL);
	must_fail(&r, "container not running");
	r = nacre("events", b.id, NULL);
	must_fail(&r, "container not running");
}

RUN_TEST(interval_bad, "events --interval is read strictly")
{
	/* clang-format off */
	static const char *const bad[] = {
		"5", "0", "0s", "-1s", "+1s", "5 s", " 5s", "5s ", "s", "1ms5", "1.s.", ".s", "1e3s", "0x5s", "5sec", "1d", "5S", "5s,",
		"1000000h", "99999999999999999999s", "",
	};
	static const char *const good[] = {
		"5s", "500ms", "1m30s", "1.5h", ".5s", "1h2m3s4ms", "1000000ns", "1us", "100\xc2\xb5s",
	};
	/* clang-format on */
	struct bundle b;
	bundle_make(&b);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct result r = nacre("events", "--interval", bad[i], b.id, NULL);
		must_fail(&r, "--interval");
	}
	/* Good ones come as far as to look for the container. */
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct result r = nacre("events", "--interval", good[i], b.id, NULL);
		must_fail(&r, "does not exist");
	}
}

RUN_TEST(no_cgroup, "events: without a cgroup there is nothing to count, and that is an error")
{
	struct bundle b;
	bundle_make(&b);
	bundle_inside(&b, "sleep", "60", NULL);
	struct result r = nacre("--cgroup-manager", "disabled", "create", "--bundle", b.dir, b.id, NULL);
	must_succeed(&r);
	r = nacre("events", "--stats", b.id, NULL);
	must_fail(&r, "no cgroup");
}
