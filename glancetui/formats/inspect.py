"""An upload's content compared with what its image claims to be, while it passes.

The rules are those that Glance applies: only images in a `bare` container are looked into; what is recognised must be
the image's disk_format; `raw` may be anything that is safe to open; what could make a hypervisor open another file is
refused whatever it is called. Recognition looks at the first HEAD bytes, at most one region behind them, and at the
TAIL: everything between passes at no cost, and how the bytes were cut into chunks cannot matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from glancetui.errors import UnsupportedMedia
from glancetui.formats.finding import HEAD, REGION_MOST, TAIL, Ends, Fault, Finding, Region
from glancetui.formats.microsoft import fixed_vhd
from glancetui.formats.recognise import recognise

INSPECTED_CONTAINER = "bare"
RECOGNISED = frozenset({"raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso", "gpt", "luks", "qed"})
UNTOLD = "unknown"


class Rules(Protocol):
    """The options of [image_format]."""

    @property
    def vmdk_allowed_types(self) -> Sequence[str]: ...
    @property
    def require_image_format_match(self) -> bool: ...
    @property
    def gpt_safety_checks_nonfatal(self) -> Sequence[str]: ...


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """`format`: what the content is, by disk_format's names; `unknown` where it was not looked into.

    `virtual_size` in bytes; None where it cannot be told or is nothing.
    """

    format: str
    virtual_size: int | None


class Inspector:
    """One upload's content. Feed it all bytes in order, then finish. Used by one thread."""

    def __init__(
        self, disk_format: str | None, container_format: str | None, rules: Rules, *, plain_fits: bool = False
    ) -> None:
        """`plain_fits`: data without any format's structure may be called by the name of any."""
        inspected = container_format == INSPECTED_CONTAINER
        self._judge = Judge(disk_format or "", rules, plain_fits=plain_fits) if inspected else None
        self._head = bytearray()
        self._tail = b""
        self._size = 0
        self._findings: list[Finding] | None = None  # None: the head is not complete yet
        self._region: Region | None = None
        self._caught = bytearray()

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes; the buffer is the caller's again on return. Raises UnsupportedMedia once it is sure."""
        if self._judge is None:
            return
        begin, self._size = self._size, self._size + len(chunk)
        if self._findings is None:
            self._head += chunk[: HEAD - begin]
            if self._size >= HEAD:
                self._look(self._judge)
        if self._region is not None:
            self._catch(chunk, begin, self._region)
        # At most TAIL bytes are copied of each chunk.
        self._tail = bytes(chunk[-TAIL:]) if len(chunk) >= TAIL else (self._tail + bytes(chunk))[-TAIL:]

    def finish(self) -> Inspection:
        """All bytes have passed. Raises UnsupportedMedia."""
        if self._judge is None:
            return Inspection(format=UNTOLD, virtual_size=None)
        if self._findings is None:
            self._look(self._judge)
        ends = Ends(self._size, self._tail, bytes(self._caught))
        findings = [each.later.conclude(ends) if each.later else each for each in self._findings or []]
        return self._judge.decide(findings, ends)

    def _look(self, judge: Judge) -> None:
        head = bytes(self._head)
        self._findings = recognise(head)
        judge.decide_early(self._findings)
        self._head = bytearray()
        self._region = next((each.later.region for each in self._findings if each.later and each.later.region), None)
        if self._region is not None:
            self._catch(memoryview(head), 0, self._region)

    def _catch(self, chunk: bytes | memoryview, begin: int, region: Region) -> None:
        """Keep what the chunk, which begins at `begin`, has of the region; what is kept has no gaps."""
        wanted = region.offset + len(self._caught)
        missing = min(region.length, REGION_MOST) - len(self._caught)
        if missing and begin <= wanted < begin + len(chunk):
            self._caught += chunk[wanted - begin : wanted - begin + missing]


class Judge:
    """What findings mean for an image that claims to be of `disk_format`."""

    def __init__(self, disk_format: str, rules: Rules, *, plain_fits: bool = False) -> None:
        self._claimed = disk_format
        self._plain_fits = plain_fits
        self._must_match = rules.require_image_format_match
        self._vmdk_types = frozenset(name.lower() for name in rules.vmdk_allowed_types)
        self._tolerated = frozenset(rules.gpt_safety_checks_nonfatal)

    def decide_early(self, findings: Sequence[Finding]) -> None:
        """What the head alone settles. Raises UnsupportedMedia only where `decide` would, whatever comes behind."""
        self._refuse_unsafe(findings)
        if self._claimed != "vhd" or not self._may_be_fixed_vhd(findings):
            self._refuse_mismatch([finding.format for finding in findings])

    def decide(self, findings: Sequence[Finding], ends: Ends) -> Inspection:
        """Raises UnsupportedMedia."""
        self._refuse_unsafe(findings)
        if self._claimed == "vhd" and self._may_be_fixed_vhd(findings):
            fixed = fixed_vhd(ends)
            findings = findings if fixed is None else [fixed]
            self._refuse_unsafe(findings)
        formats = [finding.format for finding in findings]
        self._refuse_mismatch(formats)
        content = formats[0] if len(formats) == 1 else UNTOLD if formats else "raw"
        return Inspection(format=content, virtual_size=self._virtual_size(content, findings, ends) or None)

    def _virtual_size(self, content: str, findings: Sequence[Finding], ends: Ends) -> int | None:
        if self._claimed == "raw":
            return ends.size
        if content != self._claimed:
            return None
        return ends.size if content == "gpt" else findings[0].virtual_size

    def _may_be_fixed_vhd(self, findings: Sequence[Finding]) -> bool:
        """A fixed VHD is a plain disk with a footer; a richer format before the footer would be two in one."""
        return {finding.format for finding in findings} <= {"gpt", "iso"}

    def _refuse_unsafe(self, findings: Sequence[Finding]) -> None:
        faults = [fault for finding in findings for fault in self._faults(finding)]
        if faults:
            sentences = ", and ".join(dict.fromkeys(fault.sentence for fault in faults))
            raise UnsupportedMedia(
                f"Image failed safety checks: it {sentences}. Convert it to a plain image of one file."
            )

    def _faults(self, finding: Finding) -> list[Fault]:
        faults = [fault for fault in finding.faults if not self._is_tolerated(fault)]
        if finding.subformat is not None and finding.subformat not in self._vmdk_types:
            what = f"is a VMDK of the type {finding.subformat or '(none)'}, which vmdk_allowed_types does not name"
            faults.append(Fault("subformat", what))
        return faults

    def _is_tolerated(self, fault: Fault) -> bool:
        # Glance has one name, mbr, for both checks of a partition table.
        if fault.check not in {"mbr", "gptmbr"}:
            return False
        # Kernels and ramdisks may carry a boot sector's signature and no partitions.
        return self._claimed in {"aki", "ari"} or bool(self._tolerated & {fault.check, "mbr"})

    def _refuse_mismatch(self, formats: Sequence[str]) -> None:
        if not self._must_match:
            return
        if len(formats) > 1:
            raise UnsupportedMedia(f"The data is of several formats at once: {', '.join(formats)}. Send one of them.")
        content = formats[0] if formats else "raw"
        if self._fits(content):
            return
        raise UnsupportedMedia(
            f"Image disk_format {self._claimed} does not match the data, which is {content}. Set the right disk_format."
        )

    def _fits(self, content: str) -> bool:
        """`raw` promises nothing, and formats that nobody recognises look raw."""
        unrecognisable = content == "raw" and (self._plain_fits or self._claimed not in RECOGNISED)
        return self._claimed in {content, "raw"} or unrecognisable
