/* fuse_mount.c: see fuse_mount.h. */
#include "fuse_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allow.h"
#include "base/table.h"
#include "guest.h"
#include "vmm/virtio/fs.h"
#include "vmm/virtio/fs_broker.h"

enum { ROOM = (1 << 20) + 64 * 1024 };

static unsigned char request[ROOM], answer[ROOM];

/* From the kernel to the device and back, until it is unmounted. */
static int pump(struct guest *g, int fuse)
{
	gpa_t before = g->next;

	for (;;) {
		const struct fuse_in_header *h = (const void *)request;
		ssize_t n = read(fuse, request, sizeof(request));
		bool silent;
		int64_t got;

		if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		if (n <= 0)
			return errno == ENODEV ? 0 : 1;
		silent = h->opcode == FUSE_FORGET || h->opcode == FUSE_BATCH_FORGET;
		/* virtiofs never sends these. */
		if (h->opcode == FUSE_INTERRUPT)
			continue;
		g->next = before;
		got = guest_ask(g, silent ? 0 : 1, request, (uint32_t)n, answer, silent ? 0 : ROOM);
		if (silent ? got != 0 : got < (int64_t)sizeof(struct fuse_out_header))
			return 2;
		/* ENOENT: the request was interrupted. */
		if (!silent && write(fuse, answer, (size_t)got) < 0 && errno != ENOENT)
			return 3;
	}
}

/* The device's own system calls, and what this file, the guest and malloc() do. */
static int lock_in(struct error *err)
{
	static const int ours[] = {__NR_read,	__NR_write,   __NR_brk,	  __NR_mmap,	  __NR_munmap,
				   __NR_mremap, __NR_madvise, __NR_wait4, __NR_exit_group};
	int calls[256], n = 0;

	while (fs_monitor_calls[n] >= 0) {
		calls[n] = fs_monitor_calls[n];
		n++;
	}
	memcpy(calls + n, ours, sizeof(ours));
	calls[n + (int)ARRAY_LEN(ours)] = -1;
	return allow_only(calls, err);
}

static int serve(int fuse, const struct fs_share *shares, size_t n)
{
	static struct guest g;
	struct fs_broker broker;
	struct device *d;
	struct error err = ERROR_NONE;
	int ret;

	if (fs_broker_start(shares, n, allow_only, (void *)fs_broker_calls, &broker, &err) < 0 ||
	    fs_new("test", shares, n, broker.socket, &d, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 4;
	}
	guest_make(&g, d, 0);
	guest_start(&g, UINT64_MAX);
	ret = lock_in(&err) < 0 ? 6 : pump(&g, fuse);
	d->ops->free(d);
	return waitpid(broker.pid, NULL, 0) == broker.pid ? ret : 5;
}

int fuse_mount(struct fuse_mount *m, const char *at, const struct fs_share *shares, size_t n)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[128];

	if (fuse < 0)
		return -ENOTSUP;
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other", fuse);
	if (mount("nacre", at, "fuse", MS_NOATIME, options) < 0) {
		close(fuse);
		return errno == EPERM ? -ENOTSUP : -errno;
	}
	m->at = at;
	m->server = fork();
	if (m->server == 0)
		_exit(serve(fuse, shares, n));
	close(fuse);
	return m->server < 0 ? -errno : 0;
}

int fuse_unmount(struct fuse_mount *m)
{
	int status = -1;

	if (umount2(m->at, 0) < 0) {
		perror("umount");
		umount2(m->at, MNT_DETACH);
		kill(m->server, SIGKILL);
	}
	waitpid(m->server, &status, 0);
	return status;
}
