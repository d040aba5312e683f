"""Windows on an ordering of images that may be a million rows long.

`Rows` knows the pages that were read, each found by the image before it (keyset paging), and keeps the rows of the
last `keep` pages used. It is plain data without waiting: requests go out as page numbers, answers come back by `take`.

Rows stay where they are when others come and go: a new row pushes its neighbours along, a row that vanished is kept as
a ghost until `sweep`, a row that moved leaves its old place at once, so no id is ever there twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, takewhile

from glancetui.client.values import RemoteImage
from glancetui.tui.ports import Listing

GHOST_SECONDS = 3.0
CHANGED_SECONDS = 1.0
MOST_ASKED = 1000  # the greatest page that the contract allows

Predicate = Callable[[RemoteImage], bool]


class _Page:
    """Rows between two keys. `rows` is None once they were let go to save memory; `count` then remembers how many."""

    __slots__ = ("asked", "count", "etag", "full", "last", "rows", "scanned", "stale", "used")

    def __init__(self) -> None:
        self.rows: list[RemoteImage] | None = []
        self.count = 0
        self.scanned = 0
        self.last: str | None = None
        self.etag: str | None = None
        self.asked: tuple[str | None, int] | None = None  # marker and limit that `etag` answers for
        self.stale = False
        self.full = False  # the answer had as many rows as were asked for
        self.used = 0

    def hold(self, rows: list[RemoteImage]) -> None:
        self.rows, self.count = rows, len(rows)


class Rows:
    """Everything known of one ordering. Used from one thread."""

    def __init__(self, *, size: int = 200, keep: int = 40, matches: Predicate | None = None) -> None:
        self.size, self.keep, self.matches = size, keep, matches
        self.complete = False
        self.gone: dict[str, float] = {}
        self.changed: dict[str, tuple[RemoteImage, float]] = {}
        self._pages: list[_Page] = []
        self._ends: list[int] = []
        self._tick = 0

    # What is there

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @property
    def scanned(self) -> int:
        """Images looked at so far, whether the local filter showed them or not."""
        return sum(page.scanned for page in self._pages)

    @property
    def pages(self) -> int:
        return len(self._pages)

    def row(self, index: int) -> RemoteImage | None:
        """The image at `index`; None where it is known to be but has to be read again."""
        number = bisect_right(self._ends, index)
        if index < 0 or number >= len(self._pages):
            return None
        rows = self._pages[number].rows
        return None if rows is None else rows[index - self._start(number)]

    def index(self, image_id: str) -> int | None:
        for number, position, image in self._held():
            if image.id == image_id:
                return self._start(number) + position
        return None

    def held(self) -> Iterator[RemoteImage]:
        """The images in memory, in order, without those that have vanished."""
        return (image for _, _, image in self._held() if image.id not in self.gone)

    def _held(self) -> Iterator[tuple[int, int, RemoteImage]]:
        for number, page in enumerate(self._pages):
            for position, image in enumerate(page.rows or ()):
                yield number, position, image

    def _start(self, number: int) -> int:
        return self._ends[number - 1] if number else 0

    def _count_again(self) -> None:
        self._ends = list(accumulate(page.count for page in self._pages))

    # What to ask

    def pages_of(self, first: int, last: int) -> range:
        """The numbers of the pages that hold the rows `first` to `last`."""
        if not self._pages:
            return range(0)
        low = min(bisect_right(self._ends, max(0, first)), len(self._pages) - 1)
        high = min(bisect_right(self._ends, max(0, last)), len(self._pages) - 1)
        return range(low, high + 1)

    def missing(self, first: int, last: int) -> list[int]:
        """The pages to read so that the rows `first` to `last` can be drawn: let go, out of date, or not yet seen."""
        wanted = [n for n in self.pages_of(first, last) if self._pages[n].rows is None or self._pages[n].stale]
        if not self.complete and last >= len(self):
            wanted.append(len(self._pages))
        return wanted

    def open_end(self) -> bool:
        """The last page is full and nothing came after it when asked; something may have come since."""
        return self.complete and bool(self._pages) and self._pages[-1].full

    def request(self, number: int) -> tuple[str | None, int, str | None]:
        """The marker, limit and ETag with which to ask for a page."""
        after = self._marker(number)
        if number >= len(self._pages):
            return after, self.size, None
        page = self._pages[number]
        limit = min(MOST_ASKED, max(self.size, page.scanned))
        fresh = page.rows is not None and not page.stale and page.asked == (after, limit)
        return after, limit, page.etag if fresh else None

    def _marker(self, number: int) -> str | None:
        return self._pages[number - 1].last if number else None

    # What came

    def take(self, number: int, asked: tuple[str | None, int], listing: Listing, now: float) -> None:
        """Put the answer for page `number` in its place. One to a marker that is no longer the page's is dropped."""
        if number > len(self._pages) or asked[0] != self._marker(number):
            return
        if number == len(self._pages):
            if not listing.images:
                self.complete = True
                return
            self._pages.append(_Page())
        page = self._pages[number]
        images, cut = self._cut(number, listing.images)
        if not listing.more:
            del self._pages[number + 1 :]
            self.complete = True
            images, cut = listing.images, False
        elif number == len(self._pages) - 1:
            self.complete = False
        shown = [image for image in images if self.matches is None or self.matches(image)]
        before, leftover = self._divide(page, images, pushes=listing.more and not cut)
        self._note_changes(before, shown, now)
        self._drop_elsewhere(number, {image.id for image in images})
        page.hold(self._with_ghosts(before, shown, now))
        page.scanned, page.last = len(images), images[-1].id if images else self._marker(number)
        page.stale, page.etag, page.asked = False, listing.etag, asked
        page.full = listing.more
        self._push(number + 1, leftover)
        self._touch(page)
        self._split(number)
        self._count_again()

    def vanished(self, number: int) -> None:
        """The marker of page `number` is no more: use the row before it, or read the page before it again."""
        if not number or number > len(self._pages):
            return
        before = self._pages[number - 1]
        lost = before.last
        # Only rows above the lost one: those below it may be the ones that were lost before it.
        above = list(takewhile(lambda image: image.id != lost, before.rows or ()))
        alive = [image.id for image in above if image.id not in self.gone]
        if alive:
            before.last = alive[-1]
            return
        before.stale = True
        if lost == self._marker(number - 1):
            self.vanished(number - 1)  # the row before it is gone as well: step back further
        before.last = self._marker(number - 1)

    def sweep(self, now: float) -> bool:
        """Forget ghosts and marks of change whose time is over. True: something looks different now."""
        over = {image_id for image_id, due in self.gone.items() if due <= now}
        calm = [image_id for image_id, (_, due) in self.changed.items() if due <= now]
        for image_id in calm:
            del self.changed[image_id]
        for image_id in over:
            del self.gone[image_id]
        if over:
            self._drop_elsewhere(None, over)
            self._count_again()
        return bool(over or calm)

    def vanish(self, image_id: str, now: float) -> None:
        """This program has just deleted the image: show so at once, without waiting for the next answer."""
        self.gone.setdefault(image_id, now + GHOST_SECONDS)

    def replace(self, image: RemoteImage, now: float) -> bool:
        """Show a newer version of a row where it stands."""
        for number, position, old in self._held():
            if old.id == image.id:
                rows = self._pages[number].rows or []
                self._note_changes([old], [image], now)
                rows[position] = image
                return True
        return False

    # How answers are fitted in

    def _cut(self, number: int, images: Sequence[RemoteImage]) -> tuple[Sequence[RemoteImage], bool]:
        """Without the images at the end that belong to the next page."""
        if number + 1 >= len(self._pages):
            return images, False
        beyond = {image.id for image in self._pages[number + 1].rows or ()}
        end = len(images)
        while end and images[end - 1].id in beyond:
            end -= 1
        if end == len(images) and not beyond:
            end = self._end_by_last_key(self._pages[number], images)
        return images[:end], end < len(images)

    @staticmethod
    def _end_by_last_key(page: _Page, images: Sequence[RemoteImage]) -> int:
        """The next page was let go. The old last row ends this one, unless it moved up past others of its page."""
        ids = [image.id for image in images]
        if page.last not in ids:
            return len(images)
        end = ids.index(page.last) + 1
        mine = {image.id for image in page.rows or ()}
        return len(images) if mine.intersection(ids[end:]) else end

    @staticmethod
    def _divide(
        page: _Page, images: Sequence[RemoteImage], *, pushes: bool
    ) -> tuple[list[RemoteImage], list[RemoteImage]]:
        """What the page held, in two: the part that the answer covers, and the part that it pushed beyond its end."""
        held = page.rows or []
        if not pushes or not held:
            return held, []
        came = {image.id for image in images}
        last = max((position for position, image in enumerate(held) if image.id in came), default=-1)
        return held[: last + 1], [image for image in held[last + 1 :] if image.id not in came]

    def _note_changes(self, before: list[RemoteImage], shown: list[RemoteImage], now: float) -> None:
        known = {image.id: image for image in before}
        for image in shown:
            self.gone.pop(image.id, None)
            old = known.get(image.id)
            if old is not None and old.document != image.document:
                self.changed[image.id] = (old, now + CHANGED_SECONDS)

    def _with_ghosts(self, before: list[RemoteImage], shown: list[RemoteImage], now: float) -> list[RemoteImage]:
        came = {image.id for image in shown}
        lost = [image for image in before if image.id not in came]
        if not lost:
            return shown
        places: dict[str | None, list[RemoteImage]] = {}
        previous: str | None = None
        for image in before:
            if image.id in came:
                previous = image.id
                continue
            self.gone.setdefault(image.id, now + GHOST_SECONDS)
            places.setdefault(previous, []).append(image)
        merged = list(places.get(None, ()))
        for image in shown:
            merged.append(image)
            merged.extend(places.get(image.id, ()))
        return merged

    def _drop_elsewhere(self, number: int | None, ids: set[str]) -> None:
        for other, page in enumerate(self._pages):
            if other != number and page.rows and any(image.id in ids for image in page.rows):
                page.hold([image for image in page.rows if image.id not in ids])

    def _push(self, number: int, rows: list[RemoteImage]) -> None:
        if not rows:
            return
        if number == len(self._pages):
            page = _Page()
            page.last = rows[-1].id
            self._pages.append(page)
        page = self._pages[number]
        page.scanned += len(rows)
        page.stale = True
        if page.rows is None:
            page.count += len(rows)
            return
        page.hold(rows + page.rows)

    def _split(self, number: int) -> None:
        page = self._pages[number]
        if page.rows is None or len(page.rows) <= 2 * self.size:
            return
        middle = len(page.rows) // 2
        alive = next((i for i in range(middle, 0, -1) if page.rows[i - 1].id not in self.gone), 0)
        if not alive:
            return
        rest = _Page()
        rest.hold(page.rows[alive:])
        rest.last, rest.used, rest.scanned = page.last, page.used, max(0, page.scanned - alive)
        page.hold(page.rows[:alive])
        page.last, page.etag, page.scanned = page.rows[-1].id, None, alive
        self._pages.insert(number + 1, rest)

    def _touch(self, page: _Page) -> None:
        self._tick += 1
        page.used = self._tick
        loaded = [other for other in self._pages if other.rows is not None]
        if len(loaded) <= self.keep:
            return
        oldest = min(loaded, key=lambda other: other.used)
        oldest.rows, oldest.etag = None, None

    def use(self, first: int, last: int) -> None:
        """The rows `first` to `last` are being looked at: their pages are let go last."""
        for number in self.pages_of(first, last):
            self._tick += 1
            self._pages[number].used = self._tick
