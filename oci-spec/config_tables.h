/* config_tables.h: the tables that one file of config_*.c borrows from another. */
#ifndef OCI_SPEC_CONFIG_TABLES_H
#define OCI_SPEC_CONFIG_TABLES_H

#include "oci-spec/config.h"

extern const struct schema oci_linux_schema, oci_vm_schema, oci_id_mapping_schema;

#endif
