/* idmapped.h: a user namespace that exists for its mappings only, as mount_setattr(2) wants one for an
 * idmapped mount. */
#ifndef MOUNT_IDMAPPED_H
#define MOUNT_IDMAPPED_H

#include "oci-spec/config.h"

/* Makes one with these maps (both not empty): a helper process is born in it, its maps are written, its
 * namespace is opened, and it is gone again. The descriptor. Needs CAP_SETUID and CAP_SETGID in our user
 * namespace and a /proc that shows us; from any pid namespace. */
int idmapped_open_namespace(const struct oci_id_mapping_list *uids, const struct oci_id_mapping_list *gids,
			    struct error *err);

#endif
