/* terminal.c: see terminal.h. */
#include "core/vm/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/auto.h"
#include "tty/console.h"

static int make_raw(int slave, struct error *err)
{
	struct termios t;

	if (tcgetattr(slave, &t) < 0)
		return error_errno(err, "terminal: read its settings");
	cfmakeraw(&t);
	return tcsetattr(slave, TCSANOW, &t) < 0 ? error_errno(err, "terminal: make it raw") : 0;
}

int vm_terminal_open(int socket, unsigned int rows, unsigned int cols, struct error *err)
{
	auto_close int ptmx = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct console console = CONSOLE_NONE;
	int ret;

	if (ptmx < 0)
		return error_errno(err, "terminal: open /dev/ptmx");
	ret = console_open(ptmx, rows, cols, &console, err);
	if (ret < 0)
		return ret;
	if (!rows)
		console_fit(&console, STDIN_FILENO);
	ret = make_raw(console.slave, err);
	if (ret == 0 && ioctl(console.slave, TIOCSCTTY, 0) < 0)
		ret = error_errno(err, "terminal: make it ours");
	if (ret == 0)
		ret = console_socket_send(socket, console.name, console.master, err);
	if (ret == 0)
		ret = TAKE_FD(console.slave);
	console_close(&console);
	return ret;
}

struct agent_size vm_terminal_size(int slave)
{
	struct winsize w = { 0 };

	(void)ioctl(slave, TIOCGWINSZ, &w);
	return (struct agent_size){ w.ws_row, w.ws_col };
}
