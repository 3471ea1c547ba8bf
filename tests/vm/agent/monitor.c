/* monitor.c: gives QEMU commands in its own language, QMP, and prints its answers, one a line. */
#include "wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_error(const char *line)
{
	return !strncmp(line, "{\"error\"", 8);
}

/* The next answer; events are passed over. */
static bool read_answer(FILE *f, char **line, size_t *size)
{
	while (getline(line, size, f) > 0)
		if (!strncmp(*line, "{\"return\"", 9) || is_error(*line))
			return true;
	return false;
}

int monitor(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = argv[1];
	char *line = NULL;
	size_t size = 0;
	bool bad = false;
	FILE *f;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		give_up("%s: too long for a socket", path);
	strcpy(address.sun_path, path);
	alarm(60);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) || !(f = fdopen(fd, "r")))
		give_up("%s: %s", path, strerror(errno));
	if (getline(&line, &size, f) <= 0)
		give_up("%s: no greeting", path);
	for (int i = 1; i < argc && !bad; i++) {
		const char *command = i == 1 ? "{\"execute\":\"qmp_capabilities\"}" : argv[i];

		if (write_all(fd, command, strlen(command)) < 0 || write_all(fd, "\n", 1) < 0 ||
		    !read_answer(f, &line, &size))
			give_up("%s: QEMU hung up", path);
		bad = is_error(line);
		if (i > 1 || bad)
			fputs(line, bad ? stderr : stdout);
	}
	free(line);
	return bad;
}
