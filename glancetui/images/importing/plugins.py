"""What happens to an image between its coming and its storing, in the configured order.

Plugins that look into the data work on files in the staging folder; the staged data themselves are never changed, so a
failed import can be tried again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import msgspec

from glancetui.config.settings import Settings
from glancetui.errors import LimitExceeded
from glancetui.formats.inspect import Inspection, Inspector
from glancetui.images.importing.convert import convert
from glancetui.images.importing.decompress import decompressed
from glancetui.images.importing.sources import FileSource, Metered
from glancetui.images.importing.staging import Staging
from glancetui.images.jobs import Running
from glancetui.images.source import ByteSource
from glancetui.registry.jobs import Facts
from glancetui.stores.driver import CHUNK

Open = Callable[[], AbstractContextManager[ByteSource]]

COMPRESSED, BARE = "compressed", "bare"


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """Material as the plugins leave it. `file`: the staging folder's file that holds it; None: still at its source."""

    open: Open
    disk_format: str | None
    container_format: str | None
    facts: Facts = Facts()
    file: str | None = None


class Plugins:
    """Callable from many threads."""

    def __init__(self, staging: Staging, settings: Settings) -> None:
        self._staging = staging
        self._settings = settings

    @contextmanager
    def applied(
        self, running: Running, disk_format: str | None, container_format: str | None, source: Open
    ) -> Iterator[Prepared]:
        """Raises JobFailed, UnsupportedMedia, LimitExceeded, StoreFull. Work files are gone after the block."""
        prepared = Prepared(open=source, disk_format=disk_format, container_format=container_format)
        steps = {
            "inject_image_metadata": self._inject,
            "image_decompression": self._decompress,
            "image_conversion": self._convert,
        }
        try:
            for name in self._settings.imports.plugins:
                prepared = steps[name](running, prepared)
            yield prepared
        finally:
            self._staging.remove_work(running.job)

    def _inject(self, running: Running, prepared: Prepared) -> Prepared:
        settings = self._settings.imports
        if set(running.job.spec.roles) & set(settings.ignore_user_roles):
            return prepared
        properties = {**prepared.facts.properties, **settings.inject}
        return msgspec.structs.replace(prepared, facts=msgspec.structs.replace(prepared.facts, properties=properties))

    def _decompress(self, running: Running, prepared: Prepared) -> Prepared:
        """By what the data are, as Glance does; an image that is to be compressed is left so."""
        if prepared.container_format == COMPRESSED:
            return prepared
        prepared = self._at_hand(running, prepared)
        with self._staging.open(prepared.file or "") as file:
            plain = decompressed(file, self._settings.images.size_cap)
            if plain is None:
                return prepared
            output = self._staging.work_file(running.job, "plain")
            running.meter.begin("decompressing", None)
            self._write(running, output, plain)
        return self._from_file(prepared, output, prepared.facts)

    def _convert(self, running: Running, prepared: Prepared) -> Prepared:
        wanted = self._settings.imports.conversion_format
        if prepared.container_format != BARE or prepared.disk_format == wanted:
            return prepared
        prepared = self._at_hand(running, prepared)
        found = self._inspect(running, prepared)
        output = self._staging.work_file(running.job, wanted)
        running.meter.begin("converting", None)
        convert(
            self._staging.path(prepared.file or ""), found, self._staging.path(output), wanted,
            most=self._settings.images.size_cap, settings=self._settings.imports, check=running.check,
        )  # fmt: skip
        facts = msgspec.structs.replace(prepared.facts, disk_format=wanted)
        return self._from_file(prepared, output, facts, disk_format=wanted)

    def _at_hand(self, running: Running, prepared: Prepared) -> Prepared:
        """The material as a file in the staging folder; staged data are one already."""
        if prepared.file is not None:
            return prepared
        if running.job.spec.method == "glance-direct":
            return msgspec.structs.replace(prepared, file=running.job.image_id)
        name = self._staging.work_file(running.job, "fetched")
        with prepared.open() as source:
            running.meter.begin("downloading", source.declared_size)
            self._write(running, name, Metered(source, running.see))
        return self._from_file(prepared, name, prepared.facts)

    def _write(self, running: Running, name: str, source: ByteSource) -> None:
        """Raises LimitExceeded, StoreFull."""
        most = self._settings.images.size_cap
        buffer = memoryview(bytearray(CHUNK))
        size = 0
        with self._staging.driver.open_writer(name, source.declared_size) as writer:
            while count := source.read_into(buffer):
                running.check()
                size += count
                if size > most:
                    raise LimitExceeded(f"The image is larger than the {most} bytes that image_size_cap allows.")
                writer.write(buffer[:count])
            writer.commit()

    def _inspect(self, running: Running, prepared: Prepared) -> Inspection:
        """Before any tool opens it. Raises UnsupportedMedia."""
        inspector = Inspector(prepared.disk_format, prepared.container_format, self._settings.images)
        buffer = memoryview(bytearray(CHUNK))
        with self._opened(prepared.file or "") as source:
            while count := source.read_into(buffer):
                running.check()
                inspector.feed(buffer[:count])
        return inspector.finish()

    def _from_file(self, prepared: Prepared, name: str, facts: Facts, **formats: str) -> Prepared:
        return msgspec.structs.replace(
            prepared, open=functools.partial(self._opened, name), file=name, facts=facts, **formats
        )

    @contextmanager
    def _opened(self, name: str) -> Iterator[ByteSource]:
        with self._staging.open(name) as file:
            yield FileSource(file, self._staging.driver.store_id)
