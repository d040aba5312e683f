"""Changing to another endpoint while the program runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from glancetui.errors import GlancetuiError
from glancetui.tui.boxes.base import given
from glancetui.tui.boxes.pick import Choice, Pick

if TYPE_CHECKING:
    from glancetui.tui.application import GlanceApp
    from glancetui.tui.desk import Desk


def names(desk: Desk) -> list[str]:
    """The clouds that are configured; none where the configuration cannot be read."""
    try:
        return list(cast("GlanceApp", desk.app).opener.clouds())
    except GlancetuiError:
        return []


def offer(desk: Desk) -> None:
    """Pick one; `:cl NAME` does it at once."""
    try:
        known = cast("GlanceApp", desk.app).opener.clouds()
    except GlancetuiError as error:
        desk.say(str(error), "warning")
        return
    here = desk.session.cloud
    choices = [Choice(name, name, why_not="you are there" if name == here else "") for name in known]
    desk.app.push_screen(Pick("Go to cloud", choices), given(partial(switch, desk)))


def switch(desk: Desk, name: str) -> None:
    known = names(desk)
    if name not in known:
        desk.say(f"There is no cloud {name!r}; there are: {', '.join(known)}.", "warning")
        return
    cast("GlanceApp", desk.app).switch(name)
