"""2 Images: the list of images, its filter and sort, and a preview where there is room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.style import Style
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.timer import Timer

from glancetui.client import filters
from glancetui.client.text import clean, cut
from glancetui.client.values import RemoteImage
from glancetui.errors import GlancetuiError
from glancetui.tui import figures
from glancetui.tui.actions import Action
from glancetui.tui.columns import IMAGE_COLUMNS, PROPERTY, Cell, column_of
from glancetui.tui.imports import sentence
from glancetui.tui.ports import Order, Query
from glancetui.tui.saved import SavedView
from glancetui.tui.session import Session
from glancetui.tui.source import ImageSource
from glancetui.tui.views.editing import ImageEditing
from glancetui.tui.views.listing import ListingView
from glancetui.tui.widgets import facts
from glancetui.tui.widgets.chrome import spread
from glancetui.tui.widgets.pane import Pane
from glancetui.tui.widgets.table import VirtualTable

PREVIEW_REST = 0.1  # seconds on a row before the preview follows
WIDE, MEDIUM, SHORT = 160, 100, 30
MOST_PROPERTIES = 200  # offered as columns
MANY_GHOSTS = 1000  # rows that vanish at once and are stepped over
MOST_MARKED = 10_000  # by one key: each is kept as it was seen, so that what changed since is left alone
SHARES = (30, 40, 50, 60, 70, 80)  # the list's part in percent


class ImagesView(ImageEditing, ListingView[RemoteImage]):
    name_of_view = "images"
    title_of_view = "Images"

    DEFAULT_CSS = """
    ImagesView #split { layout: vertical; height: 1fr; }
    ImagesView #split Pane { display: none; border-top: solid $line; padding: 1 2 0 2; }
    ImagesView.under #split Pane { display: block; height: 13; padding: 0 2; }
    ImagesView.beside #split { layout: horizontal; }
    ImagesView.beside #split VirtualTable { width: 60%; }
    ImagesView.beside #split Pane {
        display: block; width: 1fr; border-top: none; border-left: solid $line; padding: 0 2;
    }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.source = ImageSource(session.pool, session.clock)
        self.source.page_size = session.settings.page_size
        self.table: VirtualTable[RemoteImage] = VirtualTable(
            IMAGE_COLUMNS, self.source, palette=session.palette, scene=session.scene, id="images-table"
        )
        self.source.anchor = self.table.anchored
        self.table.note = self._note
        self.table.empty = self.empty
        self.table.moved = self._moved
        self.pane = Pane(id="preview")
        self.order = Order()
        self.filter = filters.Filter()
        self.plan = self.filter.plan()
        self.wrong: filters.FilterError | None = None
        self.error: Exception | None = None
        self.waiting_since = session.clock()
        self._preview_timer: Timer | None = None
        self._share = SHARES.index(60)
        self.marking: int | None = None  # how many `*` has found so far, while it looks

    def compose(self) -> ComposeResult:
        with Container(id="split"):
            yield self.table
            yield self.pane

    def on_mount(self) -> None:
        self.table.sorted_by = (self.order.key, self.order.descending)

    def on_resize(self) -> None:
        width, height = self.app.size
        self.set_class(width >= WIDE, "beside")
        self.set_class(MEDIUM <= width < WIDE and height >= SHORT, "under")
        self._preview_soon()

    # Where the rows come from

    def disconnected(self) -> None:
        self.table.marks.clear()
        self.source.disconnect()
        self._restart()

    def connected(self) -> None:
        if self.session.service is not None:
            self.source.connect(self.session.service)
            self._restart()

    def _restart(self, *, backwards: bool = False) -> None:
        self.plan = self.filter.plan(filters.Context(project=self._project(), now=self.session.wall()))
        matches = self.plan.matches if self.plan.local else None
        query = Query(self.order, self.plan.params, self.plan.hidden_too)
        self.source.show(query, matches, backwards=backwards)
        self.error, self.waiting_since = None, self.session.clock()
        self.table.sorted_by = (self.order.key, self.order.descending)
        self.table.restart()
        self.post_message(self.Changed())
        self._load(0, self.table.height * 2)

    def _project(self) -> str | None:
        return self.session.about.project if self.session.about else None

    @on(VirtualTable.Wanted)
    def _wanted(self, message: VirtualTable.Wanted) -> None:
        message.stop()
        low, high = message.first, message.last
        if self.source.needs(low, high):
            self._load(low, high)

    @work(exclusive=False, group="load", exit_on_error=False)
    async def _load(self, first: int, last: int) -> None:
        try:
            await self.source.load(first, last)
        except GlancetuiError as error:
            self.error = error
            self.post_message(self.Failed(error))
        else:
            self.error = None
        self.table.refresh()
        self.post_message(self.Changed())

    async def poll(self) -> bool:
        first, last = self.table.in_sight
        if not len(self.source) and not self.source.complete:
            await self.source.load(0, self.table.height * 2)
        else:
            await self.source.poll(first, last)
        await self._hear_of_imports(first, last)
        if self.error is not None:
            self.error = None
            self.table.refresh()
        return True

    async def _hear_of_imports(self, first: int, last: int) -> None:
        """How far the imports in sight are, and why those that failed did."""
        session = self.session
        if session.service is None:
            return
        rows = [row for index in range(first, last + 1) if (row := self.source.row(index)) is not None]
        if await session.imports.ask(session.service, session.pool, rows):
            with self.table.anchored():  # the line below the cursor's row may have come or gone
                pass

    def tick(self) -> None:
        fading = set(self.source.rows.gone)
        if self.source.sweep():
            self._unmark(fading - self.source.rows.gone.keys())
            self.table.refresh()
        if self.table.top == 0 and self.source.arrived:
            self.source.arrived = 0
        if not len(self.source):
            self.table.refresh()

    def _unmark(self, swept: Iterable[str]) -> None:
        """A mark goes with its row, unless the row only moved."""
        for image_id in swept:
            if self.source.index(image_id) is None:
                self.table.marks.pop(image_id, None)

    def shown(self) -> None:
        self.table.focus()

    def refresh_ages(self) -> None:
        self.table.refresh()

    # What is chosen

    def chosen(self) -> list[RemoteImage]:
        """The marked images, as last seen, else the one under the cursor."""
        marks = self.table.marks
        if marks:
            held = {image.id: image for image in self.source.rows.held() if image.id in marks}
            return [held.get(image_id, image) for image_id, image in marks.items() if not self.source.is_gone(image_id)]
        current = self.table.current
        return [] if current is None or self.source.is_gone(current.id) else [current]

    def forget(self, image_id: str) -> None:
        self.table.marks.pop(image_id, None)
        self.source.vanish(image_id)
        if self.table.cursor_id == image_id:
            self._step_off()
        self.table.refresh()

    def _step_off(self) -> None:
        """From a row that goes, to the next one that stays; at the end, to the one before."""
        below = range(self.table.cursor + 1, len(self.source))
        above = range(self.table.cursor - 1, -1, -1)
        for index in (*below[:MANY_GHOSTS], *above[:MANY_GHOSTS]):
            row = self.source.row(index)
            if row is not None and not self.source.is_gone(row.id):
                self.table.move(index)
                return

    def replaced(self, image: RemoteImage) -> None:
        self.source.replace(image)
        self.table.refresh()
        self._preview()

    # Chips, crumbs

    def chips(self, width: int) -> Text:
        palette, glyphs = self.session.palette(), self.session.glyphs
        if self.session.run is not None:
            return spread([(self.session.run.text(), palette.busy)], [("esc stops", palette.soft)], width)
        left = [(f"{glyphs.server} {clean(str(term))}", palette.good) for term in self.plan.server]
        left += [(f"{glyphs.local} {clean(str(term))}", palette.warn) for term in self.plan.local]
        if self.wrong is not None:
            left = [(f"{glyphs.bad} {clean(str(self.wrong))}", palette.bad)]
        if self.source.arrived and self.table.top:
            left.append((f"{glyphs.up} {self.source.arrived} new", palette.busy + Style(bold=True)))
        direction = glyphs.down if self.order.descending else glyphs.up
        right = [
            (f"sort {self.order.key}{direction}", palette.soft),
            (self._age(), palette.soft),
            (self._marks(), palette.warn),
        ]
        return spread(left, right, width)

    def _marks(self) -> str:
        if self.marking is not None:
            return f"marking {figures.count(self.marking)}{self.session.glyphs.ellipsis} esc stops"
        return f"{figures.count(len(self.table.marks))} marked" if self.table.marks else ""

    def tally(self) -> str:
        return "" if self.session.run is not None else self._count()

    def _count(self) -> str:
        total, source = figures.count(len(self.source)), self.source
        at_least = ">=" if self.session.glyphs.ascii_only else "≥"
        if source.matches is not None:
            go_on = "" if source.complete else " · . goes on" if source.paused else f" {self.session.glyphs.ellipsis}"
            return f"{total} matches in {figures.count(source.rows.scanned)}{go_on}"
        if not len(source) and not source.complete:
            return ""
        position = figures.count(self.table.cursor + 1) if len(source) else "0"
        if source.backwards and not source.complete:
            return f"last {total}"
        return f"{position} of {total}" if source.complete else f"{position} of {at_least} {total}"

    def _age(self) -> str:
        if self.source.read_at is None:
            return ""
        age = self.session.clock() - self.source.read_at
        return f"{figures.span(age)} old" if age >= 3 else "now"

    def empty(self) -> str:
        """What stands in place of rows."""
        waited = self.session.clock() - self.waiting_since
        if self.error is not None:
            return f"{self.error}\n\nctrl+r asks again"
        if not self.source.complete and not self.source.paused:
            what = self.session.starting or f"waiting for {self.session.endpoint or 'the endpoint'}"
            return f"{what} {figures.span(waited)}" if waited >= 0.15 else ""
        if self.filter.terms:
            return f"No images match {self.filter}\n\nesc clears the filter"
        return "No images yet\n\nn publishes a file as an image"

    # Filter and sort

    def try_filter(self, typed: str, before: str | None = None) -> bool:
        """Apply what is typed. False, and the filter is that of `before` again, where it makes no sense."""
        again, self.wrong = self.wrong is not None, None
        try:
            parsed = filters.parse(typed)
        except filters.FilterError as error:
            self.wrong, again = error, True
            parsed = self.filter if before is None else filters.parse(before)
        if parsed != self.filter:
            self.filter = parsed
            self._restart()
        elif again:
            self.post_message(self.Changed())
        return self.wrong is None

    def act_filter(self) -> None:
        self.desk.ask("/", str(self.filter))

    def sort_by(self, key: str, descending: bool | None = None) -> None:
        """Another order; the same key again reverses, unless the direction is given."""
        if descending is None:
            newest_first = key in {"created_at", "updated_at", "size"}
            descending = not self.order.descending if key == self.order.key else newest_first
        self.order = Order(key, descending)
        self._restart()

    def act_sort(self) -> None:
        from glancetui.tui.boxes.base import given
        from glancetui.tui.boxes.pick import Choice, Pick

        arrows = {True: self.session.glyphs.down, False: self.session.glyphs.up}
        choices = []
        for column in IMAGE_COLUMNS:
            if column.sort_key is None:
                choices.append(Choice(column.key, column.title.capitalize(), why_not="the server cannot sort by it"))
                continue
            current = arrows[self.order.descending] if column.sort_key == self.order.key else ""
            choices.append(Choice(column.sort_key, f"{column.title.capitalize():<12}{current}"))
        self.app.push_screen(Pick("Sort by", choices, at=self.order.key), given(self.sort_by))

    def act_columns(self) -> None:
        from glancetui.tui.boxes.base import given
        from glancetui.tui.boxes.columns import Columns

        shown = [column.key for column in self.table.columns]
        properties = sorted({name for image in self.source.rows.held() for name in image.properties})[:MOST_PROPERTIES]
        others = [column.key for column in IMAGE_COLUMNS] + [f"{PROPERTY}{name}" for name in properties]
        self.app.push_screen(Columns(shown, others), given(self.show_columns))

    def show_columns(self, keys: Sequence[str]) -> None:
        """These columns in this order; those that do not exist are left out, none at all means the usual ones."""
        columns = [column for column in map(column_of, keys) if column is not None]
        self.table.set_columns(columns or IMAGE_COLUMNS)

    @on(VirtualTable.SortAsked)
    def _sort_asked(self, message: VirtualTable.SortAsked) -> None:
        message.stop()
        self.sort_by(message.key)

    def act_more(self) -> None:
        self.source.go_on()
        self._load(*self.table.in_sight)

    @work(exclusive=True, group="exporting", exit_on_error=False)
    async def export(self, path: Path) -> None:
        """Every row of this list, in its order, to a file."""
        from glancetui.tui.export import images_of, write

        service = self.session.service
        if service is None:
            return
        images = images_of(service, self.source.query, self.source.matches)
        columns = [column.key for column in self.table.columns]
        try:
            count = await self.session.pool.run(write, path, images, columns)
        except (GlancetuiError, OSError) as error:
            self.desk.say(f"Nothing was written: {error}", "error", seconds=60)
            return
        self.desk.say(f"{figures.count(count)} images in {path}", seconds=10)

    # Under a name

    def saved(self) -> SavedView:
        shown = tuple(column.key for column in self.table.columns)
        usual = tuple(column.key for column in IMAGE_COLUMNS)
        return SavedView(filter=str(self.filter), order=self.order, columns=() if shown == usual else shown)

    def show_saved(self, view: SavedView) -> None:
        self.order = view.order
        self.show_columns(view.columns)
        if not self.try_filter(view.filter) or str(self.filter) == view.filter:
            self._restart()

    # Moving

    def act_first(self) -> None:
        self.source.arrived = 0
        if self.source.backwards and not self.source.complete:
            self._restart()
            return
        super().act_first()

    def act_last(self) -> None:
        if self.source.complete or self.source.backwards:
            super().act_last()
            return
        self._to_end()

    @work(exclusive=True, group="end", exit_on_error=False)
    async def _to_end(self) -> None:
        self._restart(backwards=True)
        source = self.source
        try:
            await source.load(-1, self.table.height)
        except GlancetuiError as error:
            self.post_message(self.Failed(error))
            return
        self.table.move(len(source) - 1)

    @work(exclusive=True, group="marking", exit_on_error=False)
    async def act_mark_all(self) -> None:
        """Every image that the filter matches, read to the end first."""
        source = self.source
        marked: dict[str, RemoteImage] = {}
        rows = source.rows
        try:
            while rows is source.rows:
                marked |= {image.id: image for image in rows.held()}  # page by page: old ones may be let go meanwhile
                self.marking = len(marked)
                self.post_message(self.Changed())
                if source.complete or len(marked) >= MOST_MARKED:
                    break
                source.go_on()
                await source.load(len(source), len(source))
        except GlancetuiError as error:
            self.post_message(self.Failed(error))
            return
        finally:
            self.marking = None
        if rows is not source.rows:
            return
        self.table.mark(marked.values())
        if not source.complete:
            self.desk.say(f"Marked the first {len(marked):,}; there are more. A filter makes them fewer.", "warning")

    def act_next_pane(self) -> None:
        visible = [self.table, self.pane] if self.pane.display else [self.table]
        other = visible[-1] if self.table.has_focus else visible[0]
        other.focus()

    act_previous_pane = act_next_pane

    def act_grow(self) -> None:
        self._resize_list(1)

    def act_shrink(self) -> None:
        self._resize_list(-1)

    def _resize_list(self, by: int) -> None:
        self._share = max(0, min(len(SHARES) - 1, self._share + by))
        if self.has_class("beside"):
            self.table.styles.width = f"{SHARES[self._share]}%"

    def act_open(self) -> None:
        image = self.table.current
        if image is not None:
            self.desk.open_image(image)

    @on(VirtualTable.Marked)
    def _marked(self, message: VirtualTable.Marked) -> None:
        message.stop()
        self.post_message(self.Changed())

    @on(VirtualTable.MenuAsked)
    def _menu_asked(self, message: VirtualTable.MenuAsked) -> None:
        message.stop()
        self.desk.act_menu()

    def back(self) -> bool:
        if self.marking is not None:
            self.workers.cancel_group(self, "marking")
            return True
        if super().back():
            return True
        if self.filter.terms:
            self.try_filter("")
            return True
        return False

    # The preview

    def _moved(self) -> None:
        if self.has_class("current"):
            self.desk.lines_changed()
        self._preview_soon()

    def _preview_soon(self) -> None:
        if not (self.has_class("beside") or self.has_class("under")):
            return
        if self._preview_timer is not None:
            self._preview_timer.stop()
        self._preview_timer = self.set_timer(PREVIEW_REST, self._preview)

    def _preview(self) -> None:
        self._preview_timer = None
        image = self.table.current
        palette = self.session.palette()
        if image is None:
            self.pane.put(Text(""))
            return
        text = facts.overview(image, self.session.scene(), palette, self.pane.room, self.session.reason_of(image))
        if image.properties:
            text.append_text(facts.properties(image, palette, self.pane.room))
        self.pane.put(text)

    def _note(self, image: RemoteImage) -> Cell | None:
        task = self.session.imports.running(image)
        if task is not None:
            return Cell(sentence(task), "busy")
        reason = cut(self.session.reason_of(image), 500)
        return Cell(clean(reason), "bad") if reason else None

    def off(self, action: Action) -> str | None:
        if action.id == "list.more" and not self.source.paused:
            return "nothing more to look through"
        return super().off(action)
