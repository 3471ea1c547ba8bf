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
