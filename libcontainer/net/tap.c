/* tap.c: see tap.h. */
#include "net/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

int tap_open(struct error *err)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return error_set(err, -ENODEV, "open /dev/net/tun: not there; `modprobe tun` makes it");
	if (fd < 0 && errno == EACCES)
		return error_set(err, -EACCES, "open /dev/net/tun: permission denied; chmod 666 it, as udev's own rule would: who opens it still needs CAP_NET_ADMIN");
	if (fd < 0 && errno == EPERM)
		return error_set(err, -EPERM, "open /dev/net/tun: not permitted: the device rules of the cgroup forbid it");
	return fd < 0 ? error_errno(err, "open /dev/net/tun") : fd;
}

int tap_make(int tun, char name[IFNAMSIZ], struct error *err)
{
	struct ifreq request = {.ifr_name = TAP_PREFIX "%d", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int header = TAP_HEADER_SIZE, little = 1;

	if (ioctl(tun, TUNSETIFF, &request) < 0)
		return error_errno(err, "make a tap device");
	if (ioctl(tun, TUNSETVNETHDRSZ, &header) < 0 || ioctl(tun, TUNSETVNETLE, &little) < 0)
		return error_errno(err, "set the header of %s", request.ifr_name);
	memcpy(name, request.ifr_name, IFNAMSIZ);
	return 0;
}
