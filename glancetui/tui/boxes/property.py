"""A property of an image, added or changed: what definitions apply is offered, completed, and held against what is
typed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from glancetui.client.text import clean, cut
from glancetui.client.values import BASE_ATTRIBUTES
from glancetui.definitions.check import Book, Finding
from glancetui.definitions.property import Property
from glancetui.definitions.words import constraint
from glancetui.tui.boxes.base import Box
from glancetui.tui.described import Given
from glancetui.tui.widgets.prompt import OneLine

WIDTH = 70
OFFERED = 6  # lines of what could stand there
LONGEST = 255


class PropertyBox(Box[Given | None]):
    """Closes with the property as it shall be, or None. A value that breaks its definition is not taken.

    `put_book` hands it the definitions once they are read; until then, and without any, everything is taken.
    """

    DEFAULT_CSS = """
    PropertyBox Horizontal { height: 1; }
    PropertyBox Label { width: 8; color: $ink-soft; }
    PropertyBox OneLine { width: 1fr; background: $panel; color: $ink; }
    PropertyBox OneLine:focus { background: $cursor; }
    PropertyBox #offers { height: 6; margin: 1 0 1 8; }
    PropertyBox #meaning { height: 4; color: $ink-soft; }
    PropertyBox #verdict { height: 2; margin-top: 1; }
    """

    def __init__(self, properties: Mapping[str, str | None], before: Given | None = None) -> None:
        """`properties`: the image's others. `before`: the one that is changed; None: one is added."""
        super().__init__()
        self.properties, self.before = properties, before
        self.book: Book | None = None
        self.trouble = ""  # why there are no definitions
        self.at = 0
        self._moved = False  # through what is offered: then enter takes it

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Change a property" if self.before else "Add a property"
            frame.border_subtitle = "tab completes · ↑↓ choose · enter goes on · esc closes"
            with Horizontal():
                yield Label("Key")
                key = self.before.key if self.before else ""
                yield OneLine(key, compact=True, select_on_focus=False, id="key", max_length=LONGEST)
            with Horizontal():
                yield Label("Value")
                value = self.before.value if self.before else ""
                yield OneLine(value, compact=True, select_on_focus=False, id="value")
            yield Static("", id="offers", markup=False)
            yield Static("", id="meaning", markup=False)
            yield Static("", id="verdict", markup=False)

    def on_mount(self) -> None:
        (self.value_field if self.before else self.key_field).focus()
        self._begin()

    def put_book(self, book: Book | None, trouble: str = "") -> None:
        self.book, self.trouble = book, trouble
        if self.is_mounted:
            self._begin()

    def _begin(self) -> None:
        """With the definitions at hand; before they are, nothing is near to anything."""
        if self.before is not None and self._untouched and self.key == self.before.key and self._near():
            self.key_field.focus()  # it is the key that is wrong, and tab mends it
        self._point()

    # What is typed, and what could be

    @property
    def key_field(self) -> OneLine:
        return self.query_one("#key", OneLine)

    @property
    def value_field(self) -> OneLine:
        return self.query_one("#value", OneLine)

    @property
    def key(self) -> str:
        return self.key_field.value.strip()

    @property
    def value(self) -> str:
        return self.value_field.value

    def offers(self) -> list[str]:
        """What could stand in the field that has the focus, what begins so first."""
        if self.value_field.has_focus:
            values = self._values()
            return values if self._untouched else _matching(values, self.value)
        return self._keys() or self._near()

    def _keys(self) -> list[str]:
        keys = sorted(key for key in (self.book.keys if self.book else ()) if key not in self.properties)
        return _matching(keys, self.key)

    def _near(self) -> list[str]:
        """What a mistyped key was meant to be."""
        return [each.constraint for each in self.findings() if each.kind == "unknown"]

    @property
    def _untouched(self) -> bool:
        """The value is the one that is there already: all others are offered beside it."""
        return self.before is not None and self.value == self.before.value

    def _point(self) -> None:
        """To the value that is there among all that are offered, or the one most like it; else to the first."""
        offers = self.offers()
        near = difflib.get_close_matches(self.value, offers, n=1) if self.value_field.has_focus else []
        self.at = offers.index(near[0]) if near else 0
        self._moved = False
        self._show()

    def definitions(self, key: str) -> Sequence[Property]:
        return [each.judge.definition for each in self.book.definitions(key)] if self.book else []

    def _values(self) -> list[str]:
        found: dict[str, None] = {}
        for definition in self.definitions(self.key):
            kind = definition.type
            allowed = ["true", "false"] if kind == "boolean" else definition.enum or []
            found |= dict.fromkeys(str(each) for each in allowed)
            if isinstance(definition.default, str):
                found[definition.default] = None
        return list(found)

    def findings(self) -> list[Finding]:
        """What is to say of this property, beside those that the image has."""
        if self.book is None or not self.key:
            return []
        found = self.book.check({**self.properties, self.key: self.value}, BASE_ATTRIBUTES)
        return [each for each in found if each.key == self.key]

    def refusal(self) -> str:
        """Why it cannot be sent; empty: it can."""
        if not self.key:
            return "Name the property."
        if self.key in BASE_ATTRIBUTES:
            return f"{self.key} is an attribute of the image itself; e edits it."
        if self.key in self.properties:
            return f"The image has {self.key} already; enter in the tab of properties changes it."
        return next((each.sentence for each in self.findings() if each.kind == "broken"), "")

    # Drawing

    def _show(self) -> None:
        offers = self.offers()
        self.at = max(0, min(self.at, len(offers) - 1))
        self.query_one("#offers", Static).update(self._offered(offers))
        self.query_one("#meaning", Static).update(self._meaning(self._about(offers)))
        self.query_one("#verdict", Static).update(self._verdict())

    def _offered(self, offers: Sequence[str]) -> Text:
        palette, page = self.palette, Text(no_wrap=True, end="")
        first = max(0, min(self.at - OFFERED // 2, len(offers) - OFFERED))
        last = min(len(offers), first + OFFERED) - 1
        for place in range(first, last + 1):
            style = palette.ink + (palette.cursor if place == self.at else Style())
            page.append(cut(clean(offers[place]), WIDTH - 24), style)
            more = f"   … {len(offers) - last - 1} more" if place == last < len(offers) - 1 else ""
            page.append(more, palette.faint).append("\n")
        if not offers and self.book is None:
            page.append(cut(clean(self.trouble or "reading the definitions …"), WIDTH - 12), palette.soft)
        if offers:
            page.right_crop(1)
        return page

    def _about(self, offers: Sequence[str]) -> str:
        """The key that is explained: the one typed, else the one that is offered."""
        if self.definitions(self.key) or self.value_field.has_focus or not offers:
            return self.key
        return offers[self.at]

    def _meaning(self, key: str) -> Text:
        palette, page = self.palette, Text(end="")
        found = self.definitions(key)
        if not found:
            return page
        says = found[0].description if isinstance(found[0].description, str) else ""
        page.append(f"{clean(key)}: ", palette.key)
        page.append(cut(" or ".join(dict.fromkeys(clean(constraint(each)) for each in found)), 2 * WIDTH - 40))
        return page.append("\n").append(cut(clean(says), 2 * WIDTH - 6), palette.soft)

    def _verdict(self) -> Text:
        if not self.key:
            return Text("")
        refusal, begun = self.refusal(), bool(self.value) or self.key in {*self.properties, *BASE_ATTRIBUTES}
        if refusal and begun:
            return Text(cut(clean(refusal), 2 * WIDTH - 4), self.palette.bad)
        told = [each.sentence for each in self.findings() if each.kind != "broken"]
        if told:
            return Text(cut(clean("; ".join(told)), 2 * WIDTH - 4), self.palette.warn)
        if self.definitions(self.key):
            return Text("right by its definition" if self.value else "", self.palette.good)
        if self.book is None or (self.offers() and not self.value_field.has_focus):
            return Text("")  # it may yet become one of those that are offered
        return Text("no definition describes it; it is sent as it is", self.palette.soft)

    # Keys

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._point()

    def on_descendant_focus(self) -> None:
        self._point()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self.key_field:
            begun = not self.definitions(self.key) and self._keys() and not self.value
            if begun or self._moved:
                self._take()
            self.value_field.focus()
            return
        if self._moved:
            self._take()
        refusal = self.refusal()
        if refusal:
            self.query_one("#verdict", Static).update(Text(cut(clean(refusal), 2 * WIDTH - 4), self.palette.bad))
            return
        self.dismiss(Given(self.key, self.value))

    def _take(self) -> None:
        """Put what is offered into the field."""
        offers = self.offers()
        if offers:
            field = self.value_field if self.value_field.has_focus else self.key_field
            field.value = offers[self.at]
            field.cursor_position = len(field.value)

    def on_key(self, event: events.Key) -> None:
        super().on_key(event)
        steps = {"down": 1, "up": -1}
        if event.key in steps:
            self.at = max(0, min(len(self.offers()) - 1, self.at + steps[event.key]))
            self._moved = True
            self._show()
        elif event.key == "tab":
            offers, typed = self.offers(), self.value if self.value_field.has_focus else self.key
            if offers and offers[self.at] != typed:
                self._take()
            else:
                self._other_field()
        elif event.key == "shift+tab":
            self._other_field()
        else:
            return
        event.stop()
        event.prevent_default()

    def _other_field(self) -> None:
        (self.key_field if self.value_field.has_focus else self.value_field).focus()


def _matching(words: Iterable[str], typed: str) -> list[str]:
    """Those that hold what is typed; first those that begin so."""
    wanted = typed.strip().lower()
    found = [word for word in words if wanted in word.lower()]
    return sorted(found, key=lambda word: not word.lower().startswith(wanted))
