/* kvm.h: what the parts of kvm have in common: the three machines, and where values go.
 */
#ifndef BENCH_KVM_H
#define BENCH_KVM_H

#include <stdbool.h>
#include <sys/types.h>

#define MEMORY_MIB 256
#define WAIT_MS 600000

enum { NACRE, QEMU, UNPACKED, MACHINES };
enum { START, WHOLE, FIRST, EXITS, SEQ_COLD, SEQ_WARM, RAND_COLD, RAND_WARM, REQUESTS, STREAM, PRIVATE, PSS, KINDS };

/* --- kvm.c --- */

/* One value of one kind; what is not positive counts as a failure. */
void add(int machine, int kind, double value);

/* --- kvm_machine.c --- */

/* Set by main: the program, the release of the kernel, and what nacre keeps of it; the folder with the bundle, the sockets and the state. */
extern const char *nacre, *const machine_names[MACHINES];
extern char folder[64], release[128], kept[512];

/* What is started: to be waited for and killed. */
struct run {
	int machine, out;
	pid_t pid, daemon;
	double began;
	char line[256]; /* its first */
};

double now(void); /* seconds */
_Noreturn void fail(const char *what);
/* A command that must succeed. */
void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What the next machines run. */
void set_program(const char *args, bool network);
/* Starts one and reads its first line; whether it is the one it should be. finish() in any case. */
bool start(struct run *r, int machine, bool network);
/* Waits until it is gone by itself, or with force. */
void finish(struct run *r, bool force);

/* --- kvm_measure.c: each adds its values --- */

void measure_plain(int machine);
void measure_traced(int machine);
void measure_files(int machine);
void measure_memory(int machine);
void measure_network(int machine);

#endif
