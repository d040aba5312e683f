"""Telling the operator's message broker of data that were sent: after the answer, so that nobody waits for it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from glancetui.errors import GlancetuiError
from glancetui.images.access import actor_of
from glancetui.images.deliver import Delivery
from glancetui.server.bridge import in_thread
from glancetui.server.files import ZERO_COPY
from glancetui.server.routing import caller_of, service_of

log = logging.getLogger(__name__)
KIND = "image.send"


def told(request: Request, delivery: Delivery, answer: Response) -> Response:
    """The answer, of which the broker hears where the operator wants that."""
    wanted = service_of(request).settings.notifications
    if wanted is None or not wanted.owed.wants(KIND):
        return answer
    return _Told(answer, partial(_tell, request, delivery))


class _Told(Response):
    """An answer with data. `tell` hears of how many bytes have left, and whether those were all; of an answer that its
    taker broke off it hears nothing, as in Glance."""

    def __init__(self, answer: Response, tell: Callable[[int, bool], Awaitable[None]]) -> None:
        self.status_code, self.raw_headers, self.background = answer.status_code, answer.raw_headers, None
        self._answer, self._tell = answer, tell
        self._sent, self._whole = 0, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            await send(message)
            if message["type"] != "http.response.start":
                self._sent += message["count"] if message["type"] == ZERO_COPY else len(message.get("body", b""))
                self._whole = not message.get("more_body", False)

        try:
            await self._answer(scope, receive, counted)
        except GlancetuiError:
            await self._tell(self._sent, False)
            raise
        if self._whole:
            await self._tell(self._sent, True)


async def _tell(request: Request, delivery: Delivery, sent: int, whole: bool) -> None:
    address = request.client.host if delivery.cached and request.client is not None else None
    image_id, actor = request.path_params["image_id"], actor_of(caller_of(request))
    note = service_of(request).registry.note_download
    try:
        await in_thread(request, note, image_id, delivery.owner, sent, actor, whole, address)
    except GlancetuiError as error:  # the data were sent all the same
        log.warning("Nobody will be notified that image %s was sent: %s", image_id, error)
