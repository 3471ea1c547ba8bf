/* config_vm.c: the tables of "vm". */
#include "oci-spec/config_tables.h"
#include "oci-spec/tables.h"

/* clang-format off */
SCHEMA(oci_vm_hypervisor,
	MUST(FIELD_STRING, "path", oci_vm_hypervisor, path),
	STRINGS("parameters", oci_vm_hypervisor, parameters));
SCHEMA(oci_vm_kernel,
	MUST(FIELD_STRING, "path", oci_vm_kernel, path),
	STRINGS("parameters", oci_vm_kernel, parameters),
	STRING("initrd", oci_vm_kernel, initrd));
SCHEMA(oci_vm_image,
	MUST(FIELD_STRING, "path", oci_vm_image, path),
	MUST(FIELD_STRING, "format", oci_vm_image, format));
SCHEMA(oci_vm_iomem,
	UINT("firstGFN", oci_vm_iomem, first_gfn),
	MUST(FIELD_UINT, "firstMFN", oci_vm_iomem, first_mfn),
	MUST(FIELD_UINT, "nrMFNs", oci_vm_iomem, nr_mfns));
SCHEMA(oci_vm_hw,
	STRING("deviceTree", oci_vm_hw, device_tree),
	UINT_TO("vcpus", oci_vm_hw, vcpus, UINT32_MAX),
	UINT("memory", oci_vm_hw, memory),
	STRINGS("dtdevs", oci_vm_hw, dtdevs),
	OBJECTS("iomems", oci_vm_hw, iomems, oci_vm_iomem),
	UINTS_TO("irqs", oci_vm_hw, irqs, UINT32_MAX));
PUBLIC_SCHEMA(oci_vm, "vm",
	OBJECT("hypervisor", oci_vm, hypervisor, oci_vm_hypervisor),
	MUST_OBJECT("kernel", oci_vm, kernel, oci_vm_kernel),
	OBJECT("image", oci_vm, image, oci_vm_image),
	OBJECT("hwConfig", oci_vm, hw_config, oci_vm_hw));
/* clang-format on */
