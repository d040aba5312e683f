"""What recognisers say about content. Named tuples, so that commands which only guess a format start quickly."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

SECTOR = 512
HEAD = SECTOR + (1 << 20)  # bytes at the start that recognisers see: a VMDK descriptor may end here
TAIL = 3 * SECTOR  # bytes at the end: a VMDK footer with its two markers
REGION_MOST = 1 << 20  # bytes of the one region behind the head that a recogniser may ask for
SIZE_LIMIT = 1 << 63  # virtual sizes from here on fit neither a database nor a hypervisor


class Fault(NamedTuple):
    """Why content must not be opened. `sentence` goes on from "The image …"."""

    check: str
    sentence: str


class Region(NamedTuple):
    offset: int
    length: int


class Ends(NamedTuple):
    """What is known when all bytes have passed. `region` is shorter than asked for if the content ended within it."""

    size: int
    tail: bytes
    region: bytes


class Finding(NamedTuple):
    """One format that the content has. `virtual_size` in bytes; None: the content does not tell."""

    format: str
    virtual_size: int | None = None
    faults: tuple[Fault, ...] = ()
    subformat: str | None = None  # of a VMDK, in lower case; which ones are allowed is the operator's choice
    later: Later | None = None  # set where the head alone does not decide


class Later(NamedTuple):
    conclude: Callable[[Ends], Finding]
    region: Region | None = None


CUT_SHORT = Fault("whole", "is cut short within its own header")


def damaged(what: str) -> Fault:
    return Fault("whole", f"is damaged: {what}")


def sized(name: str, virtual_size: int, *faults: Fault) -> Finding:
    """A finding whose virtual size is checked against the limit."""
    if virtual_size >= SIZE_LIMIT:
        return Finding(name, None, (*faults, Fault("size", f"claims a virtual size of {virtual_size} bytes")))
    return Finding(name, virtual_size, faults)
