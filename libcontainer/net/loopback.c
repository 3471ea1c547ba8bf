/* loopback.c: the loopback device up: two ioctls, so that neither the guest's agent nor most containers need netlink. See link.h. */
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "net/link.h"

int link_loopback_up(struct error *err)
{
	/* These two are answered by any socket; one of AF_UNIX needs no IP in the kernel. */
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo"};

	if (fd < 0)
		return error_errno(err, "bring up lo: socket");
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return error_errno(err, "bring up lo: read its flags");
	if (request.ifr_flags & IFF_UP)
		return 0;
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_errno(err, "bring up lo");
	return 0;
}
