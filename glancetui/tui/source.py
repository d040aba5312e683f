"""The images of an endpoint as a source of rows: asks for windows through the pool, and keeps what came."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from glancetui.client.values import RemoteImage
from glancetui.errors import BadRequest, NotFound
from glancetui.tui.pool import Pool
from glancetui.tui.ports import Listing, Query, Service
from glancetui.tui.windows import Predicate, Rows

LOCAL_PAGES = 10  # pages that a filter evaluated here looks through before it asks whether to go on
KEPT_PAGES = 40
KEPT_WITH_FILTER = 10_000  # a filter evaluated here keeps only its matches, but for ever
POLLED_PAGES = 3  # pages in sight that one poll asks for, beside the first

Anchor = Callable[[], AbstractContextManager[None]]


class ImageSource:
    """One ordering at a time, seen from its beginning or, after `from_end`, from its end. Lives on the event loop."""

    def __init__(self, pool: Pool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._clock = pool, clock
        self._service: Service | None = None
        self.query = Query()
        self.matches: Predicate | None = None
        self.backwards = False
        self.page_size = 200
        self.rows = Rows()
        self.anchor: Anchor = nullcontext
        self.read_at: float | None = None  # when an answer last confirmed what is shown
        self.arrived = 0  # rows that came above what is looked at
        self._asking: set[int] = set()
        self._asked_pages = 0
        self._budget = LOCAL_PAGES

    # Rows by number, as the table wants them

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int) -> RemoteImage | None:
        return self.rows.row(self._turn(index))

    def index(self, row_id: str) -> int | None:
        found = self.rows.index(row_id)
        return None if found is None else self._turn(found)

    def is_gone(self, row_id: str) -> bool:
        return row_id in self.rows.gone

    def before_change(self, row_id: str) -> RemoteImage | None:
        change = self.rows.changed.get(row_id)
        return change[0] if change else None

    @property
    def complete(self) -> bool:
        return self.rows.complete

    @property
    def paused(self) -> bool:
        """A filter evaluated here has looked through its share of pages; `go_on` gives it another."""
        return self.matches is not None and not self.complete and self._asked_pages >= self._budget

    @property
    def loading(self) -> bool:
        return bool(self._asking)

    def _turn(self, index: int) -> int:
        return len(self.rows) - 1 - index if self.backwards else index

    # Which rows

    def connect(self, service: Service) -> None:
        self._service = service

    def disconnect(self) -> None:
        """There is no endpoint now: nothing is asked until there is another."""
        self._service = None

    def show(self, query: Query, matches: Predicate | None = None, *, backwards: bool = False) -> None:
        """Begin another ordering; answers to questions about the old one will be dropped."""
        self.query, self.matches, self.backwards = query, matches, backwards
        self.rows = Rows(size=self.page_size, matches=matches, keep=KEPT_PAGES if matches is None else KEPT_WITH_FILTER)
        self._asking = set()
        self._asked_pages, self._budget, self.arrived = 0, LOCAL_PAGES, 0
        self.read_at = None

    def go_on(self) -> None:
        self._budget = self._asked_pages + LOCAL_PAGES

    # Reading

    def needs(self, first: int, last: int) -> bool:
        """Whether `load` would ask for anything."""
        low, high = sorted((self._turn(first), self._turn(last)))
        return self._service is not None and not self.paused and bool(self.rows.missing(low, high))

    async def load(self, first: int, last: int) -> None:
        """Read what is missing of the rows `first` to `last`; either may lie beyond what is known. Raises."""
        low, high = sorted((self._turn(first), self._turn(last)))
        rows = self.rows
        while self._service is not None and rows is self.rows and not self.paused:
            numbers = [number for number in rows.missing(low, high) if number not in self._asking]
            if not numbers:
                break
            await self._ask(numbers[0])
        rows.use(low, high)

    async def poll(self, first: int, last: int) -> None:
        """Ask again for the first page and for those in sight. Raises on failure."""
        low, high = sorted((self._turn(first), self._turn(last)))
        rows = self.rows
        numbers = [0, *(number for number in rows.pages_of(low, high) if number)][: POLLED_PAGES + 1]
        if rows.open_end() and high >= len(rows) - 1:
            numbers.append(rows.pages)
        for number in numbers:
            if rows is self.rows and number not in self._asking:
                await self._ask(number)

    async def _ask(self, number: int) -> None:
        rows, service = self.rows, self._service
        if service is None:
            return
        after, limit, etag = rows.request(number)
        query = self.query.reversed() if self.backwards else self.query
        asking = self._asking
        asking.add(number)
        try:
            listing = await self._pool.run(service.page, query, after, limit, etag)
        except (BadRequest, NotFound):
            if after is None:
                raise
            rows.vanished(number)
            return
        finally:
            asking.discard(number)
        if rows is not self.rows:
            return
        self.read_at = self._clock()
        if number >= rows.pages:
            self._asked_pages += 1
        if listing is not None:
            self._take(number, (after, limit), listing)

    def _take(self, number: int, asked: tuple[str | None, int], listing: Listing) -> None:
        first_before = self.rows.row(0) if not number and self.rows.pages else None
        with self.anchor():
            self.rows.take(number, asked, listing, self._clock())
        if first_before is not None and not self.backwards:
            self.arrived += self.rows.index(first_before.id) or 0

    def sweep(self) -> bool:
        """True: ghosts or marks of change went, and the list looks different."""
        now = self._clock()
        if not any(due <= now for due in self.rows.gone.values()):
            return self.rows.sweep(now)
        with self.anchor():
            return self.rows.sweep(now)

    def vanish(self, image_id: str) -> None:
        self.rows.vanish(image_id, self._clock())

    def replace(self, image: RemoteImage) -> None:
        """Show an image's newer version where it stands."""
        self.rows.replace(image, self._clock())
