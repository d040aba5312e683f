"""The refusals of the Image API as a table: who asks what, in which state of an image, and the status that answers.

Callers: admin; owner (a member of the image's project); reader (a reader there); other (a member of another project,
who sees public, community and, where it is a member of the image, shared images).
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

V21 = "application/openstack-images-v2.1-json-patch"
V20 = "application/openstack-images-v2.0-json-patch"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
LONG = "x" * 256
OCTETS = {"Content-Type": "application/octet-stream"}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """`{id}` in a path is the image in `state`. `body` is sent as JSON, bytes as they are."""

    why: str
    status: int
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = {}
    caller: str = "owner"
    state: str = "queued"


def create(why: str, status: int, body: Any, **more: Any) -> Case:
    return Case(why=why, status=status, method="POST", path="/v2/images", body=body, **more)


def patch(why: str, status: int, *operations: Any, media: str = V21, **more: Any) -> Case:
    body = more.pop("body", list(operations))
    headers = {"Content-Type": media} if media else {}
    return Case(why=why, status=status, method="PATCH", path="/v2/images/{id}", body=body, headers=headers, **more)


def listing(why: str, status: int, query: str, **more: Any) -> Case:
    return Case(why=why, status=status, method="GET", path=f"/v2/images?{query}", **more)


def call(why: str, status: int, method: str, path: str, **more: Any) -> Case:
    return Case(why=why, status=status, method=method, path=path, **more)


def put(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def drop(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


SERVERS_OWN = (
    "status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value", "created_at", "updated_at",
    "direct_url", "self", "file", "schema", "stores",
)  # fmt: skip
RESERVED = ("location", "deleted", "deleted_at", "os_glance_anything", "os_glance_import_task")

CREATE = (
    create("no body", 400, None),
    create("not JSON", 400, b"{"),
    create("a lone surrogate", 400, b'{"name": "\\ud800"}'),
    create("bytes that are not UTF-8", 400, b'{"name": "\xff"}'),
    create("nested too deeply", 400, b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"),
    create("nested without end", 400, b"[" * 100_000),
    create("a body beyond all bounds", 413, b'{"name": "' + b"x" * (1 << 20) + b'"}'),
    create("JSON scalar", 400, b"5"),
    create("JSON null", 400, b"null"),
    create("JSON list", 400, []),
    create("JSON list of objects", 400, [{"name": "x"}]),
    *(create(f"{name} is the service's", 403, {name: "x"}) for name in SERVERS_OWN),
    *(create(f"{name} is reserved", 403, {name: "x"}) for name in RESERVED),
    create("locations are not given at birth", 403, {"locations": [{"url": "http://x/", "metadata": {}}]}),
    create("name of the wrong type", 400, {"name": 5}),
    create("name too long", 400, {"name": LONG}),
    create("name with NUL", 400, {"name": "a\0b"}),
    create("tag too long", 400, {"tags": [LONG]}),
    create("tag of the wrong type", 400, {"tags": [None]}),
    create("tags that are no list", 400, {"tags": "x"}),
    create("unknown visibility", 400, {"visibility": "secret"}),
    create("unknown disk format", 400, {"disk_format": "floppy"}),
    create("unknown container format", 400, {"container_format": "box"}),
    create("protected that is no boolean", 400, {"protected": "yes"}),
    create("os_hidden that is no boolean", 400, {"os_hidden": 1}),
    create("property name too long", 400, {LONG: "x"}),
    create("property without a name", 400, {"": "x"}),
    create("custom value that is no string", 400, {"mine": 5}),
    create("custom value that is null", 400, {"mine": None}),
    create("custom value that is an object", 400, {"mine": {"a": "b"}}),
    create("id that is no UUID", 400, {"id": "mine"}),
    create("kernel_id that is no UUID", 400, {"kernel_id": "mine"}),
    create("negative min_ram", 400, {"min_ram": -1}),
    create("min_disk beyond the database", 400, {"min_disk": 2**31}),
    create("min_ram beyond everything", 400, {"min_ram": 10**30}),
    create("min_ram with a fraction", 400, {"min_ram": 1.5}),
    create("id already used", 409, {"id": "{id}"}),
    create("owner of another project", 403, {"owner": "p2"}),
    create("nobody's image", 403, {"owner": None}),
    create("public image by a member", 403, {"visibility": "public"}),
    create("a reader", 403, {"name": "x"}, caller="reader"),
    create("too many properties", 413, {f"p{n}": "x" for n in range(9)}),
    create("too many tags", 413, {"tags": [str(n) for n in range(6)]}),
)

LISTING = (
    listing("negative limit", 400, "limit=-1"),
    listing("limit in words", 400, "limit=many"),
    listing("unknown marker", 400, f"marker={UNKNOWN}"),
    listing("marker that is no id", 400, "marker=nope"),
    listing("marker that the caller cannot see", 400, "marker={id}", caller="other"),
    listing("operator neq on a name", 400, "name=neq:x"),
    listing("unclosed quote", 400, "name=in:%22x"),
    listing("misplaced quote", 400, "name=in:x%22y"),
    listing("unknown operator on a time", 400, "created_at=like:2026-01-01T00:00:00Z"),
    listing("bad time", 400, "updated_at=gt:yesterday"),
    listing("size in words", 400, "size_min=big"),
    listing("size beyond integers", 400, "size_max=" + "9" * 40),
    listing("unknown visibility", 400, "visibility=secret"),
    listing("unknown member status", 400, "member_status=maybe"),
    listing("os_hidden that is no boolean", 400, "os_hidden=1"),
    listing("protected in capitals", 400, "protected=TRUE"),
    listing("changes-since", 400, "changes-since=2026-01-01T00:00:00Z"),
    listing("both ways of sorting", 400, "sort=name&sort_key=size"),
    listing("unknown sort key", 400, "sort_key=owner"),
    listing("unknown sort key, new way", 400, "sort=checksum:asc"),
    listing("unknown direction", 400, "sort_dir=up"),
    listing("more directions than keys", 400, "sort_key=name&sort_dir=asc&sort_dir=desc"),
    listing("hundreds of filters", 400, "&".join(f"p{n}=x" for n in range(300))),
    listing("hundreds of tags", 400, "&".join(f"tag={n}" for n in range(300))),
    listing("bytes that are not UTF-8", 400, "name=%ff"),
    listing("no role at all", 403, "", caller="nobody"),
)

SHOW = (
    call("unknown image", 404, "GET", f"/v2/images/{UNKNOWN}"),
    call("id that is no UUID", 404, "GET", "/v2/images/nope"),
    call("another's image", 404, "GET", "/v2/images/{id}", caller="other"),
    call("no role at all", 404, "GET", "/v2/images/{id}", caller="nobody"),
    call("trailing slash", 404, "GET", "/v2/images/{id}/"),
    call("trailing slash of the collection", 404, "GET", "/v2/images/"),
    call("wrong method", 405, "PUT", "/v2/images/{id}"),
    call("wrong method on the collection", 405, "DELETE", "/v2/images"),
    call("HEAD", 405, "HEAD", "/v2/images/{id}"),
    call("a body where none belongs", 400, "DELETE", "/v2/images/{id}", body={"a": "b"}),
)

PATCH = (
    patch("no media type", 415, media=""),
    patch("plain JSON", 415, media="application/json"),
    patch("an unknown version", 415, media="application/openstack-images-v2.2-json-patch"),
    patch("no body", 400, body=None),
    patch("not JSON", 400, body=b"[{]"),
    patch("an object", 400, body={}),
    patch("operations that are no objects", 400, "x"),
    patch("an unknown operation", 400, {"op": "move", "path": "/a", "from": "/b"}),
    patch("no operation", 400, {"path": "/a", "value": "x"}),
    patch("no path", 400, {"op": "add", "value": "x"}),
    patch("no value", 400, {"op": "add", "path": "/a"}),
    patch("two operations in one", 400, {"add": "/a", "remove": "/b", "value": "x"}, media=V20),
    patch("the new form in the old type", 400, put("/name", "x"), media=V20),
    patch("the old form in the new type", 400, {"replace": "/name", "value": "x"}),
    *(
        patch(f"the pointer {path!r}", 400, add(path, "x"))
        for path in ("", "name", "/", "//a", "/a/", "/a//b", "/a~", "/a~2", "/a/b", "/tags/-", f"/{LONG}")
    ),
    patch("a property that is not there", 409, put("/nope", "x")),
    patch("removal of a property that is not there", 409, drop("/nope")),
    patch("a property that is there, in the old form", 409, {"add": "/mine", "value": "x"}, media=V20),
    patch("removal of a base attribute", 403, drop("/name")),
    patch("removal of the tags", 403, drop("/tags")),
    *(patch(f"{name} is the service's", 403, put(f"/{name}", "x")) for name in (*SERVERS_OWN, "id")),
    *(patch(f"{name} is reserved", 403, add(f"/{name}", "x")) for name in RESERVED),
    patch("name of the wrong type", 400, put("/name", 5)),
    patch("name too long", 400, put("/name", LONG)),
    patch("tags of the wrong type", 400, put("/tags", "x")),
    patch("custom value that is no string", 400, add("/mine", 5)),
    patch("min_ram beyond the database", 400, put("/min_ram", 2**31)),
    patch("owner by a member", 403, put("/owner", "p2")),
    patch("public by a member", 403, put("/visibility", "public")),
    patch("too many properties", 413, *(add(f"/p{n}", "x") for n in range(9))),
    patch("too many tags", 413, put("/tags", [str(n) for n in range(6)])),
    patch("thousands of operations", 413, *(add(f"/p{n}", "x") for n in range(5000))),
    patch("disk format of an active image", 403, put("/disk_format", "qcow2"), state="active"),
    patch("container format of an active image", 403, put("/container_format", "ovf"), state="active"),
    patch("a location added where none shows", 403, add("/locations/-", {"url": "http://x/", "metadata": {}})),
    patch("locations replaced where none show", 403, put("/locations", [{"url": "http://x/", "metadata": {}}])),
    patch("a good operation before a bad one", 409, put("/name", "new"), put("/nope", "x")),
    patch("a good operation before a forbidden one", 403, put("/name", "new"), put("/status", "active")),
    patch("another's image", 404, put("/name", "x"), caller="other"),
    patch("another's public image", 403, put("/name", "x"), caller="other", state="public"),
    patch("another's image that is shared with me", 403, put("/name", "x"), caller="other", state="shared"),
    patch("a reader", 403, put("/name", "x"), caller="reader"),
)

STATES = (
    call("protected image", 403, "DELETE", "/v2/images/{id}", state="protected"),
    call("another's image", 404, "DELETE", "/v2/images/{id}", caller="other"),
    call("another's public image", 403, "DELETE", "/v2/images/{id}", caller="other", state="public"),
    call("a reader deletes", 403, "DELETE", "/v2/images/{id}", caller="reader"),
    call("unknown image", 404, "DELETE", f"/v2/images/{UNKNOWN}"),
    call("deactivating a queued image", 403, "POST", "/v2/images/{id}/actions/deactivate"),
    call("reactivating a queued image", 403, "POST", "/v2/images/{id}/actions/reactivate"),
    call("a reader deactivates", 403, "POST", "/v2/images/{id}/actions/deactivate", caller="reader", state="active"),
    call("deactivating another's image", 404, "POST", "/v2/images/{id}/actions/deactivate", caller="other"),
    call("an unknown action", 404, "POST", "/v2/images/{id}/actions/explode"),
    call("an action by GET", 405, "GET", "/v2/images/{id}/actions/deactivate"),
    call("an action with a body", 400, "POST", "/v2/images/{id}/actions/deactivate", body={}, state="active"),
)

MEMBERS_PATH = "/v2/images/{id}/members"
ACCEPTED = {"status": "accepted"}
MEMBERS = (
    call("members of an image not shared", 403, "GET", MEMBERS_PATH, state="private"),
    call("members of another's image", 404, "GET", MEMBERS_PATH, caller="stranger", state="shared"),
    call("a member of an image not shared", 404, "GET", f"{MEMBERS_PATH}/p2", state="private"),
    call("a member that is none", 404, "GET", f"{MEMBERS_PATH}/p9", state="shared"),
    call("another member, seen by a member", 404, "GET", f"{MEMBERS_PATH}/p3", caller="other", state="shared"),
    call("sharing an image not shared", 403, "POST", MEMBERS_PATH, body={"member": "p2"}, state="private"),
    call("a member twice", 409, "POST", MEMBERS_PATH, body={"member": "p2"}, state="shared"),
    call("no member", 400, "POST", MEMBERS_PATH, body={}, state="shared"),
    call("an empty member", 400, "POST", MEMBERS_PATH, body={"member": ""}, state="shared"),
    call("a member that is no text", 400, "POST", MEMBERS_PATH, body={"member": 5}, state="shared"),
    call("a member too long", 400, "POST", MEMBERS_PATH, body={"member": LONG}, state="shared"),
    call("a body that is no object", 400, "POST", MEMBERS_PATH, body=["p2"], state="shared"),
    call("no body", 400, "POST", MEMBERS_PATH, state="shared"),
    call("too many members", 413, "POST", MEMBERS_PATH, body={"member": "p5"}, state="crowded"),
    call("the member itself adds", 403, "POST", MEMBERS_PATH, body={"member": "p4"}, caller="other", state="shared"),
    call("a stranger adds", 404, "POST", MEMBERS_PATH, body={"member": "p4"}, caller="stranger", state="shared"),
    call("a reader adds", 403, "POST", MEMBERS_PATH, body={"member": "p4"}, caller="reader", state="shared"),
    call("the owner answers", 403, "PUT", f"{MEMBERS_PATH}/p2", body=ACCEPTED, state="shared"),
    call("a wrong answer", 400, "PUT", f"{MEMBERS_PATH}/p2", body={"status": "maybe"}, caller="other", state="shared"),
    call("no answer", 400, "PUT", f"{MEMBERS_PATH}/p2", body={}, caller="other", state="shared"),
    call("an answer of no text", 400, "PUT", f"{MEMBERS_PATH}/p2", body={"status": []}, caller="other", state="shared"),
    call("an answer for another", 404, "PUT", f"{MEMBERS_PATH}/p3", body=ACCEPTED, caller="other", state="shared"),
    call("an answer of none", 404, "PUT", f"{MEMBERS_PATH}/p9", body=ACCEPTED, caller="admin", state="shared"),
    call("the member itself leaves", 403, "DELETE", f"{MEMBERS_PATH}/p2", caller="other", state="shared"),
    call("removing none", 404, "DELETE", f"{MEMBERS_PATH}/p9", state="shared"),
    call("removing from an image not shared", 403, "DELETE", f"{MEMBERS_PATH}/p2", state="private"),
)  # fmt: skip

TAGS_PATH = "/v2/images/{id}/tags"
TAGS = (
    call("a tag too long", 400, "PUT", f"{TAGS_PATH}/{LONG}"),
    call("too many tags", 413, "PUT", f"{TAGS_PATH}/one-more", state="tagged"),
    call("tagging another's image", 404, "PUT", f"{TAGS_PATH}/t", caller="other"),
    call("tagging another's public image", 403, "PUT", f"{TAGS_PATH}/t", caller="other", state="public"),
    call("a reader tags", 403, "PUT", f"{TAGS_PATH}/t", caller="reader"),
    call("removing a tag that is not there", 404, "DELETE", f"{TAGS_PATH}/nope"),
    call("an encoded slash", 404, "PUT", f"{TAGS_PATH}/a%2Fb"),
    call("a tag with a body", 400, "PUT", f"{TAGS_PATH}/t", body={}),
    call("a tag by POST", 405, "POST", f"{TAGS_PATH}/t"),
)

DIRECT = {"method": {"name": "glance-direct"}}


def fetching(uri: object) -> dict[str, Any]:
    return {"method": {"name": "web-download", "uri": uri}}


def importing(why: str, status: int, body: Any, **more: Any) -> Case:
    return call(why, status, "POST", "/v2/images/{id}/import", body=body, **more)


IMPORT = (
    importing("no body", 400, None),
    importing("not JSON", 400, b"{"),
    importing("a list", 400, []),
    importing("no method", 400, {}),
    importing("a method in words", 400, {"method": "glance-direct"}),
    importing("a method without name", 400, {"method": {}}),
    importing("a name that is no text", 400, {"method": {"name": 5}}),
    importing("an unknown method", 400, {"method": {"name": "magic"}}),
    importing("a method that is not enabled", 400, {"method": {"name": "glance-download"}}),
    importing("no URI", 400, {"method": {"name": "web-download"}}),
    importing("a URI that is no text", 400, fetching(5)),
    importing("a file", 400, fetching("file:///etc/passwd")),
    importing("loopback", 400, fetching("http://127.0.0.1/")),
    importing("loopback as an integer", 400, fetching("http://2130706433/")),
    importing("a cloud's metadata", 400, fetching("http://169.254.169.254/latest/")),
    importing("a port that is not allowed", 400, fetching("http://192.0.2.1:22/")),
    importing("a user in the URL", 400, fetching("http://u:p@192.0.2.1/")),
    importing("a flag in words", 400, {**DIRECT, "all_stores": "yes"}, state="staged"),
    importing("a flag as a number", 400, {**DIRECT, "all_stores_must_succeed": 0}, state="staged"),
    importing("one store that need not succeed", 400, {**DIRECT, "all_stores_must_succeed": False}, state="staged"),
    importing("stores where there is one", 400, {**DIRECT, "stores": ["file"]}, state="staged"),
    importing("an unknown store", 409, DIRECT, state="staged", headers={"X-Image-Meta-Store": "nowhere"}),
    importing(
        "the staging store", 400, DIRECT, state="staged", headers={"X-Image-Meta-Store": "os_glance_staging_store"}
    ),
    importing("nothing staged", 409, DIRECT),
    importing("already active", 409, DIRECT, state="active"),
    importing("already active", 409, fetching("http://192.0.2.1/"), state="active"),
    importing("already staged", 409, fetching("http://192.0.2.1/"), state="staged"),
    importing("formats unset", 409, fetching("http://192.0.2.1/"), state="private"),
    importing("a copy by its owner", 403, {"method": {"name": "copy-image"}}, state="active"),
    importing("a copy of what is not active", 409, {"method": {"name": "copy-image"}}, caller="admin"),
    importing("another's public image", 403, fetching("http://192.0.2.1/"), state="public", caller="other"),
    importing("another's image", 404, DIRECT, state="staged", caller="stranger"),
    importing("a reader", 403, DIRECT, state="staged", caller="reader"),
    call("no octets", 415, "PUT", "/v2/images/{id}/stage", body=b"x", headers={"Content-Type": "text/plain"}),
    call("not queued", 409, "PUT", "/v2/images/{id}/stage", body=b"x", headers=OCTETS, state="active"),
    call("staged already", 409, "PUT", "/v2/images/{id}/stage", body=b"x", headers=OCTETS, state="staged"),
    call("a reader stages", 403, "PUT", "/v2/images/{id}/stage", body=b"x", headers=OCTETS, caller="reader"),
    call("another's image", 404, "PUT", "/v2/images/{id}/stage", body=b"x", headers=OCTETS, caller="stranger"),
    call("a size in words", 400, "PUT", "/v2/images/{id}/stage", body=b"x",
         headers={**OCTETS, "x-openstack-image-size": "big"}),
    call("another size", 400, "PUT", "/v2/images/{id}/stage", body=b"x",
         headers={**OCTETS, "x-openstack-image-size": "2"}),
    call("into the staging store", 400, "PUT", "/v2/images/{id}/file", body=b"x",
         headers={**OCTETS, "X-Image-Meta-Store": "os_glance_staging_store"}),
    call("a body where none belongs", 400, "GET", "/v2/info/import", body={}),
    call("tasks of another's image", 404, "GET", "/v2/images/{id}/tasks", caller="stranger"),
    call("tasks by a member", 403, "GET", "/v2/tasks"),
    call("a task by a member", 403, "POST", "/v2/tasks", body={"type": "import", "input": {}}),
    call("an unknown task", 404, "GET", f"/v2/tasks/{UNKNOWN}", caller="admin"),
    call("a task is never deleted", 405, "DELETE", f"/v2/tasks/{UNKNOWN}", caller="admin"),
    call("a wrong method", 405, "PUT", "/v2/images/{id}/import"),
    call("a wrong method", 405, "POST", "/v2/info/import"),
    call("a wrong method", 405, "POST", "/v2/info/usage"),
    call("a body where none belongs", 400, "GET", "/v2/info/usage", body={}),
)  # fmt: skip

LOCATIONS_PATH = "/v2/images/{id}/locations"
WEB = "http://192.0.2.1/image"  # nobody is there, and no case gets as far as asking
SAID = {"os_hash_algo": "sha256", "os_hash_value": "0" * 64}
FORBIDDEN_URLS = (
    "file:///etc/passwd", "FILE:///etc/passwd", "filesystem:///etc/passwd", "swift+config://ref/c/o", "", " ", "image",
    "http://127.0.0.1/", "http://2130706433/", "http://0x7f000001/", "http://[::ffff:127.0.0.1]/", "http://localhost./",
    "http://169.254.169.254/latest", "http://0.0.0.0/", "http://[64:ff9b::7f00:1]/", "http://192.0.2.1:22/",
    "http://u:p@192.0.2.1/", "http://192.0.2.1\\@x/", "http://", "http://[::1", "http://192.0.2.1/\0",
    "http://x/" + LONG, "https://127.0.0.1/", "ftp://192.0.2.1/x", "rbd://a/b/c/d", "cinder://v", "://",
)  # fmt: skip
BAD_SAID = (
    5, [], "x", {"os_hash_algo": "sha256"}, {"os_hash_value": "0" * 64}, {**SAID, "more": "x"},
    {**SAID, "os_hash_algo": "sha3"}, {**SAID, "os_hash_algo": 5}, {**SAID, "os_hash_value": "0" * 63},
    {**SAID, "os_hash_value": "x" * 64}, {**SAID, "os_hash_value": 5}, {**SAID, "os_hash_value": "0" * 129},
    {**SAID, "os_hash_value": "\u0661" * 64},
)  # fmt: skip


def placing(why: str, status: int, body: Any, **more: Any) -> Case:
    return call(why, status, "POST", LOCATIONS_PATH, body=body, **more)


def removing(why: str, status: int, store: str = "fast", **more: Any) -> Case:
    return call(why, status, "DELETE", f"/v2/stores/{store}/{{id}}", **more)


LOCATIONS = (
    placing("no body", 400, None),
    placing("not JSON", 400, b"{"),
    placing("a list", 400, []),
    placing("no url", 400, {}),
    placing("a url that is no text", 400, {"url": 5}),
    placing("another key", 400, {"url": WEB, "metadata": {}}),
    *(placing(f"the url {url[:40]!r}", 400, {"url": url}, caller="service") for url in FORBIDDEN_URLS),
    *(placing("bad validation data", 400, {"url": WEB, "validation_data": said}) for said in BAD_SAID),
    placing("a checksum beside", 400, {"url": WEB, "validation_data": {**SAID, "checksum": "0" * 32}}),
    placing("no web address, by an administrator", 403, {"url": "rbd://a/b/c/d"}, caller="admin"),
    placing("no web address, by its owner", 403, {"url": "cinder://v"}),
    placing("already active", 409, {"url": WEB}, state="active"),
    placing("already staged", 409, {"url": WEB}, state="staged"),
    placing("deactivated", 409, {"url": WEB}, state="deactivated"),
    placing("formats unset", 409, {"url": WEB}, state="private"),
    placing("another's image", 404, {"url": WEB}, caller="other"),
    placing("another's public image", 403, {"url": WEB}, caller="other", state="public"),
    placing("a reader", 403, {"url": WEB}, caller="reader"),
    call("unknown image", 404, "POST", f"/v2/images/{UNKNOWN}/locations", body={"url": WEB}),
    call("a wrong method", 405, "PUT", LOCATIONS_PATH),
    call("locations by the owner", 403, "GET", LOCATIONS_PATH, state="active"),
    call("locations by a stranger", 404, "GET", LOCATIONS_PATH, caller="stranger", state="active"),
    call("locations of none", 404, "GET", f"/v2/images/{UNKNOWN}/locations", caller="service"),
    call("a body where none belongs", 400, "GET", LOCATIONS_PATH, caller="service", body={}),
)

#: Where locations show and there are several stores: `fast` and `slow` of files, `web` of addresses.
STORES = (
    call("details by a member", 403, "GET", "/v2/info/stores/detail"),
    call("a wrong method", 405, "POST", "/v2/info/stores"),
    call("a wrong method", 405, "DELETE", "/v2/info/stores/detail"),
    call("a wrong method", 405, "GET", "/v2/stores/fast/{id}"),
    call("a body where none belongs", 400, "GET", "/v2/info/stores", body={}),
    removing("an unknown store", 409, "nowhere", caller="admin", state="copied"),
    removing("the staging store", 409, "os_glance_staging_store", caller="admin", state="copied"),
    removing("a store that has no copy", 404, "web", caller="admin", state="copied"),
    removing("the only copy", 403, caller="admin", state="active"),
    removing("the only copy, elsewhere", 403, "slow", caller="admin", state="active"),
    removing("not active", 409, caller="admin", state="queued"),
    removing("deactivated", 409, caller="admin", state="deactivated"),
    removing("its owner", 403, state="copied"),
    removing("a reader", 403, caller="reader", state="copied"),
    removing("a stranger", 404, caller="stranger", state="copied"),
    removing("a body where none belongs", 400, caller="admin", state="copied", body={}),
    call("none", 404, "DELETE", f"/v2/stores/fast/{UNKNOWN}", caller="admin"),
    call("an upload into a store that only reads", 410, "PUT", "/v2/images/{id}/file", body=b"x",
         headers={**OCTETS, "X-Image-Meta-Store": "web"}),
    call("an upload into no store", 400, "PUT", "/v2/images/{id}/file", body=b"x",
         headers={**OCTETS, "X-Image-Meta-Store": "nowhere"}),
    importing("a store that only reads", 400, {**DIRECT, "stores": ["web"]}, state="staged"),
    importing("a copy to a store that only reads", 400, {"method": {"name": "copy-image"}, "stores": ["web"]},
              state="active", caller="admin"),
    call("data from an unknown store", 400, "GET", "/v2/images/{id}/file?prefer=nowhere", state="active"),
)  # fmt: skip


def location(url: Any = WEB, **more: Any) -> dict[str, Any]:
    return {"url": url, "metadata": {}, **more}


def new(url: Any = WEB, at: str = "-", **more: Any) -> dict[str, Any]:
    return add(f"/locations/{at}", location(url, **more))


LOCATIONS_SHOWN = (
    *(patch(f"the url {url[:40]!r}", 400, new(url)) for url in FORBIDDEN_URLS),
    *(patch(f"the url {url[:40]!r}, by a service", 400, new(url), caller="service") for url in FORBIDDEN_URLS[:4]),
    *(patch(f"the url {url[:40]!r} in a list", 400, put("/locations", [location(url)])) for url in FORBIDDEN_URLS[:9]),
    *(patch("bad validation data", 400, new(validation_data=said)) for said in BAD_SAID),
    patch("a checksum too short", 400, new(validation_data={**SAID, "checksum": "0" * 31})),
    patch("a checksum that is none", 400, new(validation_data={**SAID, "checksum": "x" * 32})),
    patch("a text", 400, add("/locations/-", WEB)),
    patch("no metadata", 400, add("/locations/-", {"url": WEB})),
    patch("no url", 400, add("/locations/-", {"metadata": {}})),
    patch("metadata in words", 400, new(metadata="x")),
    patch("metadata beyond 64 bits", 400, new(metadata={"a": [1 << 64]})),
    patch("metadata with NUL", 400, new(metadata={"a": [{"b": "\0"}]})),
    patch("metadata with NUL in a name", 400, new(metadata={"a": {"\0": 1}})),
    patch("metadata nested too deep", 400, new(metadata=json.loads('{"a":' * 17 + "1" + "}" * 17))),
    patch("metadata without end", 400, new(metadata={"a": "x" * 20_000})),
    patch("a url that is no text", 400, new(5)),
    *(patch(f"the place {at!r}", 400, new(at=at)) for at in ("1", "99", "-1", "x", "01", "1e3", "9" * 30, "\u0661")),
    patch("too deep", 400, add("/locations/0/url", "x")),
    patch("not deep enough", 400, add("/locations", [location()])),
    patch("a place replaced", 400, put("/locations/0", location())),
    patch("no value", 400, {"op": "add", "path": "/locations/-"}),
    patch("locations that are no list", 400, put("/locations", "x")),
    patch("one twice", 400, new(), new()),
    patch("one twice in a list", 400, put("/locations", [location(), location()])),
    patch("nothing", 403, put("/locations", [])),
    patch("nothing, of an active image", 403, put("/locations", []), state="active"),
    patch("other data", 400, put("/locations", [location()]), state="active"),
    patch("one of two", 400, put("/locations", [location()]), state="copied"),
    patch("formats unset", 400, new("{web}/image"), state="private"),
    patch("nothing there", 400, new("{web}/none")),
    patch("a server that is away", 400, new("http://127.0.0.1:1/image")),
    patch("a server that tells no size", 400, new("{web}/endless")),
    patch("hostile data", 400, new("{web}/hostile")),
    patch("hostile data, with the formats", 400, put("/container_format", "bare"), put("/disk_format", "raw"),
          new("{web}/hostile"), state="private"),
    patch("formats unset, and nothing there", 400, new("{web}/none"), state="private"),
    patch("data of another length", 400, new("{web}/image"), new("{web}/other"), state="queued"),
    patch("data of another length than it has", 400, new("{web}/other"), state="active"),
    patch("a hash that contradicts", 409, new("{web}/four", validation_data=SAID), state="active"),
    patch("two hashes that contradict", 409, new(validation_data=SAID),
          new("http://192.0.2.2/", validation_data={**SAID, "os_hash_value": "1" * 64})),
    patch("too many", 413, *(new(f"{WEB}{number}") for number in range(4))),
    patch("staged", 409, new(), state="staged"),
    patch("deactivated", 409, new(), state="deactivated"),
    patch("a list for a deactivated image", 409, put("/locations", [location()]), state="deactivated"),
    patch("another's", 404, new(), caller="stranger"),
    patch("another's public image", 403, new(), caller="other", state="public"),
    patch("a reader", 403, new(), caller="reader"),
    patch("removed by the owner", 403, drop("/locations/0"), state="copied"),
    patch("removed of a queued image", 409, drop("/locations/0"), caller="admin"),
    patch("removed of a deactivated image", 409, drop("/locations/0"), caller="admin", state="deactivated"),
    patch("the last one removed", 403, drop("/locations/0"), caller="admin", state="active"),
    *(patch(f"the place {at!r} removed", 400, drop(f"/locations/{at}"), caller="admin", state="copied")
      for at in ("2", "-", "x", "-1", "00")),
    patch("both removed", 403, drop("/locations/1"), drop("/locations/0"), caller="admin", state="copied"),
    patch("all removed at once", 400, drop("/locations"), caller="admin", state="copied"),
    patch("a good location before a forbidden operation", 403, new(), put("/status", "active")),
)  # fmt: skip

WITHOUT_A_CACHE = (
    call("no cache here", 404, "GET", "/v2/cache", caller="admin"),
    call("no cache here, of which others are not told", 403, "GET", "/v2/cache"),
)

SINGLE_STORE = (
    call("stores where there is one", 404, "GET", "/v2/info/stores"),
    call("details of stores where there is one", 404, "GET", "/v2/info/stores/detail", caller="admin"),
    removing("a copy where there is one store", 404, "file", caller="admin", state="active"),
    call("data of a store where there is one", 400, "GET", "/v2/images/{id}/file?prefer=file", state="active"),
    patch("removed where none show", 403, drop("/locations/0"), caller="admin", state="active"),
)

REFUSALS = CREATE + LISTING + SHOW + PATCH + STATES + MEMBERS + TAGS + IMPORT + WITHOUT_A_CACHE + SINGLE_STORE
