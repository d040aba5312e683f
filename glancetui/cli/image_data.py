"""The commands that move bytes: `image create`, `image upload`, `image save`."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from glancetui.cli.bringing import bring_in
from glancetui.cli.context import Context
from glancetui.cli.image_columns import print_image
from glancetui.cli.progress import progress_arguments, shown
from glancetui.cli.targets import named, project_id_of
from glancetui.cli.verbs import UsageError, count, key_value, seconds
from glancetui.client import transfer
from glancetui.client.values import RemoteImage
from glancetui.errors import Conflict, GlancetuiError

GUESS_BYTES = 1 << 20  # of a file that its format is recognised from
FINAL = frozenset({"active", "deactivated", "killed", "deleted", "pending_delete"})
POLL_SECONDS = 0.5


# Arguments ------------------------------------------------------------------------------------------------------------


def attribute_arguments(parser: argparse.ArgumentParser) -> None:
    """What `create` and `set` can both say about an image."""
    seen = parser.add_mutually_exclusive_group()
    for visibility in ("public", "private", "community", "shared"):
        seen.add_argument(f"--{visibility}", dest="visibility", action="store_const", const=visibility)
    for yes, no, field in (("protected", "unprotected", "protected"), ("hidden", "unhidden", "os_hidden")):
        group = parser.add_mutually_exclusive_group()
        group.add_argument(f"--{yes}", dest=field, action="store_const", const=True)
        group.add_argument(f"--{no}", dest=field, action="store_const", const=False)
    parser.add_argument(
        "--disk-format", metavar="FORMAT", help="qcow2, raw, vmdk, iso …; create guesses it from the file"
    )
    parser.add_argument("--container-format", metavar="FORMAT", help="bare (what create takes), ovf, docker …")
    parser.add_argument("--min-disk", type=count, metavar="GIB")
    parser.add_argument("--min-ram", type=count, metavar="MIB")
    parser.add_argument("--property", type=key_value, action="append", default=[], metavar="K=V", help="repeatable")
    parser.add_argument("--tag", action="append", default=[], help="repeatable")
    parser.add_argument("--project", metavar="ID", help="owner, by its id; another than your own takes an admin")


def create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--id", metavar="UUID", help="instead of one that the endpoint chooses")
    data = parser.add_mutually_exclusive_group()
    data.add_argument("--file", metavar="FILE", help="send it as the image's data; - is stdin")
    data.add_argument("--uri", metavar="URL", help="have the endpoint fetch the data from there")
    attribute_arguments(parser)
    parser.add_argument("--store", metavar="STORE", help="where to put the data")
    parser.add_argument("--if-absent", action="store_true", help="an image of yours with this name and data will do")
    parser.add_argument("--wait", action="store_true", help="until it is active")
    parser.add_argument("--wait-timeout", type=seconds, metavar="DURATION", help="90, 15m, 2h; without it, no end")
    progress_arguments(parser)


def upload_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name of an image that is queued")
    parser.add_argument("--file", metavar="FILE", required=True, help="- is stdin")
    parser.add_argument("--store", metavar="STORE", help="where to put the data")
    progress_arguments(parser)


def save_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", help="id or name")
    parser.add_argument("--file", metavar="FILE", help="- or nothing is stdout")
    parser.add_argument("--resume", action="store_true", help="keep what came when it breaks off, and go on from there")
    parser.add_argument(
        "--range", type=byte_range, metavar="A-B", help="only bytes A to B, B included; these are not verified"
    )
    progress_arguments(parser)


def byte_range(text: str) -> tuple[int, int | None]:
    """First byte, and the one after the last."""
    first, dash, last = text.partition("-")
    if not dash or not first.isdecimal() or (last and not last.isdecimal()) or (last and int(last) < int(first)):
        raise argparse.ArgumentTypeError(f"{text!r} must look like 0-1023 or 1024-")
    return int(first), int(last) + 1 if last else None


# create ---------------------------------------------------------------------------------------------------------------


def create_image(context: Context) -> None:
    """Create an image, and with --file or --uri give it its data. A file's format is recognised from its content."""
    given = context.arguments
    if given.uri and not given.disk_format:
        raise UsageError("--uri needs --disk-format: only the endpoint sees the data")
    with opened(given.file) as source:
        attributes = attributes_of(context)
        if source is not None:
            attributes = with_formats(context, attributes, source)
        elif "disk_format" in attributes:
            attributes = {"container_format": "bare", **attributes}
        image = existing(context, source) if given.if_absent else None
        if image is None:
            image = context.client.create(attributes).image
        if source is not None and image.status == "queued":
            send(context, image, source)
    if given.uri and image.status == "queued":
        where = {"stores": [given.store]} if given.store else {}
        bring_in(context, image, {"method": {"name": "web-download", "uri": given.uri}, **where})
    print_image(context, settled(context, image.id), changed=True)


def attributes_of(context: Context) -> dict[str, object]:
    """The flags as attributes of the API; what was not said is left out."""
    given = context.arguments
    attributes: dict[str, object] = dict(given.property)
    named_by_flags = {
        "name": given.name,
        "id": getattr(given, "id", None),
        "visibility": given.visibility,
        "protected": given.protected,
        "os_hidden": given.os_hidden,
        "disk_format": given.disk_format,
        "container_format": given.container_format,
        "min_disk": given.min_disk,
        "min_ram": given.min_ram,
        "owner": project_id_of(context.client, given.project) if given.project else None,
    }
    attributes |= {key: value for key, value in named_by_flags.items() if value is not None}
    return attributes | ({"tags": sorted(set(given.tag))} if given.tag else {})


def with_formats(context: Context, attributes: dict[str, object], source: BinaryIO) -> dict[str, object]:
    """Fill in the formats that the flags leave open, and say so."""
    if "disk_format" in attributes:
        return {"container_format": "bare", **attributes}
    from glancetui.formats.guess import guess, guess_file  # knows many formats; most commands need none

    file = context.arguments.file
    found = guess(peeked(source)) if file == "-" else guess_file(file)
    context.say(f"format: {found.disk_format}, container {found.container_format}, because {found.reason}")
    return {"disk_format": found.disk_format, "container_format": found.container_format, **attributes}


def peeked(source: BinaryIO) -> bytes:
    """The first bytes, which will still be sent."""
    start = source.tell() if source.seekable() else 0
    first = source.read(GUESS_BYTES)
    if isinstance(source, Replayed):
        source.unread(first)
    else:
        source.seek(start)
    return first


def existing(context: Context, source: BinaryIO | None) -> RemoteImage | None:
    """The image that --if-absent is content with: same name, own, same data; or one that still waits for its data."""
    owner = context.client.caller().project_id
    own = [image for image in context.client.images_named(context.arguments.name) if owner in {None, image.owner}]
    if source is None:
        return own[0] if own else None
    for image in own:
        if image.status == "queued" or has_data_of(image, source):
            return image
    return None


def has_data_of(image: RemoteImage, source: BinaryIO) -> bool:
    algorithm, expected = transfer.expected_hash(image)
    if not source.seekable():
        raise UsageError("--if-absent compares the file with what is there, so it must be a file, not a pipe")
    if algorithm is None:
        return False
    start = source.tell()
    digest = hashlib.new(algorithm, usedforsecurity=False)
    while chunk := source.read(transfer.CHUNK):
        digest.update(chunk)
    source.seek(start)
    return digest.hexdigest() == expected


def send(context: Context, image: RemoteImage, source: BinaryIO) -> None:
    """Upload; if that fails the image stays, and the hint says how to go on."""
    given = context.arguments
    try:
        with shown(context, image.id, image.name or image.id) as report:
            transfer.upload(context.client, image.id, source, store=given.store, report=report)
    except BaseException:
        again = f"glancetui image upload {image.id} --file {given.file}"
        context.say(f"image {named(image)} is left without data: `{again}` tries again")
        raise


def settled(context: Context, image_id: str) -> RemoteImage:
    """The image as it is now; with --wait, once it will not change by itself."""
    image = context.client.image(image_id)
    given = context.arguments
    deadline = time.monotonic() + given.wait_timeout if given.wait_timeout else None
    while given.wait and image.status not in FINAL and not (image.status == "queued" and given.file is None):
        if deadline and time.monotonic() > deadline:
            raise GlancetuiError(f"Image {named(image)} is still {image.status}; the endpoint goes on with it.")
        time.sleep(POLL_SECONDS)
        image = context.client.image(image_id)
        if image.status == "queued":
            raise GlancetuiError(f"Image {named(image)} went back to queued: its data was not taken.")
    return image


# upload, save ---------------------------------------------------------------------------------------------------------


def upload_image(context: Context) -> None:
    """Give a queued image its data."""
    image = context.client.find_image(context.arguments.image)
    if image.status != "queued":
        raise Conflict(f"Image {named(image)} is {image.status}; only a queued one takes data.")
    with opened(context.arguments.file) as source:
        if source is None:
            raise UsageError("--file names what to send")
        if image.disk_format is None or image.container_format is None:
            image = give_formats(context, image, source)
        send(context, image, source)
    print_image(context, context.client.image(image.id), changed=True)


def give_formats(context: Context, image: RemoteImage, source: BinaryIO) -> RemoteImage:
    has: Mapping[str, object] = {"disk_format": image.disk_format, "container_format": image.container_format}
    wanted = with_formats(context, {key: value for key, value in has.items() if value is not None}, source)
    operations = [{"op": "replace", "path": f"/{key}", "value": value} for key, value in wanted.items()]
    return context.client.patch(image.id, operations)


def save_image(context: Context) -> None:
    """Download an image, and check its hash."""
    given = context.arguments
    image = context.client.find_image(given.image)
    first, end = given.range or (0, None)
    to_stdout = given.file in {None, "-"}
    if to_stdout and sys.stdout.isatty():
        raise UsageError("An image is not for a terminal: name a --file, or send stdout elsewhere")
    if given.resume and (to_stdout or given.range):
        raise UsageError("--resume needs a --file, and no --range")
    with shown(context, image.id, image.name or image.id) as report:
        if to_stdout:
            transfer.stream(context.client, image, sys.stdout.buffer.write, offset=first, end=end, report=report)
            sys.stdout.buffer.flush()
        elif given.range:
            transfer.save_part(context.client, image, Path(given.file), first, end, report=report)
        else:
            transfer.save(context.client, image, Path(given.file), resume=given.resume, report=report)
    verified, _ = transfer.expected_hash(image)
    if given.range:
        context.say("a part of an image cannot be verified")
    elif not to_stdout:
        how = f"{verified} verified" if verified else "without a hash to verify"
        context.say(f"saved {named(image)} to {given.file}, {how}")


class Replayed(io.BufferedReader):
    """A pipe of which the first bytes can be put back once."""

    def __init__(self, pipe: BinaryIO) -> None:
        super().__init__(io.FileIO(pipe.fileno(), closefd=False))
        self._again = b""

    def unread(self, data: bytes) -> None:
        self._again = data + self._again

    def read(self, size: int | None = -1) -> bytes:
        if not self._again or size is None or size < 0:
            again, self._again = self._again, b""
            return again + super().read(size)
        again, self._again = self._again[:size], self._again[size:]
        return again


@contextlib.contextmanager
def opened(name: str | None) -> Iterator[BinaryIO | None]:
    """The file to send; None where there is none. Not found out only after an image was made for it."""
    if name is None:
        yield None
    elif name == "-":
        if sys.stdin is None:
            raise UsageError("--file - reads the image from stdin, but that is closed")
        if sys.stdin.isatty():
            raise UsageError("--file - reads the image from stdin, but that is a terminal")
        yield sys.stdin.buffer if sys.stdin.seekable() else Replayed(sys.stdin.buffer)
    else:
        with Path(name).open("rb") as file:
            yield file
