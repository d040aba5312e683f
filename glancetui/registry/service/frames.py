"""What goes over the wire: frames of a bounded length, each a message in msgpack.

A frame is its length in 4 bytes, most significant first, and so many bytes. A side that gets less than a whole frame
has got nothing: so whoever could not send all of a request knows that it was not done.
"""

from __future__ import annotations

import msgspec

from glancetui.registry.service.faults import Fault
from glancetui.registry.service.signature import Interface

#: Bytes. A request carries at most one image; 16 times the largest JSON body that the API takes by default.
LARGEST_REQUEST = 16 << 20
#: Bytes. A page of 1,000 images with 20 KB of properties each fits; a longer one is refused by a sentence.
LARGEST_ANSWER = 64 << 20
#: Bytes. A greeting describes an interface: 10 KB today.
LARGEST_HELLO = 1 << 20

PREFIX = 4
GOODBYE = 0  # as the number of an answer: the connection ends, and no request after the last answer was read


class BrokenFrame(Exception):
    """What came is no frame, or no message."""


class Frames:
    """Cuts what is received into frames. Holds at most one frame's bytes and what came along with its last piece."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._buffer = bytearray()

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, received: bytes) -> None:
        self._buffer += received

    def next(self) -> bytes | None:
        """The next frame's content; None until all of it is there. Raises BrokenFrame for one that is too long."""
        if len(self._buffer) < PREFIX:
            return None
        length = int.from_bytes(self._buffer[:PREFIX])
        if length > self.most:
            raise BrokenFrame(f"a frame of more than {self.most} bytes")
        end = PREFIX + length
        if len(self._buffer) < end:
            return None
        content = bytes(memoryview(self._buffer)[PREFIX:end])
        del self._buffer[:end]
        return content


def framed(content: bytes) -> bytes:
    return len(content).to_bytes(PREFIX) + content


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """The first message, from each side to the other."""

    release: str
    name: str  # of the process: a caller's, whose calls it numbers, or a service's, which remembers them
    fingerprint: str
    interface: Interface


class Request(msgspec.Struct, frozen=True, array_like=True):
    number: int  # greater than 0; one number for each call of a caller, however often it is sent
    operation: str
    arguments: msgspec.Raw
    age: float | None = None  # seconds since it was first sent to this service; None: it is sent for the first time


class Answer(msgspec.Struct, frozen=True, array_like=True):
    number: int
    fault: Fault | None = None
    result: msgspec.Raw = msgspec.Raw(b"\xc0")


encode = msgspec.msgpack.Encoder().encode
decode_hello = msgspec.msgpack.Decoder(Hello).decode
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
