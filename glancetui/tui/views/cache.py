"""7 Cache: what the node that answers keeps near, and what it is to fetch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult

from glancetui.client.text import clean, cut_middle
from glancetui.errors import Forbidden, GlancetuiError, NotFound
from glancetui.tui import figures
from glancetui.tui.actions import Action
from glancetui.tui.boxes.base import given
from glancetui.tui.boxes.confirm import Confirm, Question
from glancetui.tui.boxes.pick import Choice, Pick
from glancetui.tui.columns import Cell, Column, Scene
from glancetui.tui.ports import Cache, Service
from glancetui.tui.session import Session
from glancetui.tui.views.base import View
from glancetui.tui.widgets.chrome import spread
from glancetui.tui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from glancetui.client.caching import CacheState

NAMES_AT_ONCE = 20  # images whose names are asked for in one round
LACKING = "The node that answers has no image cache\n\nIts operator sets image_cache_dir where there is to be one"
DENIED = "Only administrators see the cache of a node"
EMPTY = "Nothing is cached\n\nW on an image has it fetched; a whole download caches it too"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row: an image in the cache, or one that waits to be."""

    id: str
    name: str | None = None
    queued: bool = False
    size: int = 0
    hits: int = 0
    read: datetime | None = None
    cached: datetime | None = None


class Entries:
    """All rows are known at once: a node caches hundreds of images, not millions."""

    complete = True

    def __init__(self) -> None:
        self.rows: Sequence[Entry] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int) -> Entry | None:
        return self.rows[index] if 0 <= index < len(self.rows) else None

    def index(self, row_id: str) -> int | None:
        return next((number for number, entry in enumerate(self.rows) if entry.id == row_id), None)

    def is_gone(self, row_id: str) -> bool:
        return self.index(row_id) is None

    def before_change(self, row_id: str) -> Entry | None:  # noqa: ARG002  # hits change all the time
        return None


def _name(entry: Entry, scene: Scene) -> Cell:  # noqa: ARG001  # every cell takes both
    return Cell(clean(entry.name), "ink") if entry.name else Cell(cut_middle(clean(entry.id), 20), "soft")


def _state(entry: Entry, scene: Scene) -> Cell:
    if entry.queued:
        return Cell(f"{scene.glyphs.waiting} queued", "busy")
    return Cell(f"{scene.glyphs.good} cached", "good")


def _size(entry: Entry, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(figures.UNKNOWN if entry.queued else figures.size(entry.size))


def _hits(entry: Entry, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(figures.UNKNOWN if entry.queued else figures.count(entry.hits))


def _read(entry: Entry, scene: Scene) -> Cell:
    return Cell(figures.UNKNOWN if entry.read is None else figures.age(entry.read, scene.now), "soft")


def _cached(entry: Entry, scene: Scene) -> Cell:
    return Cell(figures.UNKNOWN if entry.cached is None else figures.age(entry.cached, scene.now), "soft")


def _id(entry: Entry, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(clean(entry.id), "faint")


COLUMNS: tuple[Column[Entry], ...] = (
    Column(key="name", title="IMAGE", width=20, cell=_name, flexible=True),
    Column(key="state", title="STATE", width=8, cell=_state),
    Column(key="size", title="SIZE", width=8, cell=_size, right=True),
    Column(key="hits", title="HITS", width=7, cell=_hits, right=True),
    Column(key="read", title="READ", width=5, cell=_read, right=True),
    Column(key="cached", title="CACHED", width=6, cell=_cached, right=True),
    Column(key="id", title="ID", width=36, cell=_id),
)
TENDING: tuple[tuple[str, str], ...] = (
    ("prune", "Prune: evict what was not read for the longest time, down to the limit"),
    ("clean", "Clean: remove what is invalid or was left half-filled"),
    ("cache", "Clear the cache"),
    ("queue", "Clear the queue"),
)


class CacheView(View):
    name_of_view = "cache"
    title_of_view = "Cache"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.entries = Entries()
        self.trouble = ""
        self._names: dict[str, str | None] = {}  # None: there is no such image any more
        self.table: VirtualTable[Entry] = VirtualTable(
            COLUMNS, self.entries, palette=session.palette, scene=session.scene, id="cache-table"
        )
        self.table.empty = lambda: self.trouble or EMPTY

    def compose(self) -> ComposeResult:
        yield self.table

    def shown(self) -> None:
        self.table.focus()
        self.table.refresh()

    def disconnected(self) -> None:
        self._names.clear()
        self._take((), "")

    # Asking

    async def poll(self) -> bool:
        service = self.session.service
        if service is None:
            return False
        try:
            state = await self.session.pool.run(service.cache.state)
        except NotFound:
            self._take((), LACKING)
        except Forbidden:
            self._take((), DENIED)
        else:
            await self.session.pool.run(self._learn_names, service, state)
            self._take(rows_of(state, self._names), "")
        return True

    def _learn_names(self, service: Service, state: CacheState) -> None:
        ids = [*state.queued, *(entry.image_id for entry in state.cached)]
        for image_id in [each for each in ids if each not in self._names][:NAMES_AT_ONCE]:
            try:
                self._names[image_id] = service.image(image_id).name
            except NotFound:
                self._names[image_id] = None

    def _take(self, rows: Sequence[Entry], trouble: str) -> None:
        self.trouble = trouble
        with self.table.anchored():
            self.entries.rows = rows
        self.table.refresh()
        self.post_message(self.Changed())

    # What can be done

    def off(self, action: Action) -> str | None:
        if action.acts and self.session.read_only:
            return "this session is read-only"
        if (action.acts or action.id == "go.open") and self.session.service is None:
            return "there is no endpoint yet"
        if action.id == "cache.tend" and self.trouble:
            return "there is no cache that could be tended"
        if action.id in {"image.delete", "cache.warm", "go.open"} and not self.chosen():
            return "no image is chosen"
        return None

    def chosen(self) -> list[Entry]:
        """What is marked, else what the cursor is on."""
        current = self.table.current
        return list(self.table.marks.values()) or ([current] if current is not None else [])

    def act_warm(self) -> None:
        service = self.session.service
        if service is not None:
            self._each(self.chosen(), service.cache.queue, "queued for the cache")

    def act_delete(self) -> None:
        entries, service = self.chosen(), self.session.service
        if service is None:
            return
        amount = sum(entry.size for entry in entries)
        question = Question(
            title=f"Evict {these(entries)}?",
            sentence=f"{figures.size(amount)} are freed on the node that answers. The images stay in their stores.",
            things=[(entry.id, entry.name or "") for entry in entries],
            yes="Evict",
        )
        self._ask_first(question, lambda: self._each(entries, service.cache.evict, "evicted"))

    def act_tend(self) -> None:
        choices = [Choice(value, label, value[0] if value != "clean" else "l") for value, label in TENDING]
        self.app.push_screen(Pick("Cache", choices), given(self._tend))

    def _tend(self, what: str) -> None:
        service = self.session.service
        if service is None:
            return
        if what in {"prune", "clean"}:
            self._tend_now(service.cache, what)
            return
        entries = [entry for entry in self.entries.rows if entry.queued == (what == "queue")]
        question = Question(
            title=f"Clear the {what}?",
            sentence="The images stay in their stores, and are fetched from there again when they are read.",
            things=[(entry.id, entry.name or "") for entry in entries],
            typed=str(len(entries)),
            typed_what="the number of entries",
            yes="Clear",
            danger=True,
        )
        self._ask_first(question, lambda: self._tend_now(service.cache, what))

    def _ask_first(self, question: Question, act: Callable[[], object]) -> None:
        self.app.push_screen(Confirm(question), given(lambda _: act()))

    @work(exclusive=False, group="acting", exit_on_error=False)
    async def _tend_now(self, cache: Cache, what: str) -> None:
        try:
            said = await self.session.pool.run(tended, cache, what)
        except GlancetuiError as error:
            self.desk.say(f"Not done: {error}", "error", seconds=60)
        else:
            self.desk.say(said)
        self._look_again()

    @work(exclusive=False, group="acting", exit_on_error=False)
    async def _each(self, entries: Sequence[Entry], call: Callable[[str], None], done: str) -> None:
        """One request for each, in order; a failure is told and does not stop the rest."""
        succeeded: list[Entry] = []
        for entry in entries:
            try:
                await self.session.pool.run(call, entry.id)
                succeeded.append(entry)
            except GlancetuiError as error:
                self.desk.say(f"{these([entry])} was not {done}: {error}", "error", seconds=60)
        if succeeded:
            self.desk.say(f"{these(succeeded)} {done}")
        self.table.clear_marks()
        self._look_again()

    def _look_again(self) -> None:
        self.session.connection.hurry(self.session.clock())

    def act_open(self) -> None:
        entry = self.table.current
        if entry is not None:
            self._open(entry.id)

    @work(exclusive=True, group="opening", exit_on_error=False)
    async def _open(self, image_id: str) -> None:
        service = self.session.service
        if service is None:
            return
        try:
            self.desk.open_image(await self.session.pool.run(service.image, image_id))
        except GlancetuiError as error:
            self.desk.say(str(error), "warning")

    @on(VirtualTable.Opened)
    def _opened(self, message: VirtualTable.Opened) -> None:
        message.stop()
        self.act_open()

    def chips(self, width: int) -> Text:
        palette, rows = self.session.palette(), self.entries.rows
        cached = [entry for entry in rows if not entry.queued]
        size, hits = sum(entry.size for entry in cached), sum(entry.hits for entry in cached)
        left = [
            (f"{figures.count(len(cached))} cached, {figures.size(size)}", palette.ink),
            (f"{figures.count(hits)} hits", palette.soft),
            (f"{figures.count(len(rows) - len(cached))} queued", palette.soft),
        ]
        return spread(left, [("of the node that answers", palette.faint)], width)

    # Moving, as in every list

    def act_down(self) -> None:
        self.table.move(self.table.cursor + 1)

    def act_up(self) -> None:
        self.table.move(self.table.cursor - 1)

    def act_first(self) -> None:
        self.table.move(0)

    def act_last(self) -> None:
        self.table.move(len(self.entries) - 1)

    def act_page_down(self) -> None:
        self.table.page(1)

    def act_page_up(self) -> None:
        self.table.page(-1)

    def act_half_down(self) -> None:
        self.table.page(0.5)

    def act_half_up(self) -> None:
        self.table.page(-0.5)

    def act_left(self) -> None:
        self.table.scroll_columns(-1)

    def act_right(self) -> None:
        self.table.scroll_columns(1)

    def act_mark(self) -> None:
        self.table.toggle_mark()

    def act_range(self) -> None:
        self.table.start_range()

    def act_mark_all(self) -> None:
        self.table.mark(self.entries.rows)

    def act_unmark(self) -> None:
        self.table.clear_marks()

    def back(self) -> bool:
        if self.table.marks:
            self.table.clear_marks()
            return True
        return False


def rows_of(state: CacheState, names: Mapping[str, str | None]) -> list[Entry]:
    """What waits first, in its order; then what is cached, the latest read first."""
    queued = [Entry(id=image_id, name=names.get(image_id), queued=True) for image_id in state.queued]
    cached = [
        Entry(
            id=entry.image_id,
            name=names.get(entry.image_id),
            size=entry.size,
            hits=entry.hits,
            read=entry.last_accessed,
            cached=entry.last_modified,
        )
        for entry in state.cached
    ]
    return queued + sorted(cached, key=lambda entry: (entry.read or datetime.min, entry.id), reverse=True)  # noqa: DTZ901


def tended(cache: Cache, what: str) -> str:
    """Does it, and says what came of it."""
    if what == "prune":
        pruned = cache.prune()
        return f"pruned {figures.count(pruned.files)} entries, {figures.size(pruned.size)}"
    if what == "clean":
        cache.clean()
        return "cleaned"
    cache.clear("queue" if what == "queue" else "cache")
    return f"cleared the {what}"


def these(entries: Sequence[Entry]) -> str:
    return entries[0].name or entries[0].id if len(entries) == 1 else f"{len(entries):,} images"
