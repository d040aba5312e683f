"""3 Transfers: what this terminal publishes and fetches, while it goes on and after."""

from __future__ import annotations

import os

import msgspec
from rich.text import Text
from textual import work
from textual.app import ComposeResult

from glancetui.client import edit
from glancetui.client.masking import masked_url
from glancetui.client.text import clean
from glancetui.client.values import RemoteImage
from glancetui.errors import GlancetuiError
from glancetui.tui import figures
from glancetui.tui.actions import Action
from glancetui.tui.boxes.confirm import Confirm, Question
from glancetui.tui.columns import Cell, Column, Scene
from glancetui.tui.publication import Publication, is_address
from glancetui.tui.session import Session
from glancetui.tui.transfers import Order, State, Transfer
from glancetui.tui.views.listing import ListingView
from glancetui.tui.widgets.chrome import spread
from glancetui.tui.widgets.table import VirtualTable

LOOK_SECONDS = 0.25
BAR = 16


def _signs(transfer: Transfer, scene: Scene) -> Cell:
    sign = scene.glyphs.upload if transfer.order.upload else scene.glyphs.download
    return Cell(sign, "busy" if transfer.running else "soft")


def _name(transfer: Transfer, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(clean(transfer.order.name))


def _bar(transfer: Transfer, scene: Scene) -> Cell:
    drawn = figures.bar(transfer.fraction, BAR, ascii_only=scene.glyphs.ascii_only)
    return Cell(drawn, _style(transfer))


def _percent(transfer: Transfer, scene: Scene) -> Cell:  # noqa: ARG001
    fraction = transfer.fraction
    return Cell(figures.UNKNOWN if fraction is None else f"{int(fraction * 100)} %", _style(transfer))


def _bytes(transfer: Transfer, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(figures.size(transfer.done), "ink")


def _rate(transfer: Transfer, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(figures.rate(transfer.rate), "soft")


def _eta(transfer: Transfer, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(figures.span(transfer.remaining), "ink")


def _phase(transfer: Transfer, scene: Scene) -> Cell:
    return Cell(f"{_sign(transfer, scene)} {clean(transfer.phase)}", _style(transfer))


def _file(transfer: Transfer, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(clean(masked_url(path) if is_address(path := transfer.order.path) else path), "faint")


def _total(transfer: Transfer, scene: Scene) -> Cell:  # noqa: ARG001
    return Cell(figures.size(transfer.total), "soft")


def _sign(transfer: Transfer, scene: Scene) -> str:
    glyphs = scene.glyphs
    signs = {State.WAITING: glyphs.waiting, State.RUNNING: glyphs.saving, State.DONE: glyphs.good}
    return signs.get(transfer.state, glyphs.bad)


def _style(transfer: Transfer) -> str:
    return _style_of_state(transfer.state)


COLUMNS: tuple[Column[Transfer], ...] = (
    Column(key="name", title="NAME", width=12, cell=_name, flexible=True),
    Column(key="way", title="", width=1, cell=_signs),
    Column(key="phase", title="PHASE", width=11, cell=_phase),
    Column(key="percent", title="%", width=5, cell=_percent, right=True),
    Column(key="done", title="BYTES", width=8, cell=_bytes, right=True),
    Column(key="rate", title="RATE", width=10, cell=_rate, right=True),
    Column(key="eta", title="ETA", width=7, cell=_eta, right=True),
    Column(key="bar", title="", width=BAR, cell=_bar),
    Column(key="total", title="OF", width=8, cell=_total, right=True),
    Column(key="file", title="FILE", width=24, cell=_file, flexible=True),
)


class TransfersView(ListingView[Transfer]):
    name_of_view = "transfers"
    title_of_view = "Transfers"

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.queue = session.transfers
        self._publications: dict[str, Publication] = {}
        self.table: VirtualTable[Transfer] = VirtualTable(
            COLUMNS, self.queue, palette=session.palette, scene=session.scene, id="transfers-table"
        )
        self.table.note = self._note
        self.table.empty = lambda: "No transfers in this session\n\nn publishes a file as an image"

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.set_interval(LOOK_SECONDS, self._look)

    def shown(self) -> None:
        self.table.focus()
        self.table.refresh()

    def _note(self, transfer: Transfer) -> Cell | None:
        """Below the row under the cursor: why it failed, or a bar as wide as the screen."""
        if transfer.sentence:
            return Cell(clean(transfer.sentence), _style(transfer))
        if not transfer.running:
            return None
        total = f"{figures.size(transfer.done)} of {figures.size(transfer.total)}"
        width = max(10, self.table.size.width - len(total) - 12)
        bar = figures.bar(transfer.fraction, width, ascii_only=self.session.glyphs.ascii_only)
        return Cell(f"{bar}  {total}", "busy")

    # Starting

    @work(exclusive=False, group="publishing", exit_on_error=False)
    async def publish(self, publication: Publication) -> None:
        """Send a file as a new image, or as the data of the image that an earlier attempt left."""
        waiting = await self._waiting(publication)
        transfer = self._add(
            Order(
                upload=True,
                name=publication.name,
                path=publication.path,
                arguments=publication.again() if waiting else publication.arguments(),
                operand=waiting or publication.name,
                total=publication.size,
                image_id=waiting,
                by_endpoint=publication.is_fetched,
            )
        )
        self._publications[transfer.id] = publication
        self.desk.go("transfers")

    async def _waiting(self, publication: Publication) -> str | None:
        """The id of the image that still waits for this data, made as the form says now; None: a new one is needed."""
        service = self.session.service
        if publication.image_id is None or service is None:
            return None
        try:
            image = await self.session.pool.run(service.image, publication.image_id)
            if image.status != "queued":
                return None
            wanted = edit.operations(edit.draft_of(image), publication.draft())
            if wanted:
                self.desk.image_changed(await self.session.pool.run(service.patch, image, wanted))
        except GlancetuiError as error:
            self.desk.say(f"A new image is made: {error}", "warning")
            return None
        return image.id

    def fetch(self, image: RemoteImage, path: str) -> None:
        """Save an image's data to a file."""
        arguments = ("image", "save", "--file", path)
        self._add(
            Order(
                upload=False,
                name=image.name or image.id,
                path=path,
                arguments=arguments,
                operand=image.id,
                total=image.size,
                image_id=image.id,
            )
        )
        self.desk.say(f"fetching {image.name or image.id} · 3 shows how it goes")

    def _add(self, order: Order) -> Transfer:
        order = msgspec.structs.replace(order, endpoint=tuple(self.session.endpoint_arguments()))
        with self.table.anchored():
            transfer = self.queue.add(order)
        self.table.move(0)
        self._start_due()
        return transfer

    @work(exclusive=True, group="starting", exit_on_error=False)
    async def _start_due(self) -> None:
        for transfer in self.queue.due():
            try:
                await self.session.pool.run(transfer.start, dict(os.environ))
            except OSError as error:
                transfer.state, transfer.phase, transfer.sentence = State.FAILED, "failed", str(error)
        self.table.refresh()

    def failed_publication(self) -> Publication | None:
        """What the form was, if the upload under the cursor failed and this view is looked at."""
        transfer = self.table.current
        if transfer is None or not self.has_class("current") or transfer.state not in {State.FAILED, State.CANCELLED}:
            return None
        publication = self._publications.get(transfer.id)
        return publication and msgspec.structs.replace(publication, image_id=transfer.image_id)

    # Going on

    def _look(self) -> None:
        changed = [transfer for transfer in self.queue.running if transfer.look()]
        for transfer in changed:
            if transfer.over:
                self._ended(transfer)
        if self.queue.due():
            self._start_due()
        if (changed or self.queue.running) and self.has_class("current"):
            self.table.refresh()
            self.post_message(self.Changed())

    def _ended(self, transfer: Transfer) -> None:
        what = "published" if transfer.order.upload else "fetched"
        name = transfer.order.name
        if transfer.state is State.DONE:
            verified = "" if transfer.order.upload else f" and verified: {transfer.order.path}"
            self.desk.say(f"{name}: {what}{verified}", seconds=6)
        elif transfer.state is State.FAILED:
            if transfer.image_id is not None and transfer.order.upload:
                self.session.reasons[transfer.image_id] = transfer.sentence
            self.desk.say(f"{name}: not {what}: {transfer.sentence}", "error", seconds=60)
        self.session.connection.hurry(self.session.clock())

    def tick(self) -> None:
        self.post_message(self.Changed())

    # What can be done

    def off(self, action: Action) -> str | None:
        current = self.table.current
        if action.id == "transfer.cancel" and (current is None or current.over):
            return "nothing is running under the cursor"
        if action.acts and action.id != "transfer.cancel" and self.session.read_only:
            return "this session is read-only"
        return None

    def act_cancel(self) -> None:
        transfer = self.table.current
        if transfer is None:
            return
        follows = (
            "The endpoint goes on with it, only this stops looking; D in Images deletes the image and ends it."
            if transfer.order.by_endpoint
            else "The image stays, queued and without data; n sends the file to it again, D in Images deletes it."
            if transfer.order.upload
            else "What was written of the file is removed."
        )
        question = Question(title=f"Cancel {transfer.order.name}?", sentence=follows, yes="Cancel it")

        def answer(yes: bool | None) -> None:
            if yes:
                transfer.cancel()
                self.table.refresh()

        self.app.push_screen(Confirm(question), answer)

    def act_open(self) -> None:
        transfer = self.table.current
        if transfer is not None and transfer.image_id is not None:
            self.open_named(transfer.image_id)

    def chips(self, width: int) -> Text:
        palette = self.session.palette()
        counts = {state: sum(transfer.state is state for transfer in self.queue.transfers) for state in State}
        left = [(f"{n} {state}", palette.named(_style_of_state(state))) for state, n in counts.items() if n]
        rates = [transfer.rate or 0.0 for transfer in self.queue.running]
        return spread(left, [(f"{figures.rate(sum(rates))} in all" if rates else "", palette.soft)], width)

    def act_mark_all(self) -> None:
        self.table.mark(self.queue.transfers)


def _style_of_state(state: State) -> str:
    styles = {State.WAITING: "soft", State.RUNNING: "busy", State.DONE: "good", State.CANCELLED: "warn"}
    return styles.get(state, "bad")
