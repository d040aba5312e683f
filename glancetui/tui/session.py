"""What all views share: one endpoint, how it is doing, and this program's own memory of what it did."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from glancetui.client.imports import WITHOUT_DATA
from glancetui.client.values import RemoteImage
from glancetui.tui.columns import Scene
from glancetui.tui.connection import Connection
from glancetui.tui.figures import now
from glancetui.tui.glyphs import Glyphs
from glancetui.tui.imports import Imports
from glancetui.tui.palette import Palette
from glancetui.tui.pool import Pool
from glancetui.tui.ports import About, Service
from glancetui.tui.run import Run
from glancetui.tui.settings import Settings
from glancetui.tui.transfers import Queue
from glancetui.tui.undo import History

NOTICES_KEPT = 200


class Notice(msgspec.Struct, frozen=True):
    at: datetime
    sentence: str
    severity: str = "information"


class Session:
    """Made once for the program, handed to every view. Lives on the event loop."""

    def __init__(
        self,
        settings: Settings,
        glyphs: Glyphs,
        palette: Callable[[], Palette],
        *,
        read_only: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = now,
    ) -> None:
        self.settings, self.glyphs, self.palette, self.read_only = settings, glyphs, palette, read_only
        self.clock, self.wall = clock, wall
        self.pool = Pool()
        self.connection = Connection()
        self.service: Service | None = None
        self.about: About | None = None
        self.private = False  # the endpoint is a service of our own, and ends with us
        self.starting = ""  # what is being waited for before the endpoint answers
        self.notices: list[Notice] = []
        self.history = History()
        self.run: Run | None = None  # an act on several images that goes on now
        self.transfers = Queue(settings.transfers, clock)
        self.endpoint_arguments: Callable[[], Sequence[str]] = tuple  # flags that lead a command to this endpoint
        self.imports = Imports()
        self.reasons: dict[str, str] = {}  # image id → why its last upload from here failed

    def scene(self) -> Scene:
        return Scene(now=self.wall(), glyphs=self.glyphs, imports=self.imports)

    def reason_of(self, image: RemoteImage) -> str:
        """Why the last attempt to give it data failed, as far as this session or the endpoint tells."""
        own = self.reasons.get(image.id, "") if image.status in WITHOUT_DATA else ""
        return own or self.imports.failure(image)

    def note(self, sentence: str, severity: str = "information") -> None:
        self.notices.append(Notice(self.wall(), sentence, severity))
        del self.notices[:-NOTICES_KEPT]

    @property
    def cloud(self) -> str:
        return self.about.cloud if self.about else ""

    def leave(self) -> None:
        """Forget the endpoint and all that was said of it; transfers keep theirs."""
        if self.service is not None:
            self.service.cancel()
        if self.run is not None:
            self.run.stopped = True
        self.service = self.about = None
        self.connection = Connection()
        self.history, self.reasons, self.imports = History(), {}, Imports()

    @property
    def endpoint(self) -> str:
        return self.about.endpoint if self.about else ""
