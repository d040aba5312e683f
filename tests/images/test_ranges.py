"""Range headers, as contract §10 has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glancetui.errors import BadRequest, RangeNotSatisfiable
from glancetui.images.ranges import Span, parse_content_range, parse_range

SIZES = st.integers(min_value=1, max_value=1 << 50)


@pytest.mark.parametrize(
    ("header", "size", "span"),
    [
        ("bytes=0-0", 10, Span(0, 1)),
        ("bytes=2-4", 10, Span(2, 3)),
        ("bytes=2-", 10, Span(2, 8)),
        ("bytes=-3", 10, Span(7, 3)),
        ("bytes=-30", 10, Span(0, 10)),
        ("bytes=5-999", 10, Span(5, 5)),
        ("bytes=5-99999999999999999999999999", 10, Span(5, 5)),
        ("bytes=-99999999999999999999999999", 10, Span(0, 10)),
        ("bytes=" + "0" * 100 + "5-", 10, Span(5, 5)),
        ("Bytes = 0-9", 10, Span(0, 10)),
        ("  bytes=0-9 ", 10, Span(0, 10)),
        ("bytes=9223372036854775807-", 1 << 63, Span((1 << 63) - 1, 1)),
    ],
)
def test_one_range_is_understood_and_clipped_to_the_size(header: str, size: int, span: Span) -> None:
    assert parse_range(header, size) == span


@pytest.mark.parametrize(
    "header",
    [
        "bytes=10-", "bytes=10-11", "bytes=4-2", "bytes=-0", "bytes=-", "bytes=", "bytes", "", "items=0-1", "bytes=a-b",
        "bytes=1", "bytes=--1", "bytes=0x1-2", "bytes=1-2-3", "bytes=+1-2", "bytes=1 2-3", "bytes=٣-٤", "items=0-1,2-3",
        "bytes=99999999999999999999-", "bytes=" + "1" * 5000 + "-", "bytes=0-1\n", "bytes=0-1\x00", ",", "bytes:0-1",
    ],
)  # fmt: skip
def test_malformed_or_outside_is_not_satisfiable(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(header, 10)
    assert caught.value.size == 10


@pytest.mark.parametrize(
    "header", ["bytes=0-1,3-4", "bytes=0-1, -1", "bytes=,", " BYTES=0-1,x", "bytes=" + "0-1," * 999]
)
def test_several_ranges_are_refused(header: str) -> None:
    with pytest.raises(BadRequest):
        parse_range(header, 10)


def test_nothing_of_an_empty_image_can_be_asked_for() -> None:
    for header in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        with pytest.raises(RangeNotSatisfiable):
            parse_range(header, 0)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes 0-9/*", Span(0, 10)),
        ("bytes 3-3/*", Span(3, 1)),
        ("bytes 3-4/10", Span(3, 2)),
        ("Bytes 1-2/*", Span(1, 2)),
    ],
)
def test_the_range_of_old_clients_is_understood(header: str, span: Span) -> None:
    assert parse_content_range(header, 10) == span


@pytest.mark.parametrize(
    "header", ["bytes 0-10/*", "bytes 4-3/*", "bytes 0-1/11", "bytes */10", "bytes 0-1", "", "bytes=0-1", "bytes -1/*"]
)
def test_a_range_of_old_clients_that_does_not_fit_is_not_satisfiable(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_content_range(header, 10)


@given(size=SIZES, first=st.integers(0, 1 << 51), last=st.integers(0, 1 << 51))
def test_a_span_is_never_empty_and_never_leaves_the_image(size: int, first: int, last: int) -> None:
    for header in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        try:
            span = parse_range(header, size)
        except RangeNotSatisfiable:
            continue
        assert 0 <= span.offset <= span.last < size
        assert span.count >= 1


@given(size=SIZES, data=st.data())
def test_a_fitting_range_is_served_as_asked(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    assert parse_range(f"bytes={first}-{last}", size) == Span(first, last - first + 1)
    assert parse_content_range(f"bytes {first}-{last}/*", size) == Span(first, last - first + 1)
    assert parse_range(f"bytes=-{last + 1}", size) == Span(size - last - 1, last + 1)


@given(header=st.text(max_size=300), size=st.integers(0, 100))
def test_no_text_at_all_is_anything_but_a_span_or_a_refusal(header: str, size: int) -> None:
    for parse in (parse_range, parse_content_range):
        try:
            span = parse(header, size)
        except (BadRequest, RangeNotSatisfiable):
            continue
        assert 0 <= span.offset <= span.last < size
