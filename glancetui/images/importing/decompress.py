"""Takes an image out of the archive or the compression that it came in. Output and memory are bounded.

Nothing is written here.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from typing import IO, Any, BinaryIO

from glancetui.errors import JobFailed, LimitExceeded
from glancetui.images.source import ByteSource

MAGIC_BYTES = 8
PIECE = 1 << 16
XZ_MEMORY = 256 << 20  # bytes; `xz -9` needs 65 MiB, and a header may ask for four GiB
ZIP_READ_MOST = 4 << 20  # bytes read at once: the directory of a zip file with one member is far smaller
#: Of LZMA within a zip file the memory cannot be bounded; other methods are not known to all.
ZIP_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
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


def decompressed(file: BinaryIO, most: int) -> ByteSource | None:
    """What is in `file`, at most `most` bytes; None where it is not compressed in a way that is known. Raises JobFailed
    for a broken archive, and one of more or less than a file."""
    magic = file.read(MAGIC_BYTES)
    file.seek(0)
    try:
        stream = opened(file, magic)
        return None if stream is None else Decompressed(stream, most)
    except BROKEN as error:
        raise JobFailed("bad-archive", f"The compressed image cannot be opened: {error}. {HINT}") from error


def opened(file: BinaryIO, magic: bytes) -> IO[bytes] | None:
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]  # a stream, though not declared as IO
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if magic.startswith(b"\xfd7zXZ\x00"):
        return Xz(file)  # type: ignore[return-value]  # as above
    if magic.startswith(b"PK\x03\x04"):
        return only_member(zipfile.ZipFile(Sparing(file)))
    return None


def only_member(archive: zipfile.ZipFile) -> IO[bytes]:
    members = [each for each in archive.infolist() if not each.is_dir()]
    if len(members) != 1:
        raise JobFailed("bad-archive", f"The zip file holds {len(members)} files; an image must be alone in it.")
    if members[0].compress_type not in ZIP_METHODS:
        raise JobFailed("bad-archive", f"The zip file is compressed in a way that is not taken here. {HINT}")
    return archive.open(members[0])


class Xz(io.RawIOBase):
    """An xz file, of one stream or several. Python's own reader takes as much memory as the file's header asks for."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._decoder = self._next_stream()

    def _next_stream(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever takes bytes, as RawIOBase has it
        """Raises lzma.LZMAError, EOFError."""
        while True:
            packed = self._packed()
            if packed is None:
                return 0
            data = self._decompress(packed, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)

    def _decompress(self, packed: bytes, most: int) -> bytes:
        try:
            return self._decoder.decompress(packed, most)
        except lzma.LZMAError as error:
            if "Memory usage limit" not in str(error):
                raise
            raise JobFailed(
                "bad-archive",
                f"Reading the xz file takes more than {XZ_MEMORY >> 20} MiB of memory. Compress it by `xz -9` or less.",
            ) from error

    def _packed(self) -> bytes | None:
        """What the decoder is to have next; None: the file has ended, and all streams with it."""
        if self._decoder.eof:
            # Zeros may stand between streams and behind the last one.
            rest = self._decoder.unused_data.lstrip(b"\0")
            while not rest:
                piece = self._file.read(PIECE)
                if not piece:
                    return None
                rest = piece.lstrip(b"\0")
            self._decoder = self._next_stream()
            return rest
        if not self._decoder.needs_input:
            return b""
        piece = self._file.read(PIECE)
        if not piece:
            raise EOFError("it ends within its data")
        return piece


class Sparing(io.RawIOBase):
    """A file that is never read whole: a zip file's directory is as large as its end says."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """Raises zipfile.BadZipFile."""
        if not 0 <= size <= ZIP_READ_MOST:
            size = ZIP_READ_MOST + 1
        data = self._file.read(size)
        if len(data) > ZIP_READ_MOST:
            raise zipfile.BadZipFile("its directory is too large for one file")
        return data
