"""The bytes of images, up and down.

An upload sends a file by `sendfile` where nothing has to touch its bytes. A download is hashed as it arrives, and is
not given to anybody as whole unless its hash is the image's own.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import socket
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from glancetui.client.cancel import CancelToken
from glancetui.client.client import Client
from glancetui.client.problems import ServerFault
from glancetui.client.transport import Wire, is_readable
from glancetui.client.values import RemoteImage
from glancetui.errors import BadRequest, Conflict, GlancetuiError, RangeNotSatisfiable

CHUNK = 1 << 20
SENDFILE_STEP = 8 << 20  # bytes between two looks at the clock and at the server


class HashMismatch(GlancetuiError):
    """What arrived is not what the image's hash promises."""

    def __init__(self, image_id: str, algorithm: str, expected: str, actual: str) -> None:
        super().__init__(
            f"The data of image {image_id} does not have its {algorithm} hash: expected {expected}, got {actual}. "
            "It was damaged on the way or in the store; download it again, and if that fails too, upload it anew."
        )
        self.algorithm, self.expected, self.actual = algorithm, expected, actual


class CutShort(GlancetuiError):
    """The connection ended before the image did."""

    retryable = True

    def __init__(self, image_id: str, got: int, wanted: int) -> None:
        super().__init__(
            f"The data of image {image_id} ended after {got} of {wanted} bytes; --resume goes on from there."
        )
        self.got, self.wanted = got, wanted


class FileChanged(GlancetuiError):
    """The file was written to while it was sent."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} changed while it was being sent; what arrived may be a mixture. Upload it again.")


class OwnSide(Exception):
    """A failure of the file or pipe here, carried past the code that explains failures of the connection."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@contextlib.contextmanager
def own_side() -> Iterator[None]:
    """What fails inside is a matter of this machine, not of the endpoint."""
    try:
        yield
    except OSError as error:
        raise OwnSide(error) from error


@contextlib.contextmanager
def told_apart() -> Iterator[None]:
    """Raise what failed in `own_side` as it was: a full disk, a closed pipe."""
    try:
        yield
    except OwnSide as failed:
        raise failed.error from None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a transfer is. `phase`: sending, waiting (for the server to finish), receiving, verifying, done."""

    phase: str
    done: int  # bytes
    total: int | None  # bytes; None: not known


class Report(Protocol):
    """Told often how a transfer goes; must return quickly."""

    def __call__(self, progress: Progress) -> None: ...


def silent(progress: Progress) -> None:
    """A Report for those who want none."""


# Up -------------------------------------------------------------------------------------------------------------------


def upload(
    client: Client,
    image_id: str,
    source: BinaryIO,
    *,
    size: int | None = None,
    store: str | None = None,
    to: str = "file",
    report: Report = silent,
    token: CancelToken | None = None,
) -> int:
    """Send all of `source` from where it stands as the data of an image; returns how many bytes were sent.

    `to` "stage" leaves them where an import will find them.

    A regular file is sent with its size known and checked; anything else (a pipe) in chunks, or with `size` declared.
    Raises FileChanged, and whatever the endpoint says: Conflict, UnsupportedMedia, LimitExceeded, Gone, …
    """
    body = body_of(source, size)
    headers = body.headers() | ({"X-Image-Meta-Store": store} if store else {})
    sending = Sending(body, report)
    with told_apart():
        client.send_data(image_id, headers, sending.run, token, to=to)
    body.check_unchanged()
    report(Progress(phase="done", done=sending.sent, total=sending.sent))
    return sending.sent


class FileBody:
    """A regular file, from its current position to its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._before = os.fstat(file.fileno())
        self.offset = file.tell()
        self.size: int = max(0, self._before.st_size - self.offset)

    def headers(self) -> dict[str, str]:
        return {"Content-Length": str(self.size)}

    def pieces(self, wire: Wire) -> Iterator[int]:
        """Send the file step by step; yields the bytes of each."""
        if wire.sock is None:
            raise ConnectionResetError
        done = 0
        while done < self.size:
            step = send_some(wire.sock, self._file, self.offset + done, min(SENDFILE_STEP, self.size - done))
            if not step:
                raise FileChanged(str(self._file.name))
            done += step
            yield step

    def check_unchanged(self) -> None:
        now = os.fstat(self._file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise FileChanged(str(self._file.name))


def send_some(connection: socket.socket, file: BinaryIO, offset: int, count: int) -> int:
    """Send up to `count` bytes; `sendfile` does it in the kernel on plain sockets, and by reading under TLS."""
    return connection.sendfile(file, offset, count)


class StreamBody:
    """A pipe or anything else that can only be read once."""

    def __init__(self, file: BinaryIO, size: int | None) -> None:
        self._file = file
        self.size = size

    def headers(self) -> dict[str, str]:
        return {"Transfer-Encoding": "chunked"} if self.size is None else {"Content-Length": str(self.size)}

    def pieces(self, wire: Wire) -> Iterator[int]:
        sent = 0
        while chunk := self._chunk():
            sent += len(chunk)
            if self.size is not None and sent > self.size:
                raise BadRequest(f"More data came than the {self.size} bytes that were declared.")
            wire.send(framed(chunk) if self.size is None else chunk)
            yield len(chunk)
        if self.size is None:
            wire.send(b"0\r\n\r\n")
        elif sent < self.size:
            raise BadRequest(f"The data ended after {sent} of the {self.size} bytes that were declared.")

    def _chunk(self) -> bytes:
        with own_side():
            return self._file.read(CHUNK)

    def check_unchanged(self) -> None:
        """Nothing can be said about what is gone once read."""


def framed(chunk: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(chunk), chunk)


def body_of(source: BinaryIO, size: int | None) -> FileBody | StreamBody:
    with contextlib.suppress(OSError, AttributeError, ValueError):  # no file behind it, or one without a position
        if size is None and stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            return FileBody(source)
    return StreamBody(source, size)


class Sending:
    """Writes a body, tells how far it is, and stops as soon as the server answers before the end."""

    def __init__(self, body: FileBody | StreamBody, report: Report) -> None:
        self.sent = 0
        self._body, self._report = body, report

    def run(self, wire: Wire) -> None:
        self._report(Progress(phase="sending", done=0, total=self._body.size))
        for step in self._body.pieces(wire):
            self.sent += step
            self._report(Progress(phase="sending", done=self.sent, total=self._body.size))
            if wire.sock is not None and self.sent != self._body.size and is_readable(wire.sock):
                raise BrokenPipeError  # it has made up its mind: read what it says
        self._report(Progress(phase="waiting", done=self.sent, total=self._body.size))


# Down -----------------------------------------------------------------------------------------------------------------


class Digest:
    """The hash that tells whether an image arrived whole: its `os_hash_value`, else its MD5 checksum, else none."""

    def __init__(self, image: RemoteImage) -> None:
        self.algorithm, self.expected = expected_hash(image)
        self._image_id = image.id
        self._hash = hashlib.new(self.algorithm, usedforsecurity=False) if self.algorithm else None

    def update(self, chunk: bytes | memoryview) -> None:
        if self._hash:
            self._hash.update(chunk)

    def check(self) -> None:
        """Raises HashMismatch."""
        if self._hash and self._hash.hexdigest() != self.expected:
            raise HashMismatch(self._image_id, self.algorithm or "", self.expected or "", self._hash.hexdigest())


def expected_hash(image: RemoteImage) -> tuple[str | None, str | None]:
    if image.os_hash_value and (image.os_hash_algo or "") in hashlib.algorithms_available:
        return image.os_hash_algo, image.os_hash_value.lower()
    return ("md5", image.checksum.lower()) if image.checksum else (None, None)


Write = Callable[[memoryview], object]


def stream(
    client: Client,
    image: RemoteImage,
    write: Write,
    *,
    digest: Digest | None = None,
    offset: int = 0,
    end: int | None = None,
    report: Report = silent,
    token: CancelToken | None = None,
) -> int:
    """Hand the data of an image to `write`, from byte `offset` to before `end`; returns the number of bytes.

    The whole image is verified; a part cannot be, unless `digest` has seen what is before it.
    Raises HashMismatch after the last byte: what was written must then not be used; Conflict if there is no data.
    """
    whole = digest or (Digest(image) if not offset and end is None else None)
    with told_apart(), client.open_data(image.id, offset=offset, end=end, token=token) as response:
        check_has_data(response, image, offset=offset)
        total = (response.length or 0) + offset if response.length is not None else None
        count = copy(response, write, whole, offset, total, report)
    if total is not None and offset + count < total:
        raise CutShort(image.id, offset + count, total)
    if whole and (end is None or end == image.size):
        report(Progress(phase="verifying", done=offset + count, total=offset + count))
        whole.check()
    report(Progress(phase="done", done=offset + count, total=offset + count))
    return count


def check_has_data(response: http.client.HTTPResponse, image: RemoteImage, *, offset: int) -> None:
    if response.status == 204:
        raise Conflict(f"Image {image.id} has no data to download; its status is {image.status}.")
    if offset and response.status != 206:
        raise RangeNotSatisfiable(
            "The endpoint sends this image only as a whole. Download it again without --resume or --range."
        )
    if offset:
        first = (response.getheader("Content-Range") or "").removeprefix("bytes ").partition("-")[0]
        if first != str(offset):
            raise ServerFault(f"The endpoint sent another part of image {image.id} than it was asked for.")


def copy(
    response: http.client.HTTPResponse,
    write: Write,
    digest: Digest | None,
    offset: int,
    total: int | None,
    report: Report,
) -> int:
    """Pass the body on, chunk by chunk; returns its length, which may be short of what was announced."""
    buffer = memoryview(bytearray(CHUNK))
    count = 0
    report(Progress(phase="receiving", done=offset, total=total))
    while got := response.readinto(buffer):
        if digest:
            digest.update(buffer[:got])
        with own_side():
            write(buffer[:got])
        count += got
        report(Progress(phase="receiving", done=offset + count, total=total))
    return count


def save(
    client: Client,
    image: RemoteImage,
    path: Path,
    *,
    resume: bool = False,
    report: Report = silent,
    token: CancelToken | None = None,
) -> int:
    """Download an image to `path`, which appears only when it is whole and verified; returns its size in bytes.

    It grows beside it as PATH.part. Whatever goes wrong removes that; but with `resume` it stays, unless its hash is
    wrong, and the next attempt with `resume` goes on from its end. A device or a pipe is written to as it is.
    """
    digest = Digest(image)
    path = written_to(path)
    if is_special(path):
        with path.open("wb") as file:
            return stream(client, image, file.write, digest=digest, report=report, token=token)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("r+b" if resume and part.exists() else "w+b") as file:
            offset = hashed_so_far(file, digest, image)
            if offset == 0 or offset != image.size:
                stream(client, image, file.write, digest=digest, offset=offset, report=report, token=token)
            else:
                digest.check()
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        part.replace(path)
    except BaseException as error:
        if not resume or isinstance(error, HashMismatch | RangeNotSatisfiable):
            part.unlink(missing_ok=True)
        raise
    return size


def save_part(
    client: Client, image: RemoteImage, path: Path, offset: int, end: int | None, *, report: Report = silent
) -> int:
    """Download bytes `offset` to before `end` to `path`, which appears only when all of them are there."""
    path = written_to(path)
    part = path if is_special(path) else path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            count = stream(client, image, file.write, offset=offset, end=end, report=report)
        if part != path:
            part.replace(path)
    except BaseException:
        if part != path:
            part.unlink(missing_ok=True)
        raise
    return count


def written_to(path: Path) -> Path:
    """What `path` leads to: a link keeps pointing at what it pointed at. Raises BadRequest for a folder."""
    if path.is_dir():
        raise BadRequest(f"{path} is a folder. Name a file in it.")
    return path.resolve() if path.is_symlink() else path


def is_special(path: Path) -> bool:
    """Whether a file of another name must not take its place: /dev/null, a disk, a named pipe."""
    return path.exists() and not path.is_file()


def hashed_so_far(file: BinaryIO, digest: Digest, image: RemoteImage) -> int:
    """Hash what an earlier attempt left, and stand at its end. More than the image has cannot be its beginning."""
    length = os.fstat(file.fileno()).st_size
    if image.size is not None and length > image.size:
        file.truncate(0)
        return 0
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return length


class Rate:
    """Bytes a second over the last ten seconds, and how long the rest will take."""

    WINDOW = 10.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._points: deque[tuple[float, int]] = deque()

    def add(self, done: int) -> None:
        now = self._clock()
        self._points.append((now, done))
        while len(self._points) > 2 and self._points[1][0] <= now - self.WINDOW:
            self._points.popleft()

    @property
    def per_second(self) -> float:
        if len(self._points) < 2:
            return 0.0
        (began, first), (ended, last) = self._points[0], self._points[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    def remaining(self, done: int, total: int | None) -> float | None:
        """Seconds; None where they cannot be told."""
        rate = self.per_second
        return (total - done) / rate if total is not None and rate > 0 else None
