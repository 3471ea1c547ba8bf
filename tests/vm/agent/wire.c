/* wire.c: frames, both ways, over descriptors that never block; and main(). */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void give_up(const char *fmt, ...)
{
	va_list ap;

	fputs("lab-agent: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(LAB_FAILED);
}

void queue_frame(struct queue *q, enum frame_type type, const void *bytes, uint32_t n, uint32_t length)
{
	q->bytes[0] = (unsigned char)type;
	memcpy(q->bytes + 1, &length, sizeof(length));
	if (n > 0)
		memmove(q->bytes + HEADER_SIZE, bytes, n);
	q->from = 0;
	q->left = HEADER_SIZE + n;
}

int queue_flush(struct queue *q, int fd)
{
	while (q->left > 0) {
		ssize_t n = write(fd, q->bytes + q->from, q->left);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		q->from += (size_t)n;
		q->left -= (size_t)n;
	}
	return 0;
}

int reader_next(struct reader *r, int fd, enum frame_type *type, unsigned char *bytes, size_t size, size_t *n,
		uint32_t *value)
{
	ssize_t got;

	if (r->left == 0) {
		while (r->header_size < HEADER_SIZE) {
			got = read(fd, r->header + r->header_size, HEADER_SIZE - r->header_size);
			if (got < 0 && (errno == EAGAIN || errno == EINTR))
				return 0;
			if (got <= 0)
				return -1;
			r->header_size += (size_t)got;
		}
		r->header_size = 0;
		r->type = r->header[0];
		memcpy(value, r->header + 1, sizeof(*value));
		*type = r->type;
		*n = 0;
		if (r->type != INPUT && r->type != OUTPUT && r->type != ERRORS)
			return 1;
		r->left = *value;
		if (r->left == 0)
			return 0;
	}
	got = read(fd, bytes, r->left < size ? r->left : size);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return -1;
	r->left -= (uint32_t)got;
	*type = r->type;
	*n = (size_t)got;
	return 1;
}

int read_all(int fd, void *bytes, size_t n)
{
	for (unsigned char *at = bytes; n > 0;) {
		ssize_t got = read(fd, at, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

int write_all(int fd, const void *bytes, size_t n)
{
	for (const unsigned char *at = bytes; n > 0;) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

void set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void load_token(const char *path, char token[TOKEN_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read_all(fd, token, TOKEN_SIZE) < 0)
		give_up("%s: no token of %d bytes", path, TOKEN_SIZE);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve(argv[2], argv[3]);
	if (argc > 2 && !strcmp(argv[1], "exec"))
		return client(argc - 1, argv + 1);
	if (argc > 2 && !strcmp(argv[1], "monitor"))
		return monitor(argc - 1, argv + 1);
	give_up("usage: lab-agent serve PORT TOKEN | exec … | monitor SOCKET COMMAND…");
}
