/* fuzz_broker.c: a monitor that was taken over asks the broker of file systems for anything. Whatever it asks: the answer has the shape that the
 * monitor expects, no descriptor of a file from outside comes along, none that can be written to of a read-only share, and none stays behind; what
 * lies beside the shares, and in the read-only ones, stays as it is.
 *
 * Input: steps. A byte says what, the others are as share.h needs them.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "share.h"
#include "vmm/virtio/fs_serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Few descriptors, so that they are closed and opened again. */
enum { STEPS_MAX = 200, DESCRIPTORS = 8, FIRST_FREE = 3 };

static struct share_request request;
static struct fs_answer answer;

static void judge_descriptor(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	share_must(fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)), "an open file or folder");
	share_must(!(flags & O_PATH) && fcntl(fd, F_GETFD) & FD_CLOEXEC, "a descriptor to be used");
	share_must(!share_is_fixed(&st) || (flags & O_ACCMODE) == O_RDONLY, "a descriptor to read from");
}

static void judge_answer(void)
{
	const struct fuse_out_header *h = &answer.h;
	struct fuse_entry_out entry;

	share_must(h->len == sizeof(*h) + answer.len && answer.len <= sizeof(answer.body), "an answer's length");
	share_must(h->error <= 0 && h->error > -4096, "an answer's error");
	if (h->error) {
		share_must(!answer.len && answer.fd < 0, "an error alone");
		return;
	}
	share_must(h->unique == request.h.unique, "the number of the request");
	share_must(request.op->answer == FS_ANY || answer.len == (size_t)request.op->answer, "an answer of this size");
	if (answer.fd >= 0)
		judge_descriptor(answer.fd);
	if (request.op->answer >= (int)sizeof(entry)) {
		memcpy(&entry, answer.body, sizeof(entry));
		share_learn_node(entry.nodeid);
	}
}

static void serve(struct fs_server *s)
{
	/* Exactly as long as it is: the sanitizer looks at its end. */
	void *exact = malloc(request.len ? request.len : 1);

	if (!exact)
		abort();
	memcpy(exact, request.bytes, request.len);
	fs_serve(s, exact, request.len, &answer);
	free(exact);
	if (!answer.silent)
		judge_answer();
	if (answer.fd >= 0)
		close(answer.fd);
}

static void step(struct fs_server *s)
{
	if (share_take(1) >= 248) {
		share_meddle();
		return;
	}
	share_ask(&request);
	serve(s);
}

static void look_up_shares(struct fs_server *s)
{
	for (int i = 0; i < SHARES; i++) {
		request.h = (struct fuse_in_header){ .opcode = FUSE_LOOKUP, .nodeid = FUSE_ROOT_ID };
		request.op = &fs_ops[FUSE_LOOKUP];
		request.len = request.h.len = (uint32_t)(sizeof(request.h) + strlen(shares[i].name) + 1);
		memcpy(request.bytes, &request.h, sizeof(request.h));
		strcpy((char *)request.bytes + sizeof(request.h), shares[i].name);
		serve(s);
		share_must(!answer.h.error, "a share is looked up");
	}
}

/* The lowest that is free: the same as before, unless one was left open. */
static int next_descriptor(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, FIRST_FREE);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fs_server server;
	int before;

	share_begin(data, size);
	share_must(chdir("/proc/self/fd") == 0, "/proc/self/fd");
	umask(0);
	before = next_descriptor();
	share_must(fs_server_init(&server, shares, SHARES, DESCRIPTORS, NULL) == 0, "a server");
	look_up_shares(&server);
	for (int i = 0; i < STEPS_MAX && share_left(); i++)
		step(&server);
	fs_server_free(&server);
	share_must(next_descriptor() == before, "no descriptor left open");
	share_judge();
	return 0;
}
