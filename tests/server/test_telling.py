"""What is told of answers with data: how far they came, once they have left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from glancetui.errors import ShortRead
from glancetui.server.cycle import ClientGoneError
from glancetui.server.files import ZERO_COPY
from glancetui.server.telling import _Told

START = {"type": "http.response.start", "status": 200, "headers": []}
FILE = {"type": ZERO_COPY, "offset": 0, "count": 7, "more_body": False}


def piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


class Answer:
    """Sends messages; an error among them is raised."""

    status_code, raw_headers = 200, ()

    def __init__(self, steps: Sequence[Any]) -> None:
        self._steps = steps

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            await send(step)


async def drop(_message: Any) -> None:
    """As a server whose client takes everything."""


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([START, FILE], [(7, True)]),
        ([START, piece(b"ab", more=True), piece(b"c", more=False)], [(3, True)]),
        ([START, piece(b"", more=False)], [(0, True)]),
        ([START, piece(b"ab", more=True), ShortRead("s", "o", 2, 3)], [(2, False)]),
        ([START, piece(b"ab", more=True)], []),  # whoever follows an entry and goes away
        ([START, piece(b"ab", more=True), ClientGoneError("gone")], []),
    ],
)
def test_what_is_told(steps: list[Any], told: list[tuple[int, bool]]) -> None:
    found: list[tuple[int, bool]] = []

    async def tell(sent: int, whole: bool) -> None:
        found.append((sent, whole))

    raised = [step for step in steps if isinstance(step, Exception)]
    answer = _Told(Answer(steps), tell)  # type: ignore[arg-type]
    if raised:
        with pytest.raises(type(raised[0])):
            asyncio.run(answer({}, drop, drop))  # type: ignore[arg-type]
    else:
        asyncio.run(answer({}, drop, drop))  # type: ignore[arg-type]
    assert found == told
