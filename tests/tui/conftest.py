from __future__ import annotations

import asyncio

import pytest
from textual._context import active_app

STILL = 8  # turns of the loop without a message: so long may a handler await what is ready
MOST = 1000  # turns, for what moves without end


@pytest.fixture(autouse=True)
def keys_as_fast_as_they_are_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each key Textual waits until the process has done nothing for a while: 40 ms at least, two seconds where
    a thread is at work."""
    monkeypatch.setattr("textual.app.wait_for_idle", all_is_handled)
    monkeypatch.setattr("textual.pilot.wait_for_idle", all_is_handled)


async def all_is_handled(*_: float) -> None:
    """All widgets of the screen have handled what they were sent, and what that made others send."""
    app, still = active_app.get(), 0
    for _ in range(MOST):
        await asyncio.sleep(0)
        shown = [widget for screen in app.screen_stack[-1:] for widget in screen.walk_children(with_self=True)]
        still = 0 if any(pump.message_queue_size for pump in (app, *shown)) else still + 1
        if still == STILL:
            return
