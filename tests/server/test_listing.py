"""The query string of a listing: what each parameter means, what is refused, and what the links repeat."""

# ruff: noqa: DTZ001 - the times of values have no zone

from __future__ import annotations

import contextlib
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glancetui.errors import BadRequest
from glancetui.model import Viewer
from glancetui.registry.interface import Between, ImageQuery, OneOf, PropertyIs, Sort, TimeIs
from glancetui.server.listing import Listing, read_listing, split_values

VIEWER = Viewer(project="p1", is_admin=False)


def listing(query: str | bytes, max_filters: int = 64) -> Listing:
    raw = query if isinstance(query, bytes) else query.encode()
    return read_listing(raw, VIEWER, default_limit=25, max_limit=1000, max_filters=max_filters)


def query(text: str | bytes) -> ImageQuery:
    return listing(text).query


def test_nothing_asked_is_the_newest_first() -> None:
    assert query("") == ImageQuery(viewer=VIEWER, limit=25)


@pytest.mark.parametrize(
    ("text", "limit"),
    [("0", 0), ("7", 7), ("1000", 1000), ("99999999", 1000), ("+5", 5), ("9" * 19, 1000), ("9" * 30, 1000)],
)
def test_limit_is_cut_to_the_most(text: str, limit: int) -> None:
    assert query(f"limit={text}").limit == limit


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("name=a", (OneOf(field="name", values=("a",)),)),
        ("name=", (OneOf(field="name", values=("",)),)),
        ("name=eq:in:a", (OneOf(field="name", values=("in:a",)),)),
        ("status=in:active,queued,active", (OneOf(field="status", values=("active", "queued")),)),
        ("name=in:%22a%2Cb%22,c%5C%22d,%22e%5C%22f%22", (OneOf(field="name", values=("a,b", 'c"d', 'e"f')),)),
        ("id=x&disk_format=raw", (OneOf(field="id", values=("x",)), OneOf(field="disk_format", values=("raw",)))),
        ("owner=in:a,b", (OneOf(field="owner", values=("in:a,b",)),)),
        ("checksum=x:y", (OneOf(field="checksum", values=("x:y",)),)),
        ("size=5", (OneOf(field="size", values=(5,)),)),
        ("size=abc&min_ram=" + "9" * 19, (OneOf(field="size", values=(-1,)), OneOf(field="min_ram", values=(-1,)))),
        ("size_min=5&size_max=6", (Between(field="size", least=5), Between(field="size", most=6))),
        ("min_ram_min=1&min_disk_max=2", (Between(field="min_ram", least=1), Between(field="min_disk", most=2))),
        ("virtual_size=7", (OneOf(field="virtual_size", values=(7,)),)),
        ("virtual_size_min=1", (Between(field="virtual_size", least=1),)),
        ("name=in:a,", (OneOf(field="name", values=("a",)),)),
        ("name=in:,%22%22,a", (OneOf(field="name", values=("", "a")),)),
        ("name=in:", (OneOf(field="name", values=()),)),
        ("os_distro=deb%C3%A9", (PropertyIs(name="os_distro", value="debé"),)),
        ("a+b=c+d", (PropertyIs(name="a b", value="c d"),)),
        ("prop=neq:x", (PropertyIs(name="prop", value="neq:x"),)),
        ("deleted=true", ()),
        ("&&", ()),
    ],
)
def test_filters(text: str, filters: tuple[object, ...]) -> None:
    assert query(text).filters == filters


@pytest.mark.parametrize(
    ("value", "op", "at"),
    [
        ("2026-01-02T03:04:05Z", "eq", datetime(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05", "eq", datetime(2026, 1, 2, 3, 4, 5)),
        ("eq:2026-01-02T03:04:05Z", "eq", datetime(2026, 1, 2, 3, 4, 5)),
        ("gt:2026-01-02T03:04:05.5Z", "gt", datetime(2026, 1, 2, 3, 4, 5, 500000)),
        ("gte:2026-01-02T03:04:05%2B02:00", "gte", datetime(2026, 1, 2, 1, 4, 5)),
        ("gte:2026-01-02T03:04:05+02:00", "gte", datetime(2026, 1, 2, 1, 4, 5)),
        ("lt:2026-01-02", "lt", datetime(2026, 1, 2)),
        ("gte:2026-03", "gte", datetime(2026, 3, 1)),
        ("2026", "eq", datetime(2026, 1, 1)),
        ("neq:20260102T030405Z", "neq", datetime(2026, 1, 2, 3, 4, 5)),
    ],
)
@pytest.mark.parametrize("field", ["created_at", "updated_at"])
def test_times_are_compared_in_utc(field: str, value: str, op: str, at: datetime) -> None:
    assert query(f"{field}={value}").filters == (TimeIs(field=field, op=op, at=at),)  # type: ignore[arg-type]


def test_fields_of_their_own() -> None:
    found = query("visibility=all&member_status=all&os_hidden=TRUE&protected=false&tag=a&tag=b&tag=a&marker=m&q=Deb")
    assert (found.visibility, found.member_status, found.os_hidden, found.protected) == ("all", "all", True, False)
    assert (found.tags, found.marker, found.search) == (("a", "b"), "m", "Deb")


@pytest.mark.parametrize(
    ("text", "sort"),
    [
        ("sort_key=name", (Sort("name", "desc"),)),
        ("sort_dir=asc", (Sort("created_at", "asc"),)),
        ("sort_key=name&sort_key=size&sort_dir=asc", (Sort("name", "asc"), Sort("size", "asc"))),
        ("sort_key=name&sort_dir=asc&sort_key=size&sort_dir=desc", (Sort("name", "asc"), Sort("size", "desc"))),
        ("sort=name:asc,size", (Sort("name", "asc"), Sort("size", "desc"))),
        ("sort=name:asc&sort=name:desc", (Sort("name", "asc"),)),
        ("sort=+status:desc", (Sort("status", "desc"),)),
    ],
)
def test_sorting(text: str, sort: tuple[Sort, ...]) -> None:
    assert query(text).sort == sort


@pytest.mark.parametrize(
    "text",
    [
        "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=1_0", "limit=%D9%A3", "limit=-" + "9" * 30,
        "marker=" + "x" * 300,
        "name=neq:a", "name=foo:a", "status=gt:active", "id=:x", "container_format=like:b",
        "name=in:%22a", "name=in:a%22b", "name=in:%22a%22b", "name=in:a,%22",
        "name=in:" + ",".join(map(str, range(1001))),
        "created_at=yesterday", "created_at=", "created_at=gt:", "created_at=foo:2026-01-02T03:04:05Z",
        "updated_at=in:2026-01-02T03:04:05Z", "updated_at=gt:2026-13-01T00:00:00Z",
        "created_at=gt:0001-01-01T00:00:00%2B14:00",
        "size_min=x", "size_max=", "min_ram_min=1.0", "min_disk_max=1e5",
        "visibility=secret", "member_status=maybe", "os_hidden=yes", "protected=True", "protected=1",
        "changes-since=2026-01-01", "changes-since=",
        "sort=name:up", "sort=owner", "sort=", "sort=name,", "sort=name:asc&sort_key=size", "sort=name&sort_dir=asc",
        "sort_key=owner", "sort_key=", "sort_dir=up", "sort_dir=asc&sort_dir=asc",
        "sort_key=name&sort_dir=asc&sort_dir=desc",
        "sort_key=name&sort_key=id&sort_key=size&sort_dir=asc&sort_dir=desc",
        "=x", "name=%FF", "%C3=x", "name=%00", "a%00=b", "name=%ED%A0%80",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_a_bad_request(text: str) -> None:
    with pytest.raises(BadRequest):
        listing(text)


def test_number_of_parameters_is_bounded() -> None:
    assert listing("&".join(f"p{n}=x" for n in range(64)))
    with pytest.raises(BadRequest, match="64"):
        listing("&".join(f"p{n}=x" for n in range(65)))


def test_links_repeat_all_but_the_marker() -> None:
    asked = listing("tag=a&limit=2&tag=b%26c&marker=old&sort_key=name&sort_key=size&sort_dir=asc&x=%C3%A9")
    kept = "tag=a&limit=2&tag=b%26c&sort_key=name&sort_key=size&sort_dir=asc&x=%C3%A9"
    assert asked.first() == f"/v2/images?{kept}"
    assert asked.next("new") == f"/v2/images?{kept}&marker=new"
    assert listing("").first() == "/v2/images"
    assert listing("marker=m").next("n") == "/v2/images?marker=n"


known = st.sampled_from(
    ["name", "id", "status", "limit", "marker", "sort", "sort_key", "sort_dir", "created_at", "tag", "size_min", "q",
     "visibility", "protected", "os_hidden", "size", "changes-since", "custom"]
)  # fmt: skip
fragments = st.sampled_from(
    ["in:", "eq:", "gt:", '"', ",", "\\", ":", "asc", "name", "5", "true", "all", "2026-01-02T03:04:05Z"]
)
values = st.lists(fragments | st.text(max_size=3), max_size=5).map("".join)


@settings(max_examples=500)
@given(st.lists(st.tuples(known | st.text(max_size=5), values), max_size=6))
def test_whatever_is_asked_is_read_or_refused_and_its_links_lead_to_the_same_query(
    pairs: list[tuple[str, str]],
) -> None:
    try:
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    except UnicodeEncodeError:  # a lone surrogate cannot be sent
        return
    try:
        asked = listing(text)
    except BadRequest:
        return
    assert asked.query.limit <= 1000
    again = listing(urlsplit(asked.next("M")).query)
    assert again.kept == asked.kept
    assert again.query.filters == asked.query.filters
    assert again.query.marker == "M"
    assert parse_qsl(urlsplit(asked.first()).query, keep_blank_values=True) == list(asked.kept)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(BadRequest):
        listing(raw)


@given(st.lists(st.text(max_size=6).filter(lambda text: "\0" not in text and "\\" not in text), min_size=1, max_size=5))
def test_quoted_values_come_back_as_they_were(values: list[str]) -> None:
    quoted = ",".join('"' + value.replace('"', '\\"') + '"' for value in values)
    assert split_values(quoted) == values
