"""JSON patches: what is refused unseen, what is refused of an image, and what a patch that is taken changes."""

# ruff: noqa: DTZ001 - the times of values have no zone

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from glancetui.config.settings import ImageSettings, PolicySettings
from glancetui.errors import BadRequest, Conflict, Forbidden, GlancetuiError, LimitExceeded, NotFound
from glancetui.images.patch import Dialect, Operation, apply_patch, read_patch
from glancetui.images.policy import Policy
from glancetui.images.protection import Protections
from glancetui.images.schemas import Schemas
from glancetui.model import Caller, Image
from glancetui.registry.interface import ImageChange

SETTINGS = ImageSettings(property_quota=5, tag_quota=3)
OPEN = Protections(None, Policy.load(PolicySettings()))
SCHEMAS = Schemas(SETTINGS)
MEMBER = Caller(project="p1", roles=frozenset({"member", "reader"}))
ADMIN = Caller(project="p1", roles=frozenset({"admin"}), is_admin=True)
IMAGE = Image(
    id="5f3dbfd0-5ef5-4f3e-9f39-2f7fdc5ec4a0",
    status="queued",
    visibility="shared",
    created_at=datetime(2026, 1, 1),
    updated_at=datetime(2026, 1, 1),
    owner="p1",
    properties={"os_distro": "debian", "a/b~c": "x"},
    tags=("t1", "t2"),
)


def read(body: object, dialect: Dialect = "v2.1", most: int = 512) -> tuple[Operation, ...]:
    return read_patch(body, dialect, SCHEMAS, most)


def patched(
    image: Image, *operations: dict[str, Any], caller: Caller = MEMBER, dialect: Dialect = "v2.1"
) -> ImageChange:
    return apply_patch(image, read(list(operations), dialect), caller, SETTINGS, lambda _rule: None, OPEN)


def add(path: str, value: object) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def put(path: str, value: object) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def drop(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


@pytest.mark.parametrize(
    "body",
    [
        {},
        "text",
        5,
        None,
        [[]],
        ["x"],
        [None],
        [{}],
        [{"op": "move", "path": "/a", "from": "/b"}],
        [{"op": "test", "path": "/a", "value": "x"}],
        [{"op": ["add"], "path": "/a", "value": "x"}],
        [{"op": None, "path": "/a", "value": "x"}],
        [{"path": "/a", "value": "x"}],
        [{"op": "add", "value": "x"}],
        [{"op": "add", "path": None, "value": "x"}],
        [{"op": "add", "path": 5, "value": "x"}],
        [{"op": "add", "path": "/a"}],
        [{"op": "replace", "path": "/name"}],
    ],
)
def test_what_is_no_patch_is_a_bad_request(body: object) -> None:
    with pytest.raises(BadRequest):
        read(body)


@pytest.mark.parametrize(
    "item",
    [
        {"add": "/a", "remove": "/b", "value": "x"},
        {"op": "add", "path": "/a", "value": "x"},
        {"add": "/a"},
        {"replace": 5, "value": "x"},
        {"value": "x"},
    ],
)
def test_what_is_no_patch_of_the_older_dialect_is_a_bad_request(item: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        read([item], "v2.0")


@pytest.mark.parametrize(
    "path",
    ["", "a", "name", "/", "//", "//a", "/a/", "/a//b", "/a~", "/a~2b", "/~", "/a/b", "/tags/-", "/tags/0", "/name/0",
     "/locations", "/locations/", "/locations/0/url", "/ ", "/\t", "/" + "x" * 256, "/a\0b"],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["add", "remove"])
def test_bad_pointer_is_a_bad_request(path: str, verb: str) -> None:
    with pytest.raises(BadRequest):
        read([{"op": verb, "path": path, "value": "x"}])


def test_replace_of_one_location_is_a_bad_pointer() -> None:
    with pytest.raises(BadRequest):
        read([put("/locations/0", {"url": "http://x", "metadata": {}})])


@pytest.mark.parametrize(
    "name",
    ["created_at", "updated_at", "status", "checksum", "size", "virtual_size", "direct_url", "self", "file", "schema",
     "id", "os_hash_algo", "os_hash_value", "location", "deleted", "deleted_at", "os_glance_x", "os_glance", "stores"],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["add", "replace", "remove"])
def test_attributes_of_the_service_are_forbidden(name: str, verb: str) -> None:
    with pytest.raises(Forbidden, match=name):
        read([{"op": verb, "path": f"/{name}", "value": "x"}])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/name", 5),
        ("/name", "x" * 256),
        ("/visibility", "secret"),
        ("/protected", "true"),
        ("/os_hidden", 1),
        ("/min_ram", -1),
        ("/min_ram", 2**31),
        ("/min_disk", "5"),
        ("/min_disk", 1.5),
        ("/min_disk", -1.0),
        ("/min_disk", 1e300),
        ("/min_disk", 10**40),
        ("/min_disk", None),
        ("/tags", "t"),
        ("/tags", [5]),
        ("/tags", ["x" * 256]),
        ("/tags", ["a\0"]),
        ("/owner", "x" * 256),
        ("/disk_format", "floppy"),
        ("/container_format", ""),
        ("/kernel_id", "not-a-uuid"),
        ("/own", 5),
        ("/own", None),
        ("/own", {}),
        ("/own", ["x"]),
        ("/own", True),
        ("/own", "a\0b"),
    ],
)
def test_value_of_the_wrong_kind_is_a_bad_request_that_names_the_attribute(path: str, value: object) -> None:
    with pytest.raises(BadRequest, match=path[1:]):
        read([put(path, value)])


def test_too_many_operations_are_refused_unread() -> None:
    assert len(read([drop("/a")] * 3, most=3)) == 3
    with pytest.raises(LimitExceeded):
        read([drop("/a")] * 4, most=3)


def test_pointer_escapes_are_undone_in_the_right_order() -> None:
    assert read([drop("/a~1b~0c"), drop("/~01")]) == (Operation("remove", "a/b~c"), Operation("remove", "~1"))


def test_empty_patch_is_valid() -> None:
    assert read([]) == ()
    assert patched(IMAGE) == ImageChange()


def test_a_patch_changes_what_it_names_and_leaves_the_rest() -> None:
    change = patched(
        IMAGE, put("/name", "n"), put("/tags", ["x", "y", "x"]), put("/min_ram", 512), put("/protected", True)
    )
    assert change == ImageChange(name="n", tags=("x", "y"), min_ram=512, protected=True)


def test_properties_are_added_overwritten_and_removed_in_order() -> None:
    change = patched(IMAGE, add("/new", "1"), put("/new", "2"), add("/os_distro", "ubuntu"), drop("/a~1b~0c"))
    assert change == ImageChange(properties={"os_distro": "ubuntu", "new": "2"})


def test_later_operation_sees_what_an_earlier_one_did() -> None:
    with pytest.raises(Conflict):
        patched(IMAGE, drop("/os_distro"), put("/os_distro", "x"))


def test_a_whole_number_may_be_written_with_a_point() -> None:
    (operation,) = read([put("/min_ram", 512.0)])
    assert (operation.value, type(operation.value)) == (512, int)


def test_null_is_kept_where_the_schema_allows_it() -> None:
    assert patched(IMAGE, add("/kernel_id", None)).properties["kernel_id"] is None  # type: ignore[index]


@pytest.mark.parametrize("operation", [put("/nope", "x"), drop("/nope")])
def test_property_that_is_not_there_is_a_conflict(operation: dict[str, Any]) -> None:
    with pytest.raises(Conflict):
        patched(IMAGE, operation)


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "visibility",
        "protected",
        "os_hidden",
        "owner",
        "container_format",
        "disk_format",
        "min_disk",
        "min_ram",
        "tags",
    ],
)
def test_base_attribute_cannot_be_removed(name: str) -> None:
    with pytest.raises(Forbidden):
        patched(IMAGE, drop(f"/{name}"))


@pytest.mark.parametrize(("path", "value"), [("/os_distro", "x"), ("/name", "x"), ("/tags", [])])
def test_add_of_the_older_dialect_never_overwrites(path: str, value: object) -> None:
    with pytest.raises(Conflict):
        patched(IMAGE, {"add": path, "value": value}, dialect="v2.0")
    assert patched(IMAGE, {"replace": path, "value": value}, dialect="v2.0") != ImageChange()
    assert patched(IMAGE, {"add": "/new", "value": "x"}, dialect="v2.0").properties["new"] == "x"  # type: ignore[index]


def test_only_an_administrator_gives_an_image_away() -> None:
    with pytest.raises(Forbidden):
        patched(IMAGE, put("/owner", "p2"))
    assert patched(IMAGE, put("/owner", "p2"), caller=ADMIN) == ImageChange(owner="p2")


@pytest.mark.parametrize("name", ["disk_format", "container_format"])
@pytest.mark.parametrize("status", ["saving", "active", "deactivated", "uploading", "killed"])
def test_formats_are_settled_once_there_is_data(name: str, status: str) -> None:
    value = "raw" if name == "disk_format" else "bare"
    with pytest.raises(Forbidden):
        patched(replace(IMAGE, status=status), put(f"/{name}", value))
    for status_of_old in ("queued", "importing"):
        assert patched(replace(IMAGE, status=status_of_old), put(f"/{name}", value)) != ImageChange()


@pytest.mark.parametrize(
    "operation",
    [
        add("/locations/-", {"url": "http://x/y", "metadata": {}}),
        add("/locations/0", {"url": "http://x/y", "metadata": {}}),
        put("/locations", []),
        put("/locations", [{"url": "http://x/y", "metadata": {}}]),
        drop("/locations/0"),
    ],
)
def test_locations_are_not_changed_where_they_are_not_shown(operation: dict[str, Any]) -> None:
    with pytest.raises(Forbidden, match="show_multiple_locations"):
        apply_patch(IMAGE, read([operation]), ADMIN, ImageSettings(), lambda _rule: None, OPEN)


def asked_rules(image: Image, *operations: dict[str, Any]) -> list[str]:
    rules: list[str] = []
    apply_patch(image, read(list(operations)), MEMBER, SETTINGS, rules.append, OPEN)
    return rules


def test_visibility_asks_the_rule_of_its_own() -> None:
    assert asked_rules(IMAGE, put("/visibility", "public")) == ["publicize_image", "modify_image"]
    assert asked_rules(IMAGE, put("/visibility", "community")) == ["communitize_image", "modify_image"]
    assert asked_rules(IMAGE, put("/visibility", "private"), put("/name", "x")) == ["modify_image", "modify_image"]


def test_refusal_by_policy_comes_before_what_the_image_holds() -> None:
    def hide(_rule: str) -> None:
        raise NotFound("hidden")

    with pytest.raises(NotFound):
        apply_patch(IMAGE, read([drop("/nope")]), MEMBER, SETTINGS, hide, OPEN)


def test_property_quota_counts_what_is_there_afterwards() -> None:
    five = [add(f"/p{n}", "x") for n in range(3)]
    assert len(patched(IMAGE, *five).properties) == 5  # type: ignore[arg-type]
    with pytest.raises(LimitExceeded):
        patched(IMAGE, *five, add("/one_more", "x"))
    assert patched(IMAGE, *five, add("/one_more", "x"), drop("/one_more")) == patched(IMAGE, *five)


def test_tag_quota_counts_each_tag_once() -> None:
    assert patched(IMAGE, put("/tags", ["a", "b", "c", "a"])).tags == ("a", "b", "c")
    with pytest.raises(LimitExceeded):
        patched(IMAGE, put("/tags", ["a", "b", "c", "d"]))


def test_image_beyond_its_quota_can_still_lose_and_change_what_it_has() -> None:
    crowded = replace(IMAGE, properties={f"p{n}": "x" for n in range(9)}, tags=tuple("abcdef"))
    assert len(patched(crowded, drop("/p0")).properties) == 8  # type: ignore[arg-type]
    assert patched(crowded, put("/p0", "y"), put("/name", "n")).name == "n"
    assert patched(crowded, put("/tags", list("abcde"))).tags == tuple("abcde")
    with pytest.raises(LimitExceeded):
        patched(crowded, drop("/p0"), drop("/p1"), add("/new", "x"))
    with pytest.raises(LimitExceeded):
        patched(crowded, put("/tags", list("abcdz")))


def test_minus_one_is_no_quota() -> None:
    options = ImageSettings(property_quota=-1, tag_quota=-1)
    body = [add(f"/p{n}", "x") for n in range(400)] + [put("/tags", [str(n) for n in range(400)])]
    assert len(apply_patch(IMAGE, read(body), MEMBER, options, lambda _rule: None, OPEN).tags) == 400  # type: ignore[arg-type]


names = st.sampled_from(["a", "b", "os_distro", "a/b~c"])
operations = st.lists(
    st.one_of(
        st.builds(lambda n, v: add("/" + escaped(n), v), names, st.text("xyz", max_size=3)),
        st.builds(lambda n, v: put("/" + escaped(n), v), names, st.text("xyz", max_size=3)),
        st.builds(lambda n: drop("/" + escaped(n)), names),
    ),
    max_size=8,
)


def escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


@given(operations)
def test_properties_end_as_a_plain_dictionary_would(body: list[dict[str, Any]]) -> None:
    """The model: a dictionary, and a conflict as soon as an operation needs what is not there."""
    model = dict(IMAGE.properties)
    possible = True
    for item in body:
        name = item["path"][1:].replace("~1", "/").replace("~0", "~")
        possible = possible and (item["op"] == "add" or name in model)
        if item["op"] == "remove":
            model.pop(name, None)
        else:
            model[name] = item["value"]
    if not possible:
        with pytest.raises(Conflict):
            patched(IMAGE, *body)
    else:
        change = patched(IMAGE, *body)
        assert (IMAGE.properties if change.properties is msgspec.UNSET else change.properties) == model


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
words = st.sampled_from(
    ["/name", "/tags", "/locations/-", "/locations", "/a~1b", "/status", "add", "replace", "remove"]
)
items = st.dictionaries(
    st.sampled_from(["op", "path", "value", "add", "remove", "replace"]), words | json_values, max_size=4
)


@settings(max_examples=300)
@given(st.lists(items, max_size=4) | json_values, st.sampled_from(["v2.0", "v2.1"]))
def test_whatever_is_sent_is_taken_or_refused_by_an_error_of_ours(body: object, dialect: Dialect) -> None:
    with contextlib.suppress(GlancetuiError):
        apply_patch(IMAGE, read(body, dialect), MEMBER, SETTINGS, lambda _rule: None, OPEN)
