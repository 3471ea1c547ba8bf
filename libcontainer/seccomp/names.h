/* names.h: what actions, operators, architectures and flags are called in config.json, and which ones this
 * libseccomp and this kernel have. Also the source of `features`. */
#ifndef SECCOMP_NAMES_H
#define SECCOMP_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* NULL-terminated lists for `features`. */
const char *const *seccomp_action_names(void);
const char *const *seccomp_operator_names(void);
const char *const *seccomp_arch_names(void);
const char *const *seccomp_flag_names(void);
/* Does the running kernel take this SECCOMP_FILTER_FLAG_ by name? */
bool seccomp_flag_supported(const char *name);

/* false where there is no such name. errno_ret goes into ERRNO and TRACE actions. */
bool seccomp_action(const char *name, unsigned errno_ret, uint32_t *out);
bool seccomp_operator(const char *name, int *out);
/* SECCOMP_ARCH_FOREIGN: a name of the specification for which this libseccomp has no number, since no machine that it runs on has such calls. */
#define SECCOMP_ARCH_FOREIGN 0
bool seccomp_arch(const char *name, uint32_t *out);
bool seccomp_flag(const char *name, unsigned *out);

#endif
