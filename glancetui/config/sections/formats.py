"""Options of [image_format]: which formats there are and how strictly content is checked."""

from __future__ import annotations

from glancetui.config.kinds import Kind
from glancetui.config.option import Option, Section

IMAGE_FORMAT = Section(
    "image_format",
    "Formats of images.",
    (
        Option(
            "container_formats",
            Kind.LIST,
            ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"],
            "Values that `container_format` may have.",
            former=(("DEFAULT", "container_formats"),),
        ),
        Option(
            "disk_formats",
            Kind.LIST,
            ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"],
            "Values that `disk_format` may have.",
            former=(("DEFAULT", "disk_formats"),),
        ),
        Option(
            "vmdk_allowed_types",
            Kind.LIST,
            ["streamOptimized", "monolithicSparse"],
            "VMDK subformats that are accepted; an empty list accepts none.",
        ),
        Option("require_image_format_match", Kind.BOOLEAN, True, "Refuse content that is not what `disk_format` says."),
        Option(
            "gpt_safety_checks_nonfatal",
            Kind.LIST,
            [],
            "Safety checks of GPT content whose failure is let pass: mbr, gptmbr.",
        ),
    ),
)
