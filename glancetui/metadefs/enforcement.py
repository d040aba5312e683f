"""Definitions that are held against image properties as images are created and changed, where the operator says so."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from glancetui.config.settings import MetadefSettings
from glancetui.definitions.check import Book
from glancetui.definitions.property import Property, stored
from glancetui.definitions.values import Judge
from glancetui.errors import BadRequest, NotFound
from glancetui.metadefs.files import document_of
from glancetui.model import Viewer
from glancetui.registry.metadefs import Metadefs, NamespaceQuery

log = logging.getLogger(__name__)

ALL = "*"
MOST = 20_000  # definitions that a worker holds; an operator who names more is told so
_FRESH = 1.0  # seconds for which what was read is not read again
_EVERYBODY = Viewer(project=None, is_admin=True)
_PUBLIC = Viewer(project=None, is_admin=False)
_PAGE = 500


class _Books(msgspec.Struct, frozen=True):
    warn: Book
    refuse: Book
    read_at: float


class Enforcement:
    """Callable from many threads. A change of a definition, by whichever process, counts after a second."""

    def __init__(
        self, registry: Metadefs, settings: MetadefSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry, self._settings, self._clock = registry, settings, clock
        self._lock = threading.Lock()
        self._judges: dict[str, Judge] = {}
        self._books: _Books | None = None

    def __call__(self, properties: Mapping[str, str | None]) -> None:
        """`properties`: those that are set or changed. Raises BadRequest that names key, value and constraint."""
        if not properties or not (self._settings.warn or self._settings.refuse):
            return
        books = self._current()
        refused = next(books.refuse.broken(properties), None)
        if refused is not None:
            raise BadRequest(
                f"Property {refused.sentence} (constraint {refused.constraint} of metadata namespace "
                f"{refused.namespace})."
            )
        for finding in books.warn.broken(properties):
            log.warning(
                "An image property breaks %s of metadata namespace %s: %s.",
                finding.constraint, finding.namespace, finding.sentence,
            )  # fmt: skip

    def _current(self) -> _Books:
        books = self._books
        if books is not None and self._clock() - books.read_at < _FRESH:
            return books
        with self._lock:
            if self._books is None or self._clock() - self._books.read_at >= _FRESH:
                self._books = self._read()
            return self._books

    def _read(self) -> _Books:
        read_at = self._clock()
        before, self._judges = self._judges, {}

        def judge_of(definition: Property) -> Judge:
            """Kept from one reading to the next while the definition stays: making one compiles its patterns."""
            text = stored(definition)
            judge = self._judges[text] = self._judges.get(text) or before.get(text) or Judge(definition)
            return judge

        warn, refuse = self._book(self._settings.warn, judge_of), self._book(self._settings.refuse, judge_of)
        return _Books(warn, refuse, read_at)

    def _book(self, names: Sequence[str], judge_of: Callable[[Property], Judge]) -> Book:
        return Book(self._documents(names), judge_of=judge_of)

    def _documents(self, names: Sequence[str]) -> Iterator[dict[str, object]]:
        count = 0
        for name in dict.fromkeys(self._named(names)):
            try:
                found = self._registry.metadef_contents(name, _EVERYBODY)
                document = document_of(found)
            except NotFound:
                continue  # not loaded yet, or removed: there is nothing to hold anything against
            except msgspec.DecodeError as error:
                log.error("Metadata namespace %s is left out: it holds a definition that is none: %s.", name, error)  # noqa: TRY400 - the sentence says it all
                continue
            count += len(found.properties) + len(found.objects)
            if count > MOST:
                log.error("More than %d metadata definitions are to be held against images: the rest is not.", MOST)
                return
            yield document

    def _named(self, names: Sequence[str]) -> Iterator[str]:
        if ALL not in names:
            yield from names
            return
        marker = None
        while True:
            query = NamespaceQuery(viewer=_PUBLIC, limit=_PAGE, key="namespace", direction="asc", marker=marker)
            page = self._registry.metadef_namespaces(query)
            yield from (each.name for each in page)
            if len(page) < _PAGE:
                break
            marker = page[-1].name
        yield from (name for name in names if name != ALL)
