"""Pages against a plain list: whatever the images, the viewer, the sort, the filters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from glancetui.errors import BadRequest
from glancetui.model import Image, Viewer
from glancetui.registry.interface import Between, Count, Filter, ImageQuery, OneOf, PropertyIs, Sort, TimeIs
from glancetui.registry.sql import SqlRegistry, counting, listing, statement, tables
from tests.registry import making
from tests.registry.making import ACTOR, ADMIN, made, viewer
from tests.registry.places import Place, emptied

T0 = datetime(2026, 1, 1)  # noqa: DTZ001 - the registry's times are UTC without zone
PROJECTS = ("p", "q", None)
MEMBERS = ("p", "q", "r")
KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An image as the model knows it: all that a listing looks at."""

    id: str
    owner: str | None
    name: str | None
    size: int | None
    status: str
    visibility: str
    os_hidden: bool
    protected: bool
    container_format: str | None
    disk_format: str | None
    created_at: datetime
    updated_at: datetime | None
    min_ram: int
    checksum: str | None
    tags: tuple[str, ...]
    properties: dict[str, str]
    members: dict[str, str]


def few(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


MOMENTS = few(*(T0 + timedelta(seconds=number, microseconds=number % 2) for number in range(3)))
ROWS = st.builds(
    Row,
    id=st.uuids(version=4).map(str),
    owner=few(*PROJECTS),
    name=few(None, "", "a", "A", "b%", "b_", "é"),
    size=few(None, 0, 1, 2),
    status=few("queued", "active", "saving", "deactivated", "killed", "pending_delete", "deleted"),
    visibility=few("public", "private", "shared", "community"),
    os_hidden=few(False, False, False, True),
    protected=st.booleans(),
    container_format=few(None, "bare", "ovf"),
    disk_format=few(None, "raw", "qcow2"),
    created_at=MOMENTS,
    updated_at=st.one_of(st.none(), MOMENTS),
    min_ram=few(0, 1),
    checksum=few(None, "c1", "c2"),
    tags=st.lists(few("t1", "t2"), unique=True).map(tuple),
    properties=st.dictionaries(few("k1", "k2"), few("v1", "v2")),
    members=st.dictionaries(few(*MEMBERS), few("pending", "accepted", "rejected")),
)
FILTERS = st.one_of(
    st.builds(OneOf, field=few("name"), values=st.lists(few("a", "A", "é", ""), min_size=1, max_size=2).map(tuple)),
    st.builds(OneOf, field=few("status"), values=few(("active",), ("active", "queued"), ("killed",))),
    st.builds(OneOf, field=few("container_format"), values=few(("bare",), ("bare", "ovf"))),
    st.builds(OneOf, field=few("disk_format"), values=few(("raw",))),
    st.builds(OneOf, field=few("owner"), values=few(("p",), ("q",), ("p", "q"))),
    st.builds(OneOf, field=few("checksum"), values=few(("c1",), ("c1", "c2"))),
    st.builds(OneOf, field=few("size", "min_ram"), values=few((1,), (10**30,))),
    st.builds(TimeIs, field=few("created_at", "updated_at"), op=few("gt", "gte", "lt", "lte", "eq", "neq"), at=MOMENTS),
    st.builds(Between, field=few("size", "min_ram"), least=few(None, 1, -(10**30)), most=few(None, 1, 10**30)),
    st.builds(PropertyIs, name=few("k1", "k2"), value=few("v1", "v2")),
)
QUERIES = st.builds(
    ImageQuery,
    viewer=st.one_of(
        st.builds(Viewer, project=few("p", "q", "r", None), is_admin=few(False)),
        st.builds(Viewer, project=few("p", None), is_admin=few(True)),
    ),
    limit=st.integers(1, 5),
    sort=st.lists(st.builds(Sort, few(*KEYS), few("asc", "desc")), max_size=3).map(tuple),
    filters=st.lists(FILTERS, max_size=2).map(tuple),
    tags=st.lists(few("t1", "t2"), unique=True).map(tuple),
    visibility=few(None, None, "public", "private", "shared", "community", "all"),
    member_status=few("accepted", "accepted", "pending", "rejected", "all"),
    os_hidden=few(False, False, True),
    protected=few(None, None, True, False),
    search=few(None, None, None, "A", "B%", "_"),
)


# -- the model ---------------------------------------------------------------------------------------------------------


def held(place: Place, rows: Sequence[Row]) -> list[Row]:
    """The rows as the database holds them: Glance's times have whole seconds on MySQL."""
    if place.kind != "mariadb":
        return list(rows)
    return [
        msgspec.structs.replace(row, **{name: at and at.replace(microsecond=0) for name, at in times_of(row).items()})
        for row in rows
    ]


def times_of(row: Row) -> dict[str, datetime | None]:
    return {"created_at": row.created_at, "updated_at": row.updated_at}


def folded(place: Place, text: str | None) -> str | None:
    """What texts are compared by: on MySQL, Glance's collation knows neither case nor accents."""
    if text is None or place.kind != "mariadb":
        return text
    plain = unicodedata.normalize("NFD", text)
    return "".join(each for each in plain if not unicodedata.combining(each)).upper()


def expected(place: Place, rows: Sequence[Row], query: ImageQuery) -> list[str]:
    found = [row for row in rows if listed(row, query) and all(passes(place, row, each) for each in query.filters)]
    ordered = sorted(found, key=lambda row: row.id)
    for sort in reversed(whole(query.sort)):  # a stable sort for each key, the last one first
        ordered.sort(key=lambda row: comparable(value_of(place, row, sort.key)), reverse=sort.direction == "desc")
    return [row.id for row in ordered]


def value_of(place: Place, row: Row, key: str) -> Any:
    value = getattr(row, key)
    return folded(place, value) if key == "name" else value


def whole(sort: Sequence[Sort]) -> list[Sort]:
    last = sort[-1].direction if sort else "desc"
    return [*sort, Sort("created_at", last), Sort("id", last)]


def comparable(value: object) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


def listed(row: Row, query: ImageQuery) -> bool:
    if row.status in {"deleted", "killed", "pending_delete"} or row.os_hidden != query.os_hidden:
        return False
    if query.protected is not None and row.protected != query.protected:
        return False
    if not set(query.tags) <= set(row.tags) or not visible(row, query):
        return False
    return (
        query.search is None
        or query.search.lower() in (row.name or "").lower()
        or row.id.startswith(query.search.lower())
    )


def visible(row: Row, query: ImageQuery) -> bool:
    me = query.viewer.project
    mine = row.owner == me and (me is not None or query.viewer.is_admin)
    if query.visibility not in {None, "all", row.visibility}:
        return False
    if mine:
        return True
    if row.visibility == "community":
        return query.visibility is not None
    if query.viewer.is_admin or row.visibility == "public":
        return True
    answer = row.members.get(me or "")
    return row.visibility == "shared" and answer is not None and query.member_status in {answer, "all"}


def passes(place: Place, row: Row, wanted: Filter) -> bool:
    match wanted:
        case OneOf():
            if wanted.field == "name":
                return value_of(place, row, "name") in [folded(place, value) for value in wanted.values]
            return getattr(row, wanted.field) in wanted.values
        case PropertyIs():
            return row.properties.get(wanted.name) == wanted.value
        case Between():
            value = getattr(row, wanted.field)
            low, high = wanted.least, wanted.most
            given_none = low is None and high is None
            return given_none or (
                value is not None and (low is None or value >= low) and (high is None or value <= high)
            )
        case TimeIs():
            value = getattr(row, wanted.field)
            compare = {
                "gt": lambda a, b: a > b, "gte": lambda a, b: a >= b, "lt": lambda a, b: a < b,
                "lte": lambda a, b: a <= b, "eq": lambda a, b: a == b, "neq": lambda a, b: a != b,
            }[wanted.op]  # fmt: skip
            return value is not None and compare(value, wanted.at)


# -- the registry ------------------------------------------------------------------------------------------------------


def stored(place: Place, rows: Sequence[Row]) -> None:
    """Written as another program would, so that every state can occur."""
    with place.connected() as db:
        for row in rows:
            columns = {name: getattr(row, name) for name in row.__struct_fields__}
            tags, properties, members = (columns.pop(name) for name in ("tags", "properties", "members"))
            db.execute(sa.insert(tables.images), columns | {"deleted": False, "min_disk": 0})
            lost = {"image_id": row.id, "created_at": T0, "deleted": True, "deleted_at": T0}
            live = lost | {"deleted": False, "deleted_at": None}
            some = [live | {"value": tag} for tag in tags] + [lost | {"value": "t1"}]
            db.execute(sa.insert(tables.image_tags), some)
            some = [live | {"name": name, "value": value} for name, value in properties.items()]
            some += [lost | {"name": name, "value": "v1"} for name in {"k1", "k2"} - set(properties)]
            db.execute(sa.insert(tables.image_properties), some)
            no = {"can_share": False}
            some = [live | no | {"member": member, "status": status} for member, status in members.items()]
            db.execute(sa.insert(tables.image_members), [*some, lost | no | {"member": "p", "status": "accepted"}])


def walked(registry: SqlRegistry, query: ImageQuery) -> list[str]:
    """All ids, page by page, each page going on behind the last image of the one before."""
    found: list[Image] = []
    while True:
        page = registry.page(query)
        found.extend(page)
        if len(page) < query.limit:
            return [image.id for image in found]
        assert len(found) < 1000, "paging does not end"
        query = msgspec.structs.replace(query, marker=page[-1].id)


@pytest.mark.parametrize("few_images", [2000, 0], ids=["driving", "walking"])
@given(
    rows=st.lists(ROWS, max_size=14, unique_by=lambda row: row.id), queries=st.lists(QUERIES, min_size=4, max_size=8)
)
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes where a server answers
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_walking_the_pages_yields_each_image_once_in_order_and_as_many_as_are_counted(
    few_images: int, place: Place, registry: SqlRegistry, rows: list[Row], queries: list[ImageQuery]
) -> None:
    emptied(place)
    stored(place, held(place, rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "FEW", few_images)  # 0: what some image has is never few
        patch.setattr(counting, "MOST", most := few_images or 3)
        for query in queries:
            there = expected(place, held(place, rows), query)
            assert walked(registry, query) == there, query
            count = registry.count(query)
            assert count.number == len(there) if count.exact else count.number <= len(there), query
            assert count.exact or len(rows) > most, query


def test_a_count_goes_on_to_its_bound_and_says_so(registry: SqlRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST", 3)
    for number in range(5):
        made(registry, name=f"n{number}", visibility="public", tags=("t",) if number < 3 else ())
    for wanted, found in (
        (ImageQuery(viewer=ADMIN, limit=1), Count(number=4, exact=False)),
        (ImageQuery(viewer=ADMIN, limit=1, tags=("t",)), Count(number=3, exact=True)),
        (
            ImageQuery(viewer=viewer("q"), limit=0, filters=(OneOf(field="name", values=("n4",)),)),
            Count(number=1, exact=True),
        ),
        (ImageQuery(viewer=ADMIN, limit=1, filters=(OneOf(field="name", values=()),)), Count(number=0, exact=True)),
        (ImageQuery(viewer=viewer(None), limit=1, visibility="private"), Count(number=0, exact=True)),
    ):
        assert registry.count(wanted) == found, wanted


def test_a_page_holds_whole_images(registry: SqlRegistry) -> None:
    images = [making.active(registry, name=f"n{number}", properties={"a": "b"}, tags=("x", "y")) for number in range(3)]
    newest_first = sorted(images, key=lambda image: (image.created_at, image.id), reverse=True)
    assert registry.page(ImageQuery(viewer=ADMIN, limit=10)) == newest_first
    assert registry.page(ImageQuery(viewer=viewer("p"), limit=2, sort=(Sort("name", "asc"),))) == images[:2]


def test_a_marker_must_be_an_image_that_the_viewer_can_see(registry: SqlRegistry) -> None:
    private = made(registry, visibility="private")
    gone = made(registry)
    registry.delete_image(making.seen(gone), ACTOR)
    for project, marker in (("q", private.id), ("p", gone.id), ("p", "nothing")):
        with pytest.raises(BadRequest):
            registry.page(ImageQuery(viewer=viewer(project), limit=1, marker=marker))


def test_a_filter_without_values_and_a_page_without_room_are_empty(registry: SqlRegistry) -> None:
    made(registry)
    assert registry.page(ImageQuery(viewer=ADMIN, limit=0)) == []
    assert registry.page(ImageQuery(viewer=ADMIN, limit=1, filters=(OneOf(field="name", values=()),))) == []


def test_callers_who_invent_shapes_do_not_fill_the_memory(
    registry: SqlRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_SHAPES_KEPT", 8)
    monkeypatch.setattr(statement.Kept, "MOST", 8)
    for number in range(1, 30):
        names = tuple(str(each) for each in range(number))
        registry.page(ImageQuery(viewer=ADMIN, limit=1, filters=(OneOf(field="name", values=names),)))
    pages = registry._pages
    assert len(pages._kept) <= 9
    assert len(pages._plans) <= 9
