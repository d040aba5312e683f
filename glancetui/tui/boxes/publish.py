"""`n`: publish a file as an image. Says what will happen before anything is sent."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from urllib.parse import unquote

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from glancetui.client.edit import VISIBILITIES
from glancetui.client.text import clean, cut
from glancetui.tui import figures
from glancetui.tui.boxes.form import WIDTH, Form
from glancetui.tui.files import Found, recognise
from glancetui.tui.publication import Publication, is_address
from glancetui.tui.session import Session
from glancetui.tui.widgets.fields import Choice, PathField
from glancetui.tui.widgets.prompt import OneLine

CANDIDATES = 3  # lines of completions
TELLING = frozenset({"qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso", "raw"})  # .img may be any of them
REST_SECONDS = 0.2
LONGEST_NAME = 255
WHO = {
    "private": "only this project sees it",
    "shared": "this project sees it, and others it is offered to",
    "community": "everybody can use it by its id",
    "public": "everybody sees it",
}


class FieldError(ValueError):
    """What is typed in a field makes no sense; says which and why."""


class PublishForm(Form[Publication | None]):
    """Closes with what shall be published, or None. What was typed is kept for the next time it opens."""

    DEFAULT_CSS = """
    PublishForm Label.second { width: 12; padding-left: 2; }
    PublishForm #candidates { height: auto; max-height: 3; padding-left: 12; display: none; }
    PublishForm #candidates.some { display: block; }
    PublishForm #recognised { height: auto; min-height: 1; max-height: 2; padding-left: 12; }
    PublishForm #sentence { height: 2; margin-top: 1; }
    PublishForm #buttons { margin-top: 1; }
    PublishForm .gap { height: 1; }
    """

    def __init__(self, session: Session, before: Publication | None = None) -> None:
        super().__init__()
        self.session = session
        self.before = before
        self.found: Found | None = None
        self.problem = ""
        self._own_name = bool(before and before.name)
        self._own_format = bool(before and before.disk_format)

    def compose(self) -> ComposeResult:
        before = self.before or Publication(path="", name="")
        with Vertical() as frame:
            frame.border_title, frame.border_subtitle = (
                "Publish a file",
                "tab completes · ctrl+s publishes · esc closes",
            )
            with Horizontal():
                yield Label("File or URL")
                yield PathField(self.session.pool, before.path, id="path")
            yield Static("", id="candidates", markup=False)
            yield Static("", id="recognised", markup=False)
            yield from self._row("Name", OneLine(before.name, compact=True, id="name", max_length=LONGEST_NAME))
            with Horizontal():
                yield Label("Disk format")
                yield OneLine(before.disk_format, compact=True, id="disk_format")
                yield Label("Container", classes="second")
                yield OneLine(before.container_format, compact=True, id="container_format")
            with Horizontal():
                yield Label("Min disk")
                yield OneLine(str(before.min_disk or ""), compact=True, placeholder="GiB", id="min_disk")
                yield Label("Min RAM", classes="second")
                yield OneLine(str(before.min_ram or ""), compact=True, placeholder="MiB", id="min_ram")
            yield from self._row("Visibility", Choice(VISIBILITIES, self.palette, before.visibility, id="visibility"))
            protected = "yes" if before.protected else "no"
            yield from self._row("Protected", Choice(("no", "yes"), self.palette, protected, id="protected"))
            tags = OneLine(" ".join(before.tags), compact=True, placeholder="lts server", id="tags")
            yield from self._row("Tags", tags)
            spelled = " ".join(shlex.quote(f"{key}={value}") for key, value in before.properties)
            hint = 'os_distro=debian title="Debian 13"'
            yield from self._row("Properties", OneLine(spelled, compact=True, placeholder=hint, id="properties"))
            yield Static("", id="sentence", markup=False)
            yield from self.buttons("Publish")

    def _row(self, label: str, field: Input | Choice) -> ComposeResult:
        with Horizontal():
            yield Label(label)
            yield field

    def on_mount(self) -> None:
        self.query_one("#path").focus()
        self._say()
        if self.before and self.before.path:
            self._recognise(self.before.path)

    # What is typed

    def value(self, field: str) -> str:
        widget = self.query_one(f"#{field}")
        return widget.value if isinstance(widget, Input | Choice) else ""

    def _put(self, field: str, value: str) -> None:
        widget = self.query_one(f"#{field}", Input)
        with widget.prevent(Input.Changed):
            widget.value = value

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        field = event.input.id
        if field == "path":
            self.found = None
            self._recognise(event.value)
        elif field == "name":
            self._own_name = bool(event.value)
        elif field == "disk_format":
            self._own_format = bool(event.value)
        self._say()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._say()

    @on(PathField.Candidates)
    def _candidates(self, message: PathField.Candidates) -> None:
        message.stop()
        names = [path.rstrip("/").rpartition("/")[2] + ("/" if path.endswith("/") else "") for path in message.found]
        lines = names[:CANDIDATES]
        if len(names) > CANDIDATES:
            lines[-1] = f"{lines[-1]}  … {len(names) - CANDIDATES} more"
        page = Text("\n".join(cut(clean(line), WIDTH - 14) for line in lines), self.palette.soft, no_wrap=True)
        shown = self.query_one("#candidates", Static)
        shown.update(page)
        shown.set_class(bool(lines), "some")

    @work(exclusive=True, group="recognise", exit_on_error=False)
    async def _recognise(self, typed: str) -> None:
        """Look at the file's first bytes once typing rests."""
        from asyncio import sleep

        await sleep(REST_SECONDS)
        if not typed.strip():
            self._show_found("", ok=True)
            return
        if is_address(typed):
            self._take_address(typed.strip())
            return
        try:
            found = await self.session.pool.run(recognise, typed.strip())
        except OSError as error:
            self._show_found(error.strerror or str(error), ok=False)
            return
        self.found = found
        if not self._own_name:
            self._put("name", found.path.stem[:LONGEST_NAME])
        if not self._own_format:
            self._put("disk_format", found.disk_format)
            self._put("container_format", found.container_format)
        self._show_found(f"{figures.size(found.size)} · recognised {found.disk_format}: {found.reason}", ok=True)
        self._say()

    def _take_address(self, url: str) -> None:
        """Nothing is asked of it from here: the endpoint may reach other places than this terminal."""
        last = unquote(url.split("#", maxsplit=1)[0].split("?", maxsplit=1)[0]).rpartition("/")[2]
        stem, _, suffix = last.rpartition(".")
        if not self._own_name:
            self._put("name", (stem or last)[:LONGEST_NAME])
        if not self._own_format:
            self._put("disk_format", suffix.lower() if suffix.lower() in TELLING else "")
        self._show_found("The endpoint fetches it; say which disk format it has.", ok=True)
        self._say()

    def _show_found(self, sentence: str, *, ok: bool) -> None:
        style = self.palette.good if ok else self.palette.warn
        self.query_one("#recognised", Static).update(Text(cut(clean(sentence), 2 * (WIDTH - 16)), style))

    # What will happen

    def publication(self) -> Publication:
        """Everything typed, as values. Raises FieldError."""
        path = self.value("path").strip()
        if not path:
            raise FieldError("Name a file (tab completes its path), or a URL that the endpoint shall fetch.")
        disk_format = self.value("disk_format").strip()
        if is_address(path):
            if "@" in path.split("/")[2]:
                raise FieldError("A URL with a name or password in it is not fetched.")
            if not disk_format:
                raise FieldError("Disk format: say it, such as qcow2 or raw.")
        elif self.found is None:
            raise FieldError("The file is not there, or cannot be read.")
        return Publication(
            path=path if self.found is None else str(self.found.path),
            name=self.value("name"),
            size=None if self.found is None else self.found.size,
            disk_format=disk_format,
            container_format=self.value("container_format").strip(),
            visibility=self.value("visibility"),
            protected=self.value("protected") == "yes",
            min_disk=_number("Min disk", self.value("min_disk")),
            min_ram=_number("Min RAM", self.value("min_ram")),
            tags=tuple(self.value("tags").replace(",", " ").split()),
            properties=_properties(self.value("properties")),
            image_id=self.before.image_id if self.before else None,
        )

    def _say(self) -> None:
        try:
            it = self.publication()
        except FieldError as error:
            style = self.palette.bad if self.problem else self.palette.soft
            self._sentence(Text(str(error), style))
            return
        self.problem = ""
        formats = f"as {it.disk_format or 'unknown format'} / {it.container_format or 'no container'}"
        waiting = f"image {it.image_id[:8]}, which waits for it" if it.image_id else ""
        if it.is_fetched:
            lead, what, way = "The endpoint fetches it ", formats, waiting and f" for {waiting}"
        else:
            lead, what = "Sends ", f"{figures.size(it.size)} {formats}"
            way = f" to {waiting or self.session.endpoint or 'the endpoint'}"
        sentence = Text(lead, self.palette.soft, end="")
        sentence.append(clean(what), self.palette.ink)
        sentence.append(f"{clean(way)}; {WHO[it.visibility]}.", self.palette.soft)
        self._sentence(sentence)

    def _sentence(self, text: Text) -> None:
        self.query_one("#sentence", Static).update(text)

    def action_send(self) -> None:
        try:
            publication = self.publication()
        except FieldError as error:
            self.problem = str(error)
            self._say()
            return
        self.dismiss(publication)


def _number(label: str, typed: str) -> int:
    if not typed.strip():
        return 0
    if not typed.strip().isdecimal() or int(typed) > 2**31 - 1:
        raise FieldError(f"{label} is a whole number.")
    return int(typed)


def _properties(typed: str) -> tuple[tuple[str, str], ...]:
    """`key=value` pairs, quoted as in a shell."""
    try:
        parts: Sequence[str] = shlex.split(typed)
    except ValueError as error:
        raise FieldError(f"Properties: {error}.") from error
    pairs = [part.partition("=") for part in parts]
    wrong = next((key for key, equals, _ in pairs if not equals or not key), None)
    if wrong is not None:
        raise FieldError(f"Properties are written key=value; {wrong!r} is not.")
    return tuple((key, value) for key, _, value in pairs)
