"""All recognisers. Each looks at the head of the content and says what it sees, or None; several may see something."""

from __future__ import annotations

from collections.abc import Callable

from glancetui.formats.disc import iso
from glancetui.formats.finding import Finding
from glancetui.formats.luks import luks
from glancetui.formats.microsoft import vhd, vhdx
from glancetui.formats.partitions import gpt
from glancetui.formats.qemu import qcow2, qed
from glancetui.formats.virtualbox import vdi
from glancetui.formats.vmdk import vmdk

RECOGNISERS: tuple[Callable[[bytes], Finding | None], ...] = (qcow2, vmdk, vhd, vhdx, vdi, qed, luks, iso, gpt)


def recognise(head: bytes) -> list[Finding]:
    """The formats of content that begins with `head`: its first HEAD bytes, or all of it where it is shorter.

    Nothing recognised means raw. A disc that also boots from USB sticks has a partition table before its file
    system; that is still a disc.
    """
    findings = [finding for recogniser in RECOGNISERS if (finding := recogniser(head)) is not None]
    if {finding.format for finding in findings} == {"iso", "gpt"}:
        return [finding for finding in findings if finding.format == "iso"]
    return findings
