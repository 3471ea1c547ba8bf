/* wire.h: what the two ends of the laboratory's agent say to each other: one TCP connection a command.
 *
 * All integers are little endian.
 *   host to guest first:  "LAB1" token[32]  u32 n  n * { u32 length, bytes }      strings: directory, number
 * of arguments, arguments…, A=b… then frames:          u8 type  u32 length  bytes from the host:      '0'
 * input; 'E' end of input; 'S' signal, its number in length; without bytes from the guest:     '1' stdout;
 * '2' stderr; 'X' exit status in length; 'F' could not be started, errno in length
 *
 * The token keeps other users of the host away from the forwarded loopback port; it is no protection against
 * a hostile network.
 */
#ifndef TESTS_VM_WIRE_H
#define TESTS_VM_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC     "LAB1"
#define TOKEN_SIZE     32
#define HEADER_SIZE    5
#define CHUNK_SIZE     65536
#define CLOCK_VARIABLE "LAB_NOW="
/* The laboratory failed, not the command. */
#define LAB_FAILED 125

enum frame_type {
	INPUT = '0',
	OUTPUT = '1',
	ERRORS = '2',
	INPUT_ENDS = 'E',
	SIGNAL = 'S',
	EXITED = 'X',
	NOT_STARTED = 'F'
};

/* A queue of one frame at most: who has something in it takes nothing new. */
struct queue {
	unsigned char bytes[HEADER_SIZE + CHUNK_SIZE];
	size_t from, left;
};
/* Puts a header before `n` bytes, which may stand in the queue already, behind the header's place. */
void queue_frame(struct queue *q, enum frame_type type, const void *bytes, uint32_t n, uint32_t length);
/* Writes what the descriptor takes. -1 if it takes nothing any more. */
int queue_flush(struct queue *q, int fd);

struct reader {
	unsigned char header[HEADER_SIZE];
	size_t header_size;
	uint32_t left; /* bytes of the current frame that are still to come */
	enum frame_type type;
};
/* Reads what it can of one frame: 1 with *type, and *n bytes in `bytes` or the length field in *value; 0:
 * more is needed; -1: the end. */
int reader_next(struct reader *r, int fd, enum frame_type *type, unsigned char *bytes, size_t size, size_t *n,
		uint32_t *value);

int read_all(int fd, void *bytes, size_t n);
int write_all(int fd, const void *bytes, size_t n);
void set_nonblocking(int fd);
void load_token(const char *path, char token[TOKEN_SIZE]);
_Noreturn void give_up(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* serve.c: the guest's end. client.c: the host's. monitor.c: QEMU's own language, QMP. */
int serve(const char *port, const char *token_path);
int client(int argc, char **argv);
int monitor(int argc, char **argv);

#endif
