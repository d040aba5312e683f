from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from textual._context import active_app
from textual.app import App
from textual.screen import Screen

STILL = 8  # turns of the loop without a message: so long may a handler await what is ready
MOST = 1000  # turns, for what moves without end


@pytest.fixture(autouse=True)
def keys_as_fast_as_they_are_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each key Textual waits until the process has done nothing for a while: 40 ms at least, two seconds where
    a thread is at work."""
    monkeypatch.setattr("textual.app.wait_for_idle", all_is_handled)
    monkeypatch.setattr("textual.pilot.wait_for_idle", all_is_handled)


async def all_is_handled(*_: float) -> None:
    """All widgets of the screen have handled what they were sent, and what that made others send; it is drawn, and what
    waits for that has begun."""
    app = active_app.get()
    await no_messages(app)
    for screen in shown(app):
        screen._on_timer_update()
    await no_messages(app)


async def no_messages(app: App[object]) -> None:
    still = 0
    for _ in range(MOST):
        await asyncio.sleep(0)
        widgets = [widget for screen in shown(app) for widget in screen.walk_children(with_self=True)]
        still = 0 if any(pump.message_queue_size for pump in (app, *widgets)) else still + 1
        if still == STILL:
            return


def shown(app: App[object]) -> Sequence[Screen[object]]:
    """The one on top; none while the application ends."""
    return app.screen_stack[-1:]
