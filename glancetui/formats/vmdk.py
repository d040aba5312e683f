"""VMDK (Virtual Disk Format 5.0). Only images that are one file are safe: a descriptor may name any of the host's."""

from __future__ import annotations

import functools
import re
import struct

from glancetui.formats.finding import CUT_SHORT, SECTOR, TAIL, Ends, Fault, Finding, Later, sized

SPARSE_MAGIC = b"KDMV"
ESX_MAGIC = b"COWD"
HEADER = 64  # bytes of a sparse extent's header that are used
GRAINS_AT_END = 0xFFFFFFFFFFFFFFFF
DESCRIPTOR_MOST = (1 << 20) - 1  # bytes; QEMU's limit
FOOTER_MARKER = 3
# Patterns are compiled when first used, so that commands which only guess a format start sooner.
# These are looked for everywhere, comments included, because QEMU searches the text and does not read lines.
CREATE_TYPE = r'(?i)createtype\s*=\s*"([^"\n]{0,63})"'
PARENT = r"(?i)parentfilenamehint|parentcid\s*=\s*(?!f{8}\b)"
EXTENT = r'(?i)(rw|rdonly|noaccess) \d+ sparse "[^"/\\]*"'
ACCESS = ("rw", "rdonly", "noaccess")
# What QEMU takes for a descriptor: comments and blank lines, of any bytes, before a version.
PROBED = rb"(?:#[^\n]*\n| *\r?\n)*version=[123]\r?\n"
# What makes a text a descriptor to others: its customary first line, or the one line that it cannot do without.
FIRST_LINE = b"# disk descriptorfile"


def vmdk(head: bytes) -> Finding | None:
    if head.startswith(SPARSE_MAGIC):
        return _sparse(head)
    if head.startswith(ESX_MAGIC):
        return Finding("vmdk", subformat="vmfssparse")
    if is_descriptor(head):
        return Finding("vmdk", faults=(Fault("descriptor", "is a VMDK descriptor, whose data lie in other files"),))
    return None


def is_descriptor(head: bytes) -> bool:
    """A descriptor as text, whatever follows its first NUL."""
    text = head.partition(b"\0")[0]
    if re.match(PROBED, head[: 64 << 10]) or text[: len(FIRST_LINE)].lower() == FIRST_LINE:
        return True
    return is_text(text[:SECTOR]) and re.search(CREATE_TYPE, text.decode("latin-1")) is not None


def is_text(content: bytes) -> bool:
    return content.isascii() and all(byte >= 32 or 9 <= byte <= 13 for byte in content)


def _sparse(head: bytes) -> Finding:
    if len(head) < SECTOR:
        return Finding("vmdk", faults=(CUT_SHORT,))
    version, _flags, sectors = struct.unpack_from("<IIQ", head, 4)
    descriptor_at, descriptor_sectors = struct.unpack_from("<QQ", head, 28)
    (grains_at,) = struct.unpack_from("<Q", head, 56)
    text, faults = _descriptor(head, descriptor_at, descriptor_sectors * SECTOR)
    if version not in {1, 2, 3}:
        faults.append(Fault("version", f"is a VMDK of version {version}, which is not known"))
    finding = sized("vmdk", sectors * SECTOR, *faults)._replace(subformat=created_as(text))
    if grains_at != GRAINS_AT_END:
        return finding
    return finding._replace(later=Later(functools.partial(_with_footer, header=head[:HEADER], finding=finding)))


def _descriptor(head: bytes, sector: int, size: int) -> tuple[str, list[Fault]]:
    """The embedded descriptor, and what is wrong with it."""
    if sector != 1:
        return "", [Fault("descriptor", "keeps its VMDK descriptor in an unusual place")]
    length = min(size, DESCRIPTOR_MOST)
    content = head[SECTOR : SECTOR + length]
    if len(content) < length:
        return "", [CUT_SHORT]
    text = content.partition(b"\0")[0]
    if not is_text(text):
        return "", [Fault("descriptor", "has a VMDK descriptor that is not text")]
    return text.decode("ascii"), descriptor_faults(text.decode("ascii"))


def descriptor_faults(text: str) -> list[Fault]:
    """Each line must be understood: no program may read in it what was not seen here."""
    lines = [line.strip() for line in text.split("\n")]
    extents = [line for line in lines if line.partition(" ")[0].lower() in ACCESS]
    faults = []
    if re.search(PARENT, text):
        faults.append(Fault("backing_file", "has a parent image"))
    if len(extents) != 1:
        faults.append(Fault("extents", f"has {len(extents)} extents, where an image that is one file has one"))
    if not all(re.fullmatch(EXTENT, line) for line in extents):
        faults.append(Fault("extents", "names data outside of itself"))
    if not all(line in extents or _is_setting(line) for line in lines):
        faults.append(Fault("descriptor", "has a VMDK descriptor with a line that is not understood"))
    return faults


def _is_setting(line: str) -> bool:
    """A blank line, a comment, an entry of the disk database, or a word with a value."""
    key, equals, _ = line.partition("=")
    return not line or line.startswith(("#", "ddb", "DDB")) or (bool(equals) and " " not in key)


def created_as(text: str) -> str:
    """The type that the descriptor names, in lower case; empty: none, or more than one."""
    found = {name.lower() for name in re.findall(CREATE_TYPE, text)}
    return found.pop() if len(found) == 1 else ""


def _with_footer(ends: Ends, header: bytes, finding: Finding) -> Finding:
    """The footer takes precedence over the header, so it must not say anything else."""
    bad = Fault("footer", "has a footer that contradicts its header")
    tail = ends.tail
    if len(tail) < TAIL:
        return finding._replace(later=None, faults=(*finding.faults, CUT_SHORT))
    marker, footer, end = tail[:SECTOR], tail[SECTOR : 2 * SECTOR], tail[2 * SECTOR :]
    _value, marker_size, marker_kind = struct.unpack_from("<QII", marker)
    (grains_at,) = struct.unpack_from("<Q", footer, 56)
    same = footer[:56] == header[:56] and grains_at != GRAINS_AT_END
    marked = marker_size == 0 and marker_kind == FOOTER_MARKER and not any(marker[16:]) and not any(end)
    return finding._replace(later=None, faults=finding.faults if same and marked else (*finding.faults, bad))
