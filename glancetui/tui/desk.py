"""The one screen under everything: header, tabs, a view, chips, footer; keys to actions, and the rhythm of asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from glancetui.client.problems import Unreachable
from glancetui.client.text import cells, clean, cut
from glancetui.client.values import Part, RemoteImage
from glancetui.errors import GlancetuiError, Unavailable
from glancetui.tui.actions import BY_ID, VIEWS, Action, Keymap, of_view
from glancetui.tui.figures import ago
from glancetui.tui.publication import Publication, once_more
from glancetui.tui.session import Session
from glancetui.tui.undo import Change
from glancetui.tui.views.base import View
from glancetui.tui.views.cache import CacheView
from glancetui.tui.views.dashboard import DashboardView
from glancetui.tui.views.image import ImageView
from glancetui.tui.views.images import ImagesView
from glancetui.tui.views.metadefs import MetadefsView
from glancetui.tui.views.missing import LACKS, MissingView
from glancetui.tui.views.raw import RawView
from glancetui.tui.views.transfers import TransfersView
from glancetui.tui.widgets import chrome
from glancetui.tui.widgets.line import Line
from glancetui.tui.widgets.prompt import Prompt

LEAST = (80, 24)
RECENT = 50
TALLY = 22  # cells that are enough for most tallies
LAST_SECONDS = 0.3  # that a cancelled transfer gets to tidy up when the program is left
CLIPBOARD_BYTES = 74_994  # what OSC 52 carries through common terminals


class Desk(Screen[None], inherit_bindings=False):
    DEFAULT_CSS = """
    Desk { background: $background; color: $ink; layers: base over; }
    Desk > #header { background: $bar; }
    Desk > #views { height: 1fr; }
    Desk > #views > View { display: none; }
    Desk > #views > View.current { display: block; }
    Desk > #bottom { height: 1; layout: horizontal; }
    Desk > #bottom.prompting > Line { display: none; }
    Desk #chips { background: $bar; width: 1fr; }
    Desk #tally { background: $bar; width: 0; }
    Desk > #small { display: none; }
    Desk.small > * { display: none; }
    Desk.small > #small { display: block; }
    """

    def __init__(self, session: Session, keymap: Keymap) -> None:
        super().__init__()
        self.session, self.keymap = session, keymap
        self.images = ImagesView(session)
        self.image = ImageView(session)
        self.raw = RawView(session)
        self.transfers = TransfersView(session)
        self.dashboard = DashboardView(session)
        self.metadefs = MetadefsView(session)
        self.cache = CacheView(session)
        missing = [MissingView(session, name) for name in LACKS]
        views: list[View] = [
            self.dashboard, self.images, self.image, self.raw, self.transfers, self.metadefs, self.cache, *missing,
        ]  # fmt: skip
        self.views: Mapping[str, View] = {view.name_of_view: view for view in views}
        self.path = ["images"]
        self.last_path = ["dashboard"]
        self.prompt = Prompt()
        self.tally = Line(self._tally, id="tally")  # apart: with each step of the cursor this alone is painted
        self._asking = False
        self._tally_room = 0
        self.recent: dict[str, RemoteImage] = {}  # images that were opened, the latest first

    def compose(self) -> ComposeResult:
        yield Line(lambda width: chrome.header(self.session, width), id="header")
        yield Line(self._tabs, id="crumbs")
        with Container(id="views"):
            yield self.images
        with Container(id="bottom"):
            yield Line(self._chips, id="chips")
            yield self.tally
            yield self.prompt
        yield Line(self._footer, id="footer")
        yield Line(self._too_small, id="small")

    def on_mount(self) -> None:
        self._show(self.path)
        self.call_after_refresh(self._mount_the_rest)
        self.set_interval(0.25, self._pulse)
        self.set_interval(1.0, self._tick)

    async def _mount_the_rest(self) -> None:
        """The other views come after the first frame, which does not wait for them."""
        await self.query_one("#views").mount_all(view for view in self.views.values() if view is not self.images)

    # The lines around the view

    @property
    def view(self) -> View:
        return self.views[self.path[-1]]

    @property
    def main_view(self) -> str:
        """The one of the ten views that is open, or was before a detail."""
        return self.path[0]

    def _tabs(self, width: int) -> Text:
        return chrome.tabs(self.session, self.keymap, self.main_view, self.view.crumbs(), width)

    def _chips(self, width: int) -> Text:
        return self.view.chips(width)

    def _tally(self, width: int) -> Text:
        shown = cut(self.view.tally(), width - 1)
        return Text(" " * (width - 1 - cells(shown)) + shown, self.session.palette().ink, no_wrap=True, end="")

    def _make_room(self) -> None:
        """For the tally: as a rule the same, so that the line is not laid out anew for each."""
        shown = self.view.tally()
        wanted = max(TALLY, cells(shown) + 2) if shown else 0
        if wanted != self._tally_room:
            self._tally_room = wanted
            self.tally.styles.width = wanted

    def _footer(self, width: int) -> Text:
        if self.prompt.is_open:
            return self._prompt_help(width)
        view = self.view.name_of_view
        off = frozenset(a.id for a in of_view(view) if a.acts and self.session.read_only)
        return chrome.footer(self.keymap, self.session.palette(), view, off, width)

    def _prompt_help(self, width: int) -> Text:
        """Below what is typed: what is wrong with it and what could stand there, else how to go on."""
        palette, wrong = self.session.palette(), self.images.wrong
        if wrong is not None and self.prompt.kind == "/":
            unsaid = wrong.valid and wrong.valid[0] not in str(wrong)
            valid = f" Valid: {' '.join(wrong.valid)}" if unsaid else ""
            return Text(f" {cut(clean(str(wrong) + valid), width - 2)}", palette.bad, no_wrap=True, end="")
        ways = {"/": "keeps it", ":": "does it"}.get(self.prompt.kind, "")
        keys = (("enter", ways), ("esc", "leaves it"), ("↑", "what was typed before"))
        line = Text(" ", no_wrap=True, end="")
        for key, what in (*keys, ("tab", "completes")) if self.prompt.kind == ":" else keys:
            line.append(key, palette.key).append(f" {what}  ", palette.soft)
        return line

    def _too_small(self, width: int) -> Text:
        least = f"{LEAST[0]}×{LEAST[1]}"
        sentence = f"glancetui needs {least}; this is {self.app.size.width}×{self.app.size.height}."
        return Text(sentence[:width], self.session.palette().warn, end="")

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < LEAST[0] or event.size.height < LEAST[1], "small")
        self.redraw_lines()

    def redraw_lines(self) -> None:
        self._make_room()
        for line in self.query(Line):
            line.refresh()

    @on(View.Changed)
    def lines_changed(self) -> None:
        """Draw again what looks different now of the lines around the view."""
        self._make_room()
        for name in ("#chips", "#tally", "#crumbs", "#footer"):
            self.query_one(name, Line).refresh_if_changed()

    # Views

    def _show(self, path: Sequence[str]) -> None:
        self.path = list(path)
        for view in self.views.values():
            view.set_class(view is self.view, "current")
        self.view.shown()
        self.session.connection.hurry(self.session.clock())
        self.redraw_lines()

    def go(self, *path: str) -> None:
        if path != tuple(self.path):
            self.last_path = self.path
        self._show(path)

    def open_image(self, image: RemoteImage) -> None:
        self.recent = {image.id: image} | {key: kept for key, kept in self.recent.items() if key != image.id}
        while len(self.recent) > RECENT:
            self.recent.popitem()
        self.image.show_image(image)
        self.go("images", "image")

    def open_raw(self, image: RemoteImage) -> None:
        self.open_document(image.document, image.name or image.id, "Images")

    def open_document(
        self, document: Mapping[str, object], label: str, section: str, amend: Callable[[], object] | None = None
    ) -> None:
        """`amend`: what changes it, called by `E`; None: it is changed elsewhere."""
        self.raw.show_document(document, label, section, amend)
        self.go(*(step for step in self.path if step != "raw"), "raw")

    # What acting changed

    def image_changed(self, image: RemoteImage) -> None:
        """A newer version of an image is known: every view that shows it takes it."""
        self.images.replaced(image)
        if self.image.image is not None and self.image.image.id == image.id:
            self.image.replaced(image)
        self.session.connection.hurry(self.session.clock())

    def image_deleted(self, image_id: str) -> None:
        self.images.forget(image_id)
        if self.image.image is not None and self.image.image.id == image_id and "image" in self.path:
            self.image.gone = True
            self.go("images")
        self.session.connection.hurry(self.session.clock())

    def copy(self, text: str, what: str) -> None:
        """Hand text to the terminal's clipboard. Nobody knows whether it took it, so the toast shows what was sent."""
        encoded = len(text.encode()) * 4 // 3 + 4
        if encoded > CLIPBOARD_BYTES:
            self.say(f"The {what} is too long for the terminal's clipboard.", "warning")
            return
        self.app.copy_to_clipboard(text)
        first = text.split("\n", 1)[0]
        self.say(f"copied the {what}: {clean(first)[:60]}")

    # Asking the server

    def _tick(self) -> None:
        self.view.tick()
        self._make_room()
        for name in ("#header", "#chips", "#tally", "#crumbs"):
            self.query_one(name, Line).refresh_if_changed()

    def _pulse(self) -> None:
        session = self.session
        if session.service is not None and not self._asking and session.clock() >= session.connection.due:
            self._asking = True
            self._poll()

    @work(exclusive=False, group="poll", exit_on_error=False)
    async def _poll(self) -> None:
        session, connection = self.session, self.session.connection
        try:
            asked = await self.view.poll()
            if not asked and session.service is not None:
                session.about = await session.pool.run(session.service.about)
        except GlancetuiError as error:
            parts = await self._parts(error)
            if connection is session.connection:  # else it is of an endpoint that was left meanwhile
                self.failed(error, parts)
        else:
            if connection is session.connection:
                self.answered()
        finally:
            self._asking = False

    async def _parts(self, error: GlancetuiError) -> Sequence[Part]:
        """Which part of it is down, if an endpoint that answers 503 can tell."""
        service = self.session.service
        if service is None or not isinstance(error, Unavailable) or isinstance(error, Unreachable):
            return ()
        try:
            return await self.session.pool.run(service.parts)
        except GlancetuiError:
            return ()  # then its 503 says all that is known

    def answered(self) -> None:
        troubled = self.session.connection.troubled
        self.session.connection.answered(self.session.clock())
        if troubled:
            self.redraw_lines()

    def failed(self, error: Exception, parts: Sequence[Part] | None = None) -> None:
        self.session.connection.failed(error, self.session.clock(), parts)
        self.redraw_lines()

    @on(View.Failed)
    def _view_failed(self, message: View.Failed) -> None:
        """Told at once; which part it is, the next round of asking finds out."""
        self.failed(message.error)

    def disconnected(self) -> None:
        """The session leaves its endpoint for another; transfers go on under theirs."""
        for view in self.views.values():
            view.disconnected()
        self.recent.clear()
        if self.path[0] == "images":
            self.go("images")
        self.redraw_lines()

    def connected(self) -> None:
        """The session has its endpoint."""
        self.answered()
        for view in self.views.values():
            view.connected()
        self.redraw_lines()

    # Keys

    async def on_key(self, event: events.Key) -> None:
        if self.app.screen is not self:
            return  # it was on its way when a box opened: it is no answer to the box, and must not act below it
        if self.prompt.is_open:
            await self.prompt.take(event)
            return
        pressed = event.character if event.is_printable and event.character and event.character != " " else event.key
        action = self.keymap.find(pressed, self.view.name_of_view)
        if action is None:
            return
        event.stop()
        event.prevent_default()
        self.act(action)

    def on_line_pressed(self, message: Line.Pressed) -> None:
        action = BY_ID.get(message.action_id)
        if action is not None:
            self.act(action)

    def act(self, action: Action) -> None:
        """Do an action, or say why it cannot be done now."""
        if not action.works_in(self.view.name_of_view):
            self.say(f"{action.label} does not work in this view.", "warning")
            return
        reason = self.view.off(action)
        if reason is not None:
            self.say(f"{action.label_in(self.view.name_of_view).capitalize()}: {reason}.", "warning")
            return
        if action.id.startswith("view."):
            self.go(action.name)
            return
        method = getattr(self.view, f"act_{action.name}", None) or getattr(self, f"act_{action.name}", None)
        if method is not None:
            method()

    def say(self, sentence: str, severity: str = "information", seconds: float = 4) -> None:
        """A toast, kept in the log too."""
        self.session.note(sentence, severity)
        self.toast(sentence, severity, seconds)

    def toast(self, sentence: str, severity: str, seconds: float) -> None:
        level = "information" if severity == "information" else "warning" if severity == "warning" else "error"
        self.app.notify(sentence, severity=level, timeout=seconds, markup=False)  # type: ignore[arg-type]  # a literal

    # The prompt

    def ask(self, kind: str, value: str = "", before: str | None = None) -> None:
        self.query_one("#bottom").add_class("prompting")
        self.prompt.ask(kind, value, self._complete if kind == ":" else None, before)
        self.query_one("#footer", Line).refresh()

    def _stop_asking(self) -> None:
        self.query_one("#bottom").remove_class("prompting")
        self.query_one("#footer", Line).refresh()
        self.view.shown()

    @on(Prompt.Typed)
    def _typed(self, message: Prompt.Typed) -> None:
        message.stop()
        if message.kind == "/" and self.prompt.is_open:
            self._filter(message.value)

    @on(Prompt.Entered)
    def _entered(self, message: Prompt.Entered) -> None:
        message.stop()
        self._stop_asking()
        if message.kind == "/":
            if not self._filter(message.value):
                self.ask("/", message.value, before=str(self.images.filter))
        elif message.value.strip():
            self.command(message.value.strip())

    @on(Prompt.Left)
    def _left(self, message: Prompt.Left) -> None:
        message.stop()
        self._stop_asking()
        if message.kind == "/":
            self._filter(message.value)

    def _filter(self, typed: str) -> bool:
        view = self.view
        return (
            view.try_filter(typed, self.prompt.before)
            if isinstance(view, ImagesView | RawView | MetadefsView)
            else True
        )

    def _commands(self) -> list[str]:
        from glancetui.tui.commands import COMMANDS

        here = [action.spoken for action in of_view(self.view.name_of_view) if not action.id.startswith("view.")]
        return [name for _, name, _ in VIEWS] + sorted({*here, *COMMANDS})

    def _complete(self, typed: str) -> list[str]:
        return [name for name in self._commands() if name.startswith(typed)]

    def command(self, line: str) -> None:
        """What was typed after `:`."""
        from glancetui.tui.commands import run

        run(self, line)

    # Actions that work everywhere

    def act_command(self) -> None:
        self.ask(":")

    def act_find(self) -> None:
        from glancetui.tui.boxes.base import given
        from glancetui.tui.boxes.find import Find
        from glancetui.tui.finding import choices, take

        self.app.push_screen(Find(choices(self)), given(partial(take, self)))

    def act_back(self) -> None:
        if any(toast.severity == "error" for toast in self.app._notifications):  # Textual shows them, and tells nobody
            self.app.clear_notifications()
            return
        if self.session.run is not None:
            self.session.run.stopped = True
            return
        if self.view.back():
            return
        if len(self.path) > 1:
            self.go(*self.path[:-1])

    def act_last_view(self) -> None:
        self.go(*self.last_path)

    def act_refresh(self) -> None:
        self.session.connection.hurry(self.session.clock())
        self._pulse()

    def act_redraw(self) -> None:
        self.app.refresh(layout=True)

    def act_help(self) -> None:
        from glancetui.tui.boxes.help import Help

        self.app.push_screen(Help(self.view.name_of_view, self.keymap, self.session.glyphs))

    def act_menu(self) -> None:
        from glancetui.tui.boxes.pick import Choice, Pick

        view, name = self.view, self.view.name_of_view
        actions = [a for a in of_view(name) if not a.id.startswith(("view.", "go."))]
        choices = [
            Choice(a.id, a.label_in(name) if view.off(a) else a.help_in(name), self.keymap.shown(a), view.off(a) or "")
            for a in actions
        ]
        self.app.push_screen(Pick("Actions", choices), self._picked)

    def _picked(self, action_id: str | None) -> None:
        if action_id is not None:
            self.act(BY_ID[action_id])

    def act_list(self) -> None:
        """`z`: the reversible changes, newest first."""
        from glancetui.tui.boxes.pick import Choice, Pick

        changes = self.session.history.changes
        if not changes:
            self.say("Nothing to undo: no reversible change was made in this session.")
            return
        now = self.session.wall()
        choices = [Choice(str(n), f"{ago(c.at, now):<9} {c.sentence}") for n, c in enumerate(changes)]

        def undo(number: str | None) -> None:
            if number is not None:
                self._undo(changes[int(number)])

        self.app.push_screen(Pick("Undo", choices), undo)

    @work(exclusive=False, group="acting", exit_on_error=False)
    async def _undo(self, change: Change) -> None:
        """Set back what a change set, if the image is still as the change left it."""
        session, service = self.session, self.session.service
        if service is None:
            return
        try:
            image = await session.pool.run(service.image, change.image_id)
            if any(getattr(image, name) != value for name, value in change.left.items()):
                self.say(f"Not undone ({change.sentence}): it was changed since.", "warning")
                return
            fresh = await session.pool.run(service.patch, image, change.back)
        except GlancetuiError as error:
            self.say(f"Not undone ({change.sentence}): {error}", "error", seconds=60)
            return
        session.history.remove(change)
        self.image_changed(fresh)
        self.say(f"undone: {change.sentence}")

    def act_quit(self) -> None:
        if len(self.path) > 1:
            self.go(*self.path[:-1])
            return
        self.act_exit()

    def act_new(self) -> None:
        """The form; on a failed upload or download under the cursor, filled in as it was."""
        from glancetui.tui.boxes.publish import PublishForm

        if self.session.read_only:
            self.say("New: this session is read-only.", "warning")
            return
        before = self.transfers.failed_publication() or self._failed_download()
        self.app.push_screen(PublishForm(self.session, before), self._publish)

    def _failed_download(self) -> Publication | None:
        """Of the image under the cursor."""
        image = self.images.table.current if self.view is self.images else self.image.image
        if image is None or self.view not in (self.images, self.image) or not self.session.imports.failure(image):
            return None
        last = self.session.imports.last(image)
        return None if last is None else once_more(image, last)

    def _publish(self, publication: Publication | None) -> None:
        if publication is not None:
            self.transfers.publish(publication)

    def act_exit(self) -> None:
        """At once; asks while something would be lost or go on."""
        from glancetui.tui.boxes.pick import Choice, Pick

        unsent = self.image.unsent
        if not unsent:
            self._exit()
            return
        noun = "property is" if unsent == 1 else "properties are"
        choices = [Choice("", "Stay", "s"), Choice("drop", "Drop them and quit", "d")]
        self.app.push_screen(Pick(f"{unsent} {noun} changed and not sent", choices), self._drop)

    def _drop(self, answer: str | None) -> None:
        if answer == "drop":
            self._exit()

    def _exit(self) -> None:
        from glancetui.tui.boxes.pick import Choice, Pick

        count = len(self.session.transfers.unfinished)
        if not count:
            self.app.exit(0)
            return
        why_not = "the private service stops with this terminal" if self.session.private else ""
        choices = [
            Choice("stay", "Stay", "s"),
            Choice("cancel", "Cancel them and quit", "c"),
            Choice("leave", "Leave them running and quit", "l", why_not),
        ]
        noun = "transfer is" if count == 1 else "transfers are"
        self.app.push_screen(Pick(f"{count} {noun} not finished", choices), self._leave)

    def _leave(self, answer: str | None) -> None:
        if answer == "cancel":
            for transfer in self.session.transfers.unfinished:
                transfer.end(LAST_SECONDS)
        if answer in {"cancel", "leave"}:
            self.app.exit(0)
