"""Takes an image out of the archive or the compression that it came in. Output is bounded; nothing is written here."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from typing import IO, BinaryIO

from glancetui.errors import JobFailed, LimitExceeded
from glancetui.images.source import ByteSource

MAGIC_BYTES = 8
HINT = "Send the image compressed by gzip, bzip2, xz, or alone in a zip file."
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)


class Decompressed:
    """A ByteSource over what comes out."""

    declared_size: int | None = None

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._most = most
        self._size = 0

    def read_into(self, buffer: memoryview) -> int:
        try:
            data = self._stream.read(len(buffer))
        except BROKEN as error:
            raise JobFailed("bad-archive", f"The compressed image is damaged: {error}. Send it again.") from error
        buffer[: len(data)] = data
        self._size += len(data)
        if self._size > self._most:
            raise LimitExceeded(f"The image grows beyond {self._most} bytes (image_size_cap) when it is decompressed.")
        return len(data)


def decompressed(file: BinaryIO, most: int) -> ByteSource:
    """What is in `file`, at most `most` bytes. Raises JobFailed for what is no compression that is known."""
    magic = file.read(MAGIC_BYTES)
    file.seek(0)
    try:
        return Decompressed(opened(file, magic), most)
    except BROKEN as error:
        raise JobFailed("bad-archive", f"The compressed image cannot be opened: {error}. {HINT}") from error


def opened(file: BinaryIO, magic: bytes) -> IO[bytes]:
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]  # a stream, though not declared as IO
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if magic.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(file)
    if magic.startswith(b"PK\x03\x04"):
        return only_member(zipfile.ZipFile(file))
    raise JobFailed("bad-archive", f"The data are not compressed in a way that is known. {HINT}")


def only_member(archive: zipfile.ZipFile) -> IO[bytes]:
    members = [each for each in archive.infolist() if not each.is_dir()]
    if len(members) != 1:
        raise JobFailed("bad-archive", f"The zip file holds {len(members)} files; an image must be alone in it.")
    return archive.open(members[0])
