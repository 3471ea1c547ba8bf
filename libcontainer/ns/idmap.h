/* idmap.h: user and group maps of a new user namespace (user_namespaces(7)), written from outside. */
#ifndef NS_IDMAP_H
#define NS_IDMAP_H

#include <sys/types.h>

#include "oci-spec/config.h"

/* Writes /proc/PID/{uid_map,gid_map}: directly where the kernel lets us (privileged, or the one line that maps ourselves, which for groups
 * means setgroups "deny" first); else by newuidmap(1) and newgidmap(1). An error names linux.uidMappings or gidMappings. */
int idmap_write(pid_t pid, const struct oci_id_mapping_list *uids, const struct oci_id_mapping_list *gids, struct error *err);

/* The host's id of a container's id by these mappings; -1 where there is none. An empty list maps every id to itself. */
long long idmap_to_host(const struct oci_id_mapping_list *map, uint64_t id);

#endif
