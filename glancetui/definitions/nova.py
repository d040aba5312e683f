"""What Nova knows of image properties that no definition can say: which need another, and which it reads besides.

From the properties that Nova's documentation and its image model name.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Need(msgspec.Struct, frozen=True):
    """`key` does nothing, or fails, unless `other` is set, and is one of `values` where any are given."""

    other: str
    values: tuple[str, ...] = ()


_SIGNATURE = (
    "img_signature",
    "img_signature_certificate_uuid",
    "img_signature_hash_method",
    "img_signature_key_type",
)
NEEDS: Mapping[str, tuple[Need, ...]] = {
    "hw_cpu_thread_policy": (Need("hw_cpu_policy", ("dedicated", "mixed")),),
    "hw_firmware_stateless": (Need("hw_firmware_type", ("uefi",)),),
    "os_secure_boot": (Need("hw_firmware_type", ("uefi",)),),
    "hw_scsi_model": (Need("hw_disk_bus", ("scsi",)),),
    "hw_tpm_model": (Need("hw_tpm_version"),),
    "hw_mem_encryption_model": (Need("hw_mem_encryption"),),
    "hw_mem_encryption": (Need("hw_firmware_type", ("uefi",)),),
    "hw_vif_multiqueue_enabled": (Need("hw_vif_model", ("virtio",)),),
    "os_require_quiesce": (Need("hw_qemu_guest_agent", ("yes", "true")),),
    "hw_rescue_device": (Need("hw_rescue_bus"),),
    "cinder_encryption_key_deletion_policy": (Need("cinder_encryption_key_id"),),
    **{key: tuple(Need(other) for other in _SIGNATURE if other != key) for key in _SIGNATURE},
}
#: Where the need is met without the other property: Nova's own default is a right value.
MET_BY_DEFAULT = frozenset({"hw_vif_multiqueue_enabled"})

#: Read by Nova and defined nowhere: no misspelling of anything.
OTHER_KEYS = frozenset(
    {
        "hw_architecture", "hw_auto_disk_config", "hw_cpu_realtime_mask", "hw_emulation_architecture",
        "hw_ephemeral_encryption", "hw_ephemeral_encryption_format", "hw_input_bus", "hw_ipxe_boot",
        "hw_locked_memory", "hw_maxphysaddr_bits", "hw_maxphysaddr_mode", "hw_numa_cpus", "hw_numa_mem",
        "hw_numa_nodes", "hw_pci_numa_affinity_policy", "hw_redirected_video_ports", "hw_rescue_bus",
        "hw_rescue_device", "hw_sound_model", "hw_time_hpet", "hw_usb_model", "hw_viommu_model", "hw_vm_mode",
        "img_bdm_v2", "img_block_device_mapping", "img_compression_type", "img_hv_requested_version", "img_hv_type",
        "img_mappings", "img_owner_id", "img_root_device_name", "img_use_agent", "img_version", "image_type",
        "base_image_ref", "block_device_mapping", "bdm_v2", "boot_roles", "instance_type_id", "instance_uuid",
        "os_admin_user", "os_secure_boot", "os_skip_agent_inject_files_at_boot", "os_skip_agent_inject_ssh",
        "owner_id", "owner_project_name", "owner_user_name", "root_device_name", "signature_verified", "user_id",
    }
)  # fmt: skip
FREE_PREFIXES = ("os_glance", "owner_specified.", "trait:", "hw_numa_cpus.", "hw_numa_mem.", "stores")
