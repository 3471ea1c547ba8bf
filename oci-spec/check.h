/* check.h: what the tables of config.h cannot say: values that must fit together.
 *
 * A table of checks over a parsed config, run before anything is made. Every message is one line and names
 * the place in the document: `config.json: process.rlimits[1].type: "RLIMIT_NOFILE" stands there twice`.
 */
#ifndef OCI_SPEC_CHECK_H
#define OCI_SPEC_CHECK_H

#include "oci-spec/config.h"

/* 0, or -EINVAL with the first thing that is wrong. `document` begins the message. */
int oci_check(const struct oci_config *config, const char *document, struct error *err);

/* The part of it that concerns a process alone, for exec's process.json. */
int oci_check_process(const struct oci_process *process, const char *document, struct error *err);

#endif
