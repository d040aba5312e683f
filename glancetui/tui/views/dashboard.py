"""1 Dashboard: is anything wrong, what is going on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult

from glancetui.client.text import cells, clean, cut
from glancetui.client.values import Part
from glancetui.tui import figures
from glancetui.tui.connection import State
from glancetui.tui.ports import Query
from glancetui.tui.session import Session
from glancetui.tui.transfers import Transfer
from glancetui.tui.views.scrolling import Scrolling
from glancetui.tui.widgets.chrome import pressing
from glancetui.tui.widgets.pane import Pane

COUNTED = 1000  # images that one request counts; beyond that the number is a bound
PARTS_SECONDS = 5.0  # between questions how the endpoint's own parts are
LABEL = 11
LAST = 8  # notices shown


class DashboardView(Scrolling):
    name_of_view = "dashboard"
    title_of_view = "Dashboard"

    DEFAULT_CSS = """
    DashboardView Pane { padding: 1 2; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.pane = Pane()
        self.counts: Counter[str] | None = None
        self.bytes = 0
        self.more = False  # there are images beyond those counted
        self._etag: str | None = None
        self._parts: Sequence[Part] = ()
        self._parts_due = 0.0

    def compose(self) -> ComposeResult:
        yield self.pane

    def shown(self) -> None:
        self.pane.focus()
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        self._draw()

    def tick(self) -> None:
        self._draw()

    async def poll(self) -> bool:
        service = self.session.service
        if service is None:
            return False
        listing = await self.session.pool.run(service.page, Query(), None, COUNTED, self._etag)
        if listing is not None:
            self.counts = Counter(image.status for image in listing.images)
            self.bytes = sum(image.size or 0 for image in listing.images)
            self.more, self._etag = listing.more, listing.etag
        if self.session.clock() >= self._parts_due:
            self._parts = await self.session.pool.run(service.parts)
            self._parts_due = self.session.clock() + PARTS_SECONDS
        self._draw()
        return True

    def _draw(self) -> None:
        if not self.is_mounted or not self.has_class("current"):
            return
        page = Text(no_wrap=True, end="")
        width = self.pane.room
        for part in (self._attention(width), self._images(), self._transfers(width), self._last(width)):
            page.append_text(part).append("\n")
        self.pane.put(page)

    def _head(self, title: str, key: str = "", view: str = "") -> Text:
        palette = self.session.palette()
        head = Text(end="").append(f"{title:<{LABEL}}", palette.head)
        if key:
            button = pressing(f"view.{view}")
            head.append(f"[{key}]", palette.key + button).append(f" {view}\n", palette.faint + button)
        return head

    def _attention(self, width: int) -> Text:
        palette, session = self.session.palette(), self.session
        text = self._head("ATTENTION")
        failed = [transfer for transfer in session.transfers.transfers if transfer.state == "failed"]
        lines: list[Text] = []
        if session.connection.state is State.STARTING:
            lines.append(Text(session.starting or "connecting to the endpoint", palette.busy))
        if session.connection.troubled:
            state = session.connection.text(session.clock(), session.glyphs)
            lines.append(
                Text(f"{state}: {cut(clean(session.connection.reason), width - cells(state) - 4)}", palette.bad)
            )
        for part in () if session.connection.troubled else self._parts:
            if not part.ready:
                sentence = f"{session.glyphs.bad} {part.name} down: {part.error}"
                lines.append(Text(cut(clean(sentence), width - 2), palette.bad))
        for transfer in failed:
            sentence = f"{session.glyphs.bad} {transfer.order.name}: {transfer.sentence}"
            lines.append(Text(cut(clean(sentence), width - 2), palette.bad))
        if not lines:
            return text.append("nothing\n", palette.good)
        text.append(f"{len(lines)}\n", palette.bad + Style(bold=True))
        for line in lines:
            text.append("  ").append_text(line).append("\n")
        return text

    def _images(self) -> Text:
        palette, glyphs = self.session.palette(), self.session.glyphs
        text = self._head("IMAGES", "2", "images")
        if self.counts is None:
            return text.append(f"  {glyphs.ellipsis}\n", palette.soft)
        total = sum(self.counts.values())
        if not total:
            text.append("  none yet · ", palette.soft).append("n", palette.key + pressing("image.new"))
            return text.append(" publishes a file as an image\n", palette.soft)
        at_least = (">= " if glyphs.ascii_only else "≥ ") if self.more else ""
        text.append(f"  {at_least}{figures.count(total)}", palette.ink + Style(bold=True))
        text.append(f" images, {at_least}{figures.size(self.bytes)}", palette.soft)
        for status, count in self.counts.most_common():
            text.append(f"   {glyphs.status(status)} {figures.count(count)} {clean(status)}", palette.status(status))
        if self.more:
            text.append("   newest only", palette.faint)
        return text.append("\n")

    def _transfers(self, width: int) -> Text:
        palette = self.session.palette()
        text = self._head("RUNNING", "3", "transfers")
        running = self.session.transfers.unfinished
        if not running:
            return text.append("  no transfers\n", palette.soft)
        for transfer in running:
            text.append_text(self._transfer(transfer, width)).append("\n")
        return text

    def _transfer(self, transfer: Transfer, width: int) -> Text:
        palette, glyphs = self.session.palette(), self.session.glyphs
        name = max(12, width - 60)
        sign = glyphs.upload if transfer.order.upload else glyphs.download
        percent = "" if transfer.fraction is None else f"{int(transfer.fraction * 100)} %"
        text = Text(f"  {sign} ", palette.busy, end="")
        shown = cut(clean(transfer.order.name), name)
        text.append(shown + " " * (name - cells(shown) + 2), palette.ink)
        text.append(figures.bar(transfer.fraction, 18, ascii_only=glyphs.ascii_only), palette.busy)
        text.append(f"{percent:>6}  {figures.rate(transfer.rate):>10}  ", palette.ink)
        return text.append(figures.span(transfer.remaining), palette.soft)

    def _last(self, width: int) -> Text:
        palette = self.session.palette()
        text = self._head("LAST")
        notices = self.session.notices[-LAST:][::-1]
        if not notices:
            return text.append("nothing was done in this session\n", palette.soft)
        text.append("\n")
        styles = {"information": palette.ink, "warning": palette.warn, "error": palette.bad}
        for notice in notices:
            text.append(f"  {notice.at:%H:%M:%S}  ", palette.faint)
            text.append(cut(clean(notice.sentence), width - 14) + "\n", styles.get(notice.severity, palette.ink))
        return text

    def disconnected(self) -> None:
        self.counts, self._parts = None, ()

    def connected(self) -> None:
        self._etag, self._parts_due = None, 0.0

    def act_open(self) -> None:
        self.desk.go("images")
