"""Windows on an ordering, against a plain list that changes meanwhile."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from glancetui.client.values import RemoteImage
from glancetui.tui.ports import Listing
from glancetui.tui.windows import GHOST_SECONDS, Rows

SIZE = 5


def image(key: int, version: int = 0) -> RemoteImage:
    return RemoteImage(id=f"i{key:05}", name=f"n{key}", document={"version": version})


class Server:
    """Images in descending order of their keys, as a list."""

    def __init__(self, keys: list[int]) -> None:
        self.keys = dict.fromkeys(keys, 0)

    def ids(self) -> list[str]:
        return [f"i{key:05}" for key in sorted(self.keys, reverse=True)]

    def answer(self, after: str | None, limit: int) -> Listing | None:
        """None: the marker is gone."""
        ids = self.ids()
        if after is not None and after not in ids:
            return None
        start = 0 if after is None else ids.index(after) + 1
        part = ids[start : start + limit]
        found = tuple(image(int(each[1:]), self.keys[int(each[1:])]) for each in part)
        return Listing(images=found, more=len(part) == limit)


def read(rows: Rows, server: Server, number: int, now: float = 0.0) -> None:
    for _ in range(20):
        after, limit, _ = rows.request(number)
        listing = server.answer(after, limit)
        if listing is not None:
            rows.take(number, (after, limit), listing, now)
            return
        rows.vanished(number)
    raise AssertionError("the marker stayed lost")


def read_all(rows: Rows, server: Server, now: float = 0.0) -> None:
    """Scroll to the end, as a table would, then settle what is out of date."""
    for _ in range(400):
        numbers = rows.missing(0, len(rows) + 1)
        if not numbers:
            return
        read(rows, server, numbers[0], now)
    raise AssertionError("it never ended")


def shown(rows: Rows) -> list[str]:
    return [row.id for row in rows.held()]


def test_reads_every_row_once_and_knows_the_total_at_the_end() -> None:
    server, rows = Server(list(range(23))), Rows(size=SIZE)
    read_all(rows, server)
    assert shown(rows) == server.ids()
    assert rows.complete
    assert len(rows) == 23


def test_a_full_last_page_is_the_end_only_once_nothing_came_after_it() -> None:
    server, rows = Server(list(range(SIZE))), Rows(size=SIZE)
    read(rows, server, 0)
    assert not rows.complete
    read(rows, server, 1)
    assert rows.complete
    assert rows.open_end()


def test_rows_arriving_above_push_the_others_down_without_a_gap() -> None:
    server, rows = Server(list(range(0, 40, 2))), Rows(size=SIZE)
    read_all(rows, server)
    server.keys.update({51: 0, 53: 0})
    read(rows, server, 0)
    read_all(rows, server)
    assert shown(rows) == server.ids()


def test_more_new_rows_than_a_page_holds_leave_no_gap() -> None:
    server, rows = Server(list(range(10))), Rows(size=SIZE)
    read_all(rows, server)
    server.keys.update(dict.fromkeys(range(100, 118), 0))
    read(rows, server, 0)
    read_all(rows, server)
    assert shown(rows) == server.ids()


def test_a_deleted_row_stays_as_a_ghost_then_goes() -> None:
    server, rows = Server(list(range(8))), Rows(size=SIZE)
    read_all(rows, server)
    del server.keys[5]
    read(rows, server, 0, now=10.0)
    assert "i00005" in rows.gone
    assert rows.index("i00005") == 2
    assert not rows.sweep(10.0 + GHOST_SECONDS - 0.1)
    assert rows.sweep(10.0 + GHOST_SECONDS)
    assert rows.index("i00005") is None
    assert shown(rows) == server.ids()


def test_a_marker_that_vanished_is_replaced_by_the_row_before_it() -> None:
    server, rows = Server(list(range(20))), Rows(size=SIZE)
    read(rows, server, 0)
    del server.keys[15]  # the last row of the first page
    read(rows, server, 1)
    read_all(rows, server)
    read(rows, server, 0)
    assert shown(rows) == server.ids()


def test_markers_that_vanished_from_pages_let_go_are_stepped_over() -> None:
    server, rows = Server(list(range(30))), Rows(size=SIZE, keep=1)
    for number in range(4):
        read(rows, server, number)
    for key in (25, 20, 15):  # the last rows of the first three pages, whose other rows are no longer known
        del server.keys[key]
    read(rows, server, 3)
    rows.keep = 100
    for _ in range(3):
        for number in range(rows.pages):
            read(rows, server, number)
        read_all(rows, server)
    assert shown(rows) == server.ids()


def test_markers_that_vanished_one_by_one_are_stepped_over() -> None:
    server, rows = Server(list(range(20))), Rows(size=SIZE)
    for number in range(2):
        read(rows, server, number)
    for key in (15, 16, 17, 18, 19):  # the first page from its end, each found out only by asking for what follows it
        del server.keys[key]
        read(rows, server, 1)
    read(rows, server, 0)
    read_all(rows, server)
    assert shown(rows) == server.ids()


def test_a_changed_row_is_pointed_out_for_a_second() -> None:
    server, rows = Server([1, 2, 3]), Rows(size=SIZE)
    read_all(rows, server)
    server.keys[2] = 7
    read(rows, server, 0, now=1.0)
    assert rows.changed["i00002"][0].document == {"version": 0}
    assert rows.sweep(2.1)
    assert not rows.changed


def test_pages_let_go_are_read_again_where_they_were() -> None:
    server, rows = Server(list(range(60))), Rows(size=SIZE, keep=3)
    while not rows.complete:
        read(rows, server, rows.pages)
    assert len(rows) == 60
    assert rows.row(0) is None
    for number in rows.missing(0, 4):
        read(rows, server, number)
    assert rows.row(0) is not None
    assert rows.row(0).id == "i00059"
    assert len(rows) == 60


def test_a_row_that_moved_to_the_top_is_there_once() -> None:
    server, rows = Server(list(range(20))), Rows(size=SIZE)
    read_all(rows, server)
    del server.keys[3]
    server.keys[99] = 0  # as when sorting by the time of the last change
    read(rows, server, 0)
    read_all(rows, server)
    assert shown(rows)[0] == "i00099"
    assert len(set(shown(rows))) == len(shown(rows))


def test_a_local_filter_counts_what_it_looked_at() -> None:
    server = Server(list(range(30)))
    rows = Rows(size=SIZE, matches=lambda row: row.id.endswith("5"))
    read_all(rows, server)
    assert shown(rows) == ["i00025", "i00015", "i00005"]
    assert rows.scanned == 30


class Windows(RuleBasedStateMachine):
    """Whatever comes, goes and is scrolled to: once everything was read again, the list is the server's."""

    def __init__(self) -> None:
        super().__init__()
        self.server, self.rows, self.now = Server(list(range(0, 120, 4))), Rows(size=SIZE, keep=4), 0.0

    @rule(key=st.integers(0, 130))
    def insert(self, key: int) -> None:
        self.server.keys.setdefault(key, 0)

    @rule(at=st.integers(0, 200))
    def delete(self, at: int) -> None:
        if self.server.keys:
            del self.server.keys[sorted(self.server.keys)[at % len(self.server.keys)]]

    @rule(at=st.integers(0, 200))
    def change(self, at: int) -> None:
        if self.server.keys:
            self.server.keys[sorted(self.server.keys)[at % len(self.server.keys)]] += 1

    @rule(at=st.integers(0, 160), height=st.integers(1, 12))
    def scroll(self, at: int, height: int) -> None:
        for number in self.rows.missing(at, at + height):
            if number <= self.rows.pages:
                read(self.rows, self.server, number, self.now)

    @precondition(lambda self: self.rows.pages)
    @rule(at=st.integers(0, 60))
    def poll(self, at: int) -> None:
        read(self.rows, self.server, at % self.rows.pages, self.now)

    @rule(seconds=st.floats(0.1, 4))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.rows.sweep(self.now)

    @invariant()
    def no_id_is_there_twice(self) -> None:
        ids = [row.id for _, _, row in self.rows._held()]
        assert len(ids) == len(set(ids))

    @invariant()
    def rows_are_found_where_they_are(self) -> None:
        for index in range(len(self.rows)):
            row = self.rows.row(index)
            assert row is None or self.rows.index(row.id) == index

    def teardown(self) -> None:
        rows, server = self.rows, self.server
        rows.keep = 1000
        for _ in range(6):
            for number in range(rows.pages):
                if number < rows.pages:
                    read(rows, server, number, self.now)
            read_all(rows, server, self.now)
        rows.sweep(self.now + GHOST_SECONDS + 1)
        assert shown(rows) == server.ids()


TestWindows = Windows.TestCase
TestWindows.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@given(st.lists(st.integers(0, 500), unique=True, max_size=80), st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_any_list_is_read_whole_with_any_page_size(keys: list[int], size: int) -> None:
    server, rows = Server(keys), Rows(size=size)
    read_all(rows, server)
    assert shown(rows) == server.ids()
    assert rows.complete
