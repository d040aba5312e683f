"""Metadata definitions: a tree of what is defined, and beside it what the thing under the cursor means."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult

from glancetui.client import filters
from glancetui.client.text import clean
from glancetui.errors import Forbidden, GlancetuiError, NotFound
from glancetui.tui import figures, shelf
from glancetui.tui.actions import Action
from glancetui.tui.ports import Document
from glancetui.tui.session import Session
from glancetui.tui.shelf import Node, NodeId
from glancetui.tui.views.carrying import Carrying
from glancetui.tui.views.defining import Defining
from glancetui.tui.views.scrolling import Scrolling
from glancetui.tui.widgets import definitions, facts
from glancetui.tui.widgets.chrome import spread
from glancetui.tui.widgets.outline import Outline
from glancetui.tui.widgets.pane import Pane

WIDE = 100  # cells from which the detail stands beside the tree
REDRAW_SECONDS = 0.3  # between two drawings while namespaces come in
SPARING = 10  # times as long as a list of all namespaces takes, until the next one
LACKING = (
    "This endpoint has no metadata definitions: it answers no /v2/metadefs.\n\n"
    "Images and their properties work without; nothing describes or checks what is typed there. "
    "A Glance with its definitions switched on has them, and so has `glancetui serve`."
)
DENIED = "The endpoint does not let you read metadata definitions; its policy asks for another role."
EMPTY = "No definitions yet · n creates a namespace · `glancetui db load-metadefs` loads the usual ones on a server"


class MetadefsView(Carrying, Defining, Scrolling):
    name_of_view = "metadefs"
    title_of_view = "Metadefs"

    DEFAULT_CSS = """
    MetadefsView { layout: horizontal; }
    MetadefsView Outline { width: 1fr; }
    MetadefsView Pane { width: 1fr; display: none; padding: 1 2; }
    MetadefsView.wide Pane { display: block; border-left: solid $ink-faint; }
    MetadefsView.detailed Pane { display: block; }
    MetadefsView.detailed Outline { display: none; }
    MetadefsView.told Outline { display: none; }
    MetadefsView.told Pane { display: block; border-left: none; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.outline = Outline(session, id="tree")
        self.pane = Pane(id="definition")
        self.documents: dict[str, Document] = {}  # by name; in whole, once it is in `whole`
        self.whole: set[str] = set()
        self.opened: set[NodeId] = set()
        self.sought = ""
        self.trouble = ""  # why there is nothing to show; empty: there is
        self.read_at: float | None = None
        self._drawn_at = 0.0
        self._due = 0.0  # when to ask again

    def compose(self) -> ComposeResult:
        yield self.outline
        yield self.pane

    # Reading

    def disconnected(self) -> None:
        self.documents.clear()
        self.whole.clear()
        self.opened.clear()
        self.sought, self.trouble, self.read_at, self._due = "", "", None, 0.0
        self._draw()

    async def poll(self) -> bool:
        """The namespaces there are, and the one under the cursor in whole."""
        service, began = self.session.service, self.session.clock()
        if service is None or (began < self._due and not self.session.connection.troubled):
            return False
        try:
            listed = await self.session.pool.run(lambda: list(service.definitions.namespaces()))
        except (NotFound, Forbidden) as error:
            self.trouble = LACKING if isinstance(error, NotFound) else DENIED
            self._draw()
            return True
        if service is not self.session.service:
            return True
        self._due = began + SPARING * (self.session.clock() - began)
        first = self.read_at is None
        self.trouble, self.read_at = "", self.session.clock()
        changed = self._list(listed)
        if self.current is not None and self.current.namespace in self.whole:
            changed |= await self._read(self.current.namespace)
        if changed or first:
            self._draw()
        if self.unread:
            self._read_the_rest()
        return True

    def _list(self, listed: Sequence[Document]) -> bool:
        """Take in which namespaces there are. Whether that is news."""
        fresh = {shelf.text(each.get("namespace")): each for each in listed}
        gone = self.documents.keys() - fresh.keys()
        new = fresh.keys() - self.documents.keys()
        touched = {n for n in fresh.keys() & self.documents.keys() if _stamp(fresh[n]) != _stamp(self.documents[n])}
        self.whole -= gone | touched
        self.documents = dict(
            sorted({name: self.documents.get(name, fresh[name]) for name in fresh}.items(), key=lambda pair: pair[0])
        )
        return bool(gone or new)

    @property
    def unread(self) -> list[str]:
        return [name for name in self.documents if name not in self.whole]

    @work(exclusive=True, group="reading", exit_on_error=False)
    async def _read_the_rest(self) -> None:
        """Each namespace in whole, that under the cursor first: search looks into all of them."""
        here = self.current.namespace if self.current is not None else ""
        try:
            for name in sorted(self.unread, key=lambda name: name != here):
                if await self._read(name):
                    self._draw_soon()
        except GlancetuiError as error:
            self.post_message(self.Failed(error))
        self._draw()

    async def _read(self, name: str) -> bool:
        """Whether it is other than it was."""
        service = self.session.service
        if service is None:
            return False
        try:
            document: Document | None = await self.session.pool.run(service.definitions.namespace, name)
        except NotFound:
            document = None
        if service is not self.session.service or name not in self.documents:
            return False  # it is of an endpoint that was left meanwhile
        before = self.documents[name]
        if document is None:
            del self.documents[name]
            self.whole.discard(name)
        else:
            self.documents[name] = document
            self.whole.add(name)
        return document != before

    def changed(self, name: str, at: NodeId | None = None) -> None:
        """A namespace was changed from here: read it again, and go to the node `at`."""
        self.whole.discard(name)
        self._show_changed(name, at)

    @work(exclusive=False, group="changed", exit_on_error=False)
    async def _show_changed(self, name: str, at: NodeId | None) -> None:
        self.documents.setdefault(name, {"namespace": name})
        self.documents = dict(sorted(self.documents.items()))
        try:
            await self._read(name)
        except GlancetuiError as error:
            self.post_message(self.Failed(error))
            return
        if at is not None:
            self._open_to(at)
        self._draw()
        if at is not None:
            self.go_to(at)

    def _open_to(self, at: NodeId) -> None:
        namespace, kind, within, _ = at
        if kind != "namespace":
            self.opened.add((namespace, "namespace", "", namespace))
        if within:
            self.opened.add((namespace, "object", "", within))

    def go_to(self, at: NodeId) -> None:
        place = next((place for place, node in enumerate(self.outline.rows) if node.id == at), None)
        if place is not None:
            self.outline.go(place)

    # Drawing

    @property
    def current(self) -> Node | None:
        return self.outline.current

    def _draw_soon(self) -> None:
        if self.session.clock() - self._drawn_at >= REDRAW_SECONDS:
            self._draw()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        self._drawn_at = self.session.clock()
        rows = shelf.rows(self.documents.values(), self.opened, self.sought)
        # While something is sought, what it lies in stands open.
        opened = {parent for node in rows if (parent := node.parent)} if self.sought else self.opened
        self.outline.put(rows, opened)
        self._tell()

    def _tell(self) -> None:
        """The detail, or in the place of all why there is nothing."""
        sentence = self._nothing()
        self.set_class(bool(sentence), "told")
        node, palette = self.current, self.session.palette()
        if sentence or node is None:
            self.pane.put(Text(sentence, palette.soft))
        else:
            self.pane.put(definitions.detail(node, self.documents.get(node.namespace, {}), palette))
        self.post_message(self.Changed())

    def _nothing(self) -> str:
        if self.trouble:
            return self.trouble
        if self.read_at is None:
            return f"asking the endpoint {self.session.glyphs.ellipsis}"
        if not self.documents:
            return EMPTY
        if not self.outline.rows:
            return f"No key and no description holds {clean(self.sought)!r} · esc ends the search"
        return ""

    def shown(self) -> None:
        self._arrange()
        self._draw()

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        wide = self.size.width >= WIDE
        self.set_class(wide, "wide")
        if wide:
            self.remove_class("detailed")
        (self.pane if self.detailed else self.outline).focus()

    @property
    def detailed(self) -> bool:
        """The detail stands in the place of the tree."""
        return self.has_class("detailed")

    @on(Outline.Moved)
    def _moved(self, message: Outline.Moved) -> None:
        message.stop()
        self.pane.scroll_home(animate=False)
        self._tell()

    @on(Outline.Pressed)
    def _pressed(self, message: Outline.Pressed) -> None:
        message.stop()
        self.act_open()

    def crumbs(self) -> Sequence[str]:
        node = self.current
        return ("Metadefs", *((node.namespace, node.name)[: 1 if node.kind == "namespace" else 2] if node else ()))

    def chips(self, width: int) -> Text:
        palette = self.session.palette()
        sought = f"{self.session.glyphs.local} {clean(self.sought)}" if self.sought else ""
        reading = f"reading {len(self.whole)} of {len(self.documents)}" if self.unread and self.read_at else ""
        age = None if self.read_at is None else self.session.clock() - self.read_at
        shown = "" if age is None else f"{figures.span(age)} old" if age >= 3 else "now"
        return spread([(sought, palette.busy), (reading, palette.soft)], [(shown, palette.soft)], width)

    def tally(self) -> str:
        if not self.outline.rows:
            return ""
        return f"{self.outline.cursor + 1} of {len(self.outline.rows):,}"

    def tick(self) -> None:
        self.post_message(self.Changed())

    # Looking

    def act_refresh(self) -> None:
        """Every namespace is read again."""
        self.reread()

    def reread(self) -> None:
        self.whole.clear()
        self._due = 0.0
        self.desk.act_refresh()

    def off(self, action: Action) -> str | None:
        node = self.current
        if action.id == "look.used" and node is not None:
            if node.kind != "property":
                return "only properties are used by images"
            if self._image_key(node) is None:
                return f"{node.namespace} does not go on images"
        return super().off(action)

    def _image_key(self, node: Node) -> str | None:
        """The property's key as it stands on an image; None: its namespace does not go there."""
        from glancetui.definitions.check import IMAGE, prefix_on

        prefix = prefix_on(self.documents.get(node.namespace, {}), IMAGE)
        return None if prefix is None else prefix + node.name

    def act_used(self) -> None:
        """`u`: the images that have the property, in their list."""
        node = self.current
        key = self._image_key(node) if node is not None else None
        if key is not None:
            self.desk.go("images")
            self.desk.images.try_filter(str(filters.Comparison("prop", "!=", ("",), key)))

    def act_filter(self) -> None:
        self.desk.ask("/", self.sought)

    def try_filter(self, typed: str, before: str | None = None) -> bool:  # noqa: ARG002  # every word makes sense
        self.remove_class("detailed")
        self.sought = typed.strip()
        self._draw()
        return True

    def back(self) -> bool:
        if self.detailed:
            self.remove_class("detailed")
            self.outline.focus()
            return True
        if self.sought:
            at = self.current
            self.sought = ""
            if at is not None:
                self._open_to(at.id)
            self._draw()
            return True
        return False

    def act_open(self) -> None:
        """The detail in the place of the tree; where it stands beside it, the node opens or closes."""
        if self.current is None:
            return
        if not self.has_class("wide"):
            self.add_class("detailed")
            self.pane.focus()
        elif self.current.opens:
            self._toggle(self.current)

    def _toggle(self, node: Node) -> None:
        self.opened ^= {node.id}
        self._draw()

    def act_right(self) -> None:
        node = self.current
        if node is not None and node.opens and node.id not in self.opened:
            self._toggle(node)
        else:
            self.act_down()

    def act_left(self) -> None:
        node = self.current
        if node is None or self.sought:
            return
        if node.id in self.opened:
            self._toggle(node)
        elif node.parent is not None:
            self.go_to(node.parent)

    def act_next_pane(self) -> None:
        (self.outline if self.pane.has_focus else self.pane).focus()

    act_previous_pane = act_next_pane

    def act_raw(self) -> None:
        if self.current is not None:
            self.desk.open_document(self.current.document, self.current.name, "Metadefs", self.amend_document)

    def act_copy(self) -> None:
        from glancetui.tui.boxes.pick import Choice, Pick

        node = self.current
        if node is None:
            return
        texts = {
            "n": ("name", node.name),
            "j": ("JSON", facts.spelled(node.document)),
            "c": ("command", command_of(node)),
        }

        def copy(key: str | None) -> None:
            if key is not None:
                self.desk.copy(texts[key][1], texts[key][0])

        self.app.push_screen(Pick("Copy", [Choice(key, what, key) for key, (what, _) in texts.items()]), copy)

    # Moving

    def _scrolls(self) -> bool:
        return self.pane.has_focus or self.detailed

    def move(self, by: int) -> None:
        if self._scrolls():
            super().move(by)
        else:
            self.outline.go(self.outline.cursor + by)

    @property
    def rows(self) -> int:
        return super().rows if self._scrolls() else len(self.outline.rows)


def _stamp(document: Document) -> object:
    return document.get("updated_at")


def command_of(node: Node) -> str:
    """What shows the same on the command line."""
    import shlex

    if node.kind in {"namespace", "resource type"}:
        return f"glancetui metadef namespace show {shlex.quote(node.namespace)}"
    kind, name = ("object", node.within) if node.within else (node.kind, node.name)
    return f"glancetui metadef {kind} show {shlex.quote(node.namespace)} {shlex.quote(name)}"
