/* console.h: pseudo terminals: made inside the container, handed to whoever asked for them. */
#ifndef TTY_CONSOLE_H
#define TTY_CONSOLE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct console {
	int master, slave; /* -EBADF where there is none */
	char name[32];	   /* "/dev/pts/N", as the container sees it */
};
#define CONSOLE_NONE ((struct console){-EBADF, -EBADF, ""})

/* Opens a new pair from the devpts whose ptmx is `ptmx` (a descriptor of .../pts/ptmx opened O_PATH or
 * O_RDWR, already verified by mount/dev.c); the slave by TIOCGPTPEER, never by a path. height and width 0:
 * left alone. */
int console_open(int ptmx, unsigned height, unsigned width, struct console *out, struct error *err);

/* setsid, controlling terminal, and the slave as descriptors 0 to 2 of this process. */
int console_attach(const struct console *console, struct error *err);

/* Gives it the window size of our own terminal, if `terminal` is one and knows its size. To be called before
 * the program inside starts, which would otherwise see a window of no size until relay_start(). */
void console_fit(const struct console *console, int terminal);

/* Connects to the engine's console socket (AF_UNIX stream at a path that may be longer than 108 bytes). The
 * descriptor. The error begins with "--console-socket"; with another option's name by the second form. */
int console_socket_connect(const char *path, struct error *err);
int console_socket_connect_for(const char *option, const char *path, struct error *err);

/* One sendmsg: the name as payload, exactly one descriptor. Waits for no answer. Also used for
 * --pidfd-socket. */
int console_socket_send(int socket, const char *payload, int fd, struct error *err);

/* The receiving end of console_socket_send(), for our own foreground: the descriptor. */
int console_socket_receive(int socket, struct error *err);

void console_close(struct console *console);

#endif
