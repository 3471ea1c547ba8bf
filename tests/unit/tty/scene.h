/* scene.h: a relay between a test and a process on a pseudo terminal, with whatever is wanted as stdin and stdout. */
#ifndef TESTS_UNIT_TTY_SCENE_H
#define TESTS_UNIT_TTY_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { MIB = 1024 * 1024 };

/* Seen by all processes of a test. */
struct scene {
	volatile size_t written;
	volatile int go;
	bool raw; /* the container's terminal is raw from the beginning */
	char name[64];
};
extern struct scene *scene;

/* The .init of every suite. */
void scene_setup(void);
void scene_nap(int ms);
/* The process under test: in and out become its stdin and stdout, `container` runs on the other end of a new terminal. Its pid. */
pid_t scene_start(int in, int out, bool leader, int (*container)(void));
/* Waits for it: the container's status; 100 and above: something went wrong in the scene. *usage may be NULL. */
int scene_finish(pid_t pid, struct rusage *usage);
/* The container's terminal on stdin becomes raw. */
void scene_raw(void);
/* The byte at i of what is sent. */
char scene_pattern(size_t i);

#endif
