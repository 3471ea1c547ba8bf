/* bpf.h: runs a seccomp program over one system call, as the kernel would. */
#ifndef TESTS_SECCOMP_BPF_H
#define TESTS_SECCOMP_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>

/* The action in *out; false where the kernel would refuse the program (a jump out of it, an unknown
 * instruction, no end). */
bool bpf_run(const struct sock_filter *code, size_t n, const struct seccomp_data *data, __u32 *out);

#endif
