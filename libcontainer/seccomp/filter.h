/* filter.h: linux.seccomp -> a compiled filter -> a loaded filter. The only room that talks to libseccomp.
 *
 * Compiled on the host's side before any process exists, so that a bad profile fails early; loaded INSIDE by
 * one seccomp(2) call, without libseccomp.
 */
#ifndef SECCOMP_FILTER_H
#define SECCOMP_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "oci-spec/config.h"

struct filter {
	void *code;	    /* struct sock_filter[]; malloc()ed */
	size_t n;	    /* instructions; 0: no filter */
	unsigned flags;	    /* SECCOMP_FILTER_FLAG_* */
	bool flags_default; /* nobody asked for these flags: loading may do without */
	bool notify;	    /* some action is SCMP_ACT_NOTIFY: loading yields a listener */
};

/* seccomp NULL gives an empty filter. Unknown system call names are skipped (as both peers do), everything
 * else that is not known is an error naming the place ("linux.seccomp.syscalls[3].args[0].op: …"). A system
 * call newer than every one that the profile knows answers ENOSYS instead of the default action, unless that
 * is ALLOW (or the like). */
int filter_compile(const struct oci_seccomp *seccomp, struct filter *out, struct error *err);

/* Loads it into this process. *listener (may be NULL without notify) becomes the notify descriptor. Needs
 * no_new_privileges or CAP_SYS_ADMIN. */
int filter_load(const struct filter *filter, int *listener, struct error *err);
void filter_free(struct filter *filter);

#endif
