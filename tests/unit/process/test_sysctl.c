/* test_sysctl.c: which keys are allowed, and that they land in the container's namespaces only. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "child.h"
#include "process/sysctl.h"

static int check(char *key, const struct oci_namespace *ns, size_t n, struct error *err)
{
	struct pair pair = {key, "1"};
	struct oci_namespace all[OCI_NS_MAX];
	struct oci_linux linux_ = {
	    .sysctl = {&pair, 1}
	};
	struct oci_config config = {.linux_ = &linux_};

	memcpy(all, ns, n * sizeof(*ns));
	linux_.namespaces.v = all;
	linux_.namespaces.n = n;
	return sysctl_check(&config, err);
}

/* Rows "key namespace": with that one alone the key is allowed, with all others it is not. "-": never. */
Test(sysctl, keys)
{
	FILE *f = fopen(TESTS_DIR "/cases/sysctl-keys.txt", "re");
	char row[256], key[128], name[32], place[160];
	unsigned rows = 0;

	cr_assert(f);
	while (fgets(row, sizeof(row), f)) {
		struct oci_namespace one = {0}, others[OCI_NS_MAX];
		struct error err = ERROR_NONE;
		size_t n = 0;

		if (row[0] == '#' || sscanf(row, "%127s %31s", key, name) != 2)
			continue;
		one.type = -1;
		for (int t = 0; t < OCI_NS_MAX; t++) {
			if (!strcmp(oci_namespace_type_names[t], name))
				one.type = t;
			else
				others[n++].type = t;
		}
		for (size_t i = 0; i < n; i++)
			others[i].path = NULL;
		cr_assert(one.type >= 0 || *name == '-', "%s", row);
		if (one.type >= 0)
			cr_expect_eq(check(key, &one, 1, &err), 0, "%s: %s", key, err.msg);
		cr_expect_eq(check(key, others, n, &err), -EINVAL, "%s", key);
		snprintf(place, sizeof(place), "linux.sysctl[\"%.100s\"]: ", key);
		cr_expect(!strncmp(err.msg, place, strlen(place)), "%s", err.msg);
		rows++;
	}
	fclose(f);
	cr_assert_gt(rows, 40);
}

Test(sysctl, namespace_of_the_host_by_path)
{
	struct oci_namespace net = {OCI_NS_NETWORK, "/proc/self/ns/net"};
	struct oci_namespace ipc = {OCI_NS_IPC, "/proc/1/../self/ns/ipc"};
	struct oci_namespace other = {OCI_NS_NETWORK, "/proc/self/ns/uts"};
	struct error err = ERROR_NONE;

	cr_assert_eq(check("net.core.somaxconn", &net, 1, &err), -EINVAL);
	cr_assert_str_eq(
	    err.msg,
	    "linux.sysctl[\"net.core.somaxconn\"]: the network namespace at /proc/self/ns/net is the host's");
	cr_assert_eq(check("kernel.sem", &ipc, 1, &err), -EINVAL);
	cr_assert_eq(check("net.core.somaxconn", &other, 1, &err), 0);
}

Test(sysctl, doubles)
{
	struct oci_namespace net = {OCI_NS_NETWORK, NULL};
	struct pair pairs[] = {
	    {"net.a.b", "1"},
	      {"net.a.c", "1"},
		{"net/a/b", "2"}
	};
	struct oci_linux linux_ = {
	    .namespaces = {&net,	 1},
		     .sysctl = {pairs, 3}
	 };
	struct oci_config config = {.linux_ = &linux_}, empty = {0};
	struct error err = ERROR_NONE;

	cr_assert_eq(sysctl_check(&config, &err), -EINVAL);
	cr_assert(strstr(err.msg, "the same parameter as"), "%s", err.msg);
	linux_.sysctl.n = 2;
	cr_assert_eq(sysctl_check(&config, &err), 0);
	cr_assert_eq(sysctl_check(&empty, &err), 0);
	cr_assert_eq(sysctl_apply(&empty, -EBADF, &err), 0);
	pairs[0].value = NULL;
	cr_assert_eq(sysctl_check(&config, &err), -EINVAL);
}

static void value(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static void apply(void *data)
{
	struct pair pairs[] = {
	    {"net.ipv4.ip_forward",	    "1"      },
	    {"net/ipv4/conf/lo/forwarding", "0"      },
	    {"kernel.shmmni",		      "123"	   },
	    {"kernel.domainname",		  "example"}
	    };
	struct oci_linux linux_ = {
	    .sysctl = {pairs, 4}
	};
	struct oci_config config = {.linux_ = &linux_};
	struct error err = ERROR_NONE;
	char now[64];

	NEED(unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS) == 0);
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	NEED(mount("proc", "/proc", "proc", 0, NULL) == 0);
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	NEED(sysctl_apply(&config, proc, &err) == 0);
	value("/proc/sys/net/ipv4/ip_forward", now, sizeof(now));
	NEED(!strcmp(now, "1\n"));
	value("/proc/sys/net/ipv4/conf/lo/forwarding", now, sizeof(now));
	NEED(!strcmp(now, "0\n"));
	value("/proc/sys/kernel/shmmni", now, sizeof(now));
	NEED(!strcmp(now, "123\n"));
	value("/proc/sys/kernel/domainname", now, sizeof(now));
	NEED(!strcmp(now, "example\n"));

	/* Never the host's, even for a caller that forgot to check. */
	linux_.sysctl.n = 1;
	pairs[0].key = "kernel.core_pattern";
	NEED(sysctl_apply(&config, proc, &err) == -EINVAL);
	pairs[0].key = "net/../kernel/core_pattern";
	NEED(sysctl_apply(&config, proc, &err) == -EINVAL);
	pairs[0].key = "net.no.such.thing";
	NEED(sysctl_apply(&config, proc, &err) == -ENOENT);
	NEED(!strncmp(err.msg, "linux.sysctl[\"net.no.such.thing\"]: ", 35));
	pairs[0].key = "net.ipv4.ip_forward";
	pairs[0].value = "not a number";
	NEED(sysctl_apply(&config, proc, &err) == -EINVAL);
	/* Something mounted where the parameter was. */
	pairs[0].value = "0";
	NEED(mount("/proc/self/sched", "/proc/sys/net/ipv4/ip_forward", NULL, MS_BIND, NULL) == 0);
	NEED(sysctl_apply(&config, proc, &err) == -EXDEV);
}

Test(sysctl, applied_to_own_namespaces)
{
	char before[64], after[64];

	need_root();
	value("/proc/sys/kernel/shmmni", before, sizeof(before));
	cr_assert_eq(child_run(apply, NULL), 0);
	value("/proc/sys/kernel/shmmni", after, sizeof(after));
	cr_assert_str_eq(before, after, "the host's parameter changed");
}
