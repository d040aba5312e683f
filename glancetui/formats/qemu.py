"""QEMU's own formats: qcow2 (docs/interop/qcow2.rst of QEMU) and QED."""

from __future__ import annotations

import struct

from glancetui.formats.finding import CUT_SHORT, SECTOR, Fault, Finding, sized

QCOW_MAGIC = b"QFI\xfb"
QED_MAGIC = b"QED\x00"
DATA_FILE = 1 << 2
# Dirty, corrupt, data file, compression type. Extended L2 entries (bit 4) are refused by Nova and Cinder as unknown.
KNOWN_FEATURES = 0b1111


def qcow2(head: bytes) -> Finding | None:
    if not head.startswith(QCOW_MAGIC):
        return None
    if len(head) < SECTOR:  # the header is shorter, but its cluster never is
        return Finding("qcow2", faults=(CUT_SHORT,))
    version, backing_offset = struct.unpack_from(">IQ", head, 4)
    (virtual_size,) = struct.unpack_from(">Q", head, 24)
    faults = [Fault("backing_file", "has a backing file")] if backing_offset else []
    return sized("qcow2", virtual_size, *faults, *_features(head, version))


def _features(head: bytes, version: int) -> list[Fault]:
    if version == 2:
        return []
    if version != 3:
        return [Fault("unknown_features", f"is of qcow version {version}, where 2 and 3 are known")]
    (incompatible,) = struct.unpack_from(">Q", head, 72)
    faults = [Fault("data_file", "keeps its data in another file")] if incompatible & DATA_FILE else []
    if incompatible & ~KNOWN_FEATURES:
        faults.append(Fault("unknown_features", f"needs features that are not known ({incompatible:#x})"))
    return faults


def qed(head: bytes) -> Finding | None:
    if not head.startswith(QED_MAGIC):
        return None
    return Finding("qed", faults=(Fault("banned", "is of the format QED, which is not supported any more"),))
