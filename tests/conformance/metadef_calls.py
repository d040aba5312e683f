"""Calls on metadata definitions, in an order in which each means the same to two services that start alike."""

from __future__ import annotations

from typing import Any

import msgspec

N = "/v2/metadefs/namespaces"
PROPERTY: dict[str, Any] = {
    "title": "T", "type": "array", "items": {"type": "string", "enum": ["a"]}, "minItems": 1, "maxItems": 9,
    "uniqueItems": True, "additionalItems": False, "readonly": True, "description": "d", "operators": ["<or>"],
}  # fmt: skip
NUMBER = {"title": "T", "type": "integer", "default": 3, "minimum": 1, "maximum": 5, "enum": ["1", "3"]}
TEXT = {"title": "T", "type": "string", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 8, "confidential": True}
WHOLE = {
    "namespace": "B", "display_name": "d", "description": "x", "protected": True, "visibility": "public",
    "properties": {"p": PROPERTY, "q": NUMBER, "r": TEXT},
    "objects": [{"name": "o", "required": ["q"], "properties": {"q": PROPERTY}}, {"name": "o2", "description": "z"}],
    "tags": [{"name": "t"}],
    "resource_type_associations": [
        {"name": "OS::X", "prefix": "x:", "properties_target": "image"}, {"name": "OS::Y"},
    ],
}  # fmt: skip
SIMPLE = {"title": "T", "type": "string"}


class Call(msgspec.Struct, frozen=True):
    method: str
    path: str
    body: Any = None
    caller: str = "admin"
    headers: dict[str, str] = {}
    better: int | None = None  # our status, where Glance fails with 500 or takes what it then trips over


def _reads(namespace: str, caller: str) -> list[Call]:
    paths = ("", "?resource_type=OS::X", "?resource_type=OS::N", "/objects", "/objects/o", "/tags", "/tags/t",
             "/resource_types", "/properties", "/properties/p", "/properties/x:p?resource_type=OS::X",
             "/properties/p?resource_type=OS::X", "/properties/p?resource_type=OS::Y", "/objects/nope", "/tags/nope",
             "/properties/nope", "/tags?limit=1", "/tags?marker=nope", "/tags?limit=0", "?visibility=zz")  # fmt: skip
    return [Call("GET", f"{N}/{namespace}{path}", caller=caller) for path in paths]


def _deletions(namespace: str, caller: str) -> list[Call]:
    paths = ("/objects/nope", "/tags/nope", "/properties/nope", "/resource_types/OS::N", "/objects/o",
             "/properties/p", "/tags/t", "/resource_types/OS::X", "/objects", "/properties", "/tags", "")  # fmt: skip
    return [Call("DELETE", f"{N}/{namespace}{path}", caller=caller) for path in paths]


CALLS: list[Call] = [
    Call("GET", N),
    Call("GET", "/v2/metadefs/resource_types"),
    Call("POST", N, WHOLE),
    *(call for caller in ("admin", "owner", "nobody") for call in _reads("B", caller)),
    *_deletions("B", "admin"),
    Call("POST", N, WHOLE),
    Call("POST", N, {"namespace": "A", "owner": "p1", "properties": {}, "resource_type_associations": []}),
    *(Call("GET", f"{N}/A", caller=caller) for caller in ("admin", "owner", "other", "nobody")),
    Call("GET", f"{N}?limit=1&sort_key=namespace&sort_dir=asc"),
    Call("GET", f"{N}?limit=1&sort_key=namespace&sort_dir=asc&marker=A"),
    Call("GET", f"{N}?limit=5&sort_key=namespace&sort_dir=asc&marker=B"),
    *(Call("GET", f"{N}?sort_key=namespace", caller=caller) for caller in ("owner", "other", "nobody")),
    *(Call("GET", f"{N}?{query}") for query in (
        "limit=0", "limit=-1", "marker=nope", "sort_dir=x", "visibility=foo", "visibility=public",
        "resource_types=OS::X,OS::Y", "resource_types=nope", "foo=bar",
    )),
    Call("GET", f"{N}?limit=x", better=400),
    Call("GET", f"{N}?sort_key=zz", better=400),
    Call("POST", N, {"namespace": "C"}, "owner"),
    Call("POST", N, {"namespace": "C"}, "nobody"),
    *(Call("POST", N, body) for body in (
        {"namespace": "C", "self": "x"}, {"namespace": "C", "created_at": "x"}, {"namespace": "C", "bad": 1}, {},
        {"namespace": "x" * 81}, {"namespace": "😀"}, {"namespace": 1}, {"namespace": "C", "visibility": "shared"},
        {"namespace": "C", "description": "x" * 501}, {"namespace": "C", "properties": {"a": {"title": "t"}}},
        {"namespace": "C", "properties": {"a": {"title": "t", "type": "int"}}},
        {"namespace": "C", "objects": [{"name": "o"}, {"name": "o"}]},
        {"namespace": "C", "tags": [{"name": "o"}, {"name": "o"}]},
    )),
    *(Call("POST", N, body, better=400) for body in (
        [], {"namespace": ""}, {"namespace": "C", "objects": [{"nme": "o"}]},
        {"namespace": "C", "tags": [{"nme": "o"}]}, {"namespace": "C", "resource_type_associations": [{"nme": "o"}]},
        {"namespace": "C", "properties": {"a": {**SIMPLE, "$ref": "#/definitions/a"}}},
    )),
    Call("GET", f"{N}/C", better=404),  # Glance took {"namespace": "", …} and kept some of the others
    Call("POST", f"{N}/A/objects", {"name": "o3"}),
    Call("POST", f"{N}/A/objects", {"name": "o3"}),
    Call("POST", f"{N}/A/objects", {"name": "o4", "required": ["a", "a"]}),
    Call("POST", f"{N}/A/objects", {"name": "x" * 81}),
    Call("POST", f"{N}/A/objects", {"name": "o4", "required": ["a"], "properties": {"a": SIMPLE}}),
    Call("PUT", f"{N}/A/objects/o3", {"name": "o5", "description": "d", "required": ["a", "b"]}),
    Call("PUT", f"{N}/A/objects/o5", {"name": "o4"}, better=409),
    Call("PUT", f"{N}/A/objects/nope", {"name": "o4"}),
    Call("GET", f"{N}/A/objects"),
    Call("GET", f"{N}/A/objects?limit=x"),
    Call("GET", f"{N}/A/objects?limit=0"),
    Call("POST", f"{N}/A/properties", {"name": "n", **SIMPLE, "enum": [], "items": {"type": "string"}}),
    Call("POST", f"{N}/A/properties", {"name": "n", **SIMPLE}),
    Call("POST", f"{N}/A/properties", {**SIMPLE}),
    Call("POST", f"{N}/A/properties", {"name": "m", "title": "T", "type": ["string"]}),
    Call("POST", f"{N}/A/properties", {"name": "m", **SIMPLE, "minLength": -1}),
    Call("POST", f"{N}/A/properties", {"name": "m", **SIMPLE, "created_at": "x"}),
    Call("POST", f"{N}/A/properties", {"name": "m", **NUMBER}),
    Call("PUT", f"{N}/A/properties/n", {"name": "n2", **SIMPLE}),
    Call("PUT", f"{N}/A/properties/n2", {"name": "m", **SIMPLE}, better=409),
    Call("PUT", f"{N}/A/properties/nope", {"name": "n3", **SIMPLE}),
    Call("GET", f"{N}/A/properties/n2"),
    Call("GET", f"{N}/A/properties"),
    Call("POST", f"{N}/A/tags/u"),
    Call("POST", f"{N}/A/tags/u"),
    Call("POST", f"{N}/A/tags/w", {"name": "w"}),
    Call("POST", f"{N}/A/tags/" + "x" * 81),
    Call("POST", f"{N}/A/tags", {"tags": [{"name": "a"}, {"name": "a"}]}),
    Call("POST", f"{N}/A/tags", {"tags": [{"name": "a"}, {"name": "b"}]}, headers={"X-Openstack-Append": "true"}),
    Call("POST", f"{N}/A/tags", {"tags": [{"name": "a"}]}, headers={"X-Openstack-Append": "1"}),
    Call("POST", f"{N}/A/tags", {"tags": []}),
    Call("POST", f"{N}/A/tags", {}, better=400),
    Call("PUT", f"{N}/A/tags/u", {"name": "v"}),
    Call("PUT", f"{N}/A/tags/v", {"name": "a"}),
    Call("PUT", f"{N}/A/tags/v"),
    Call("PUT", f"{N}/A/tags/nope", {"name": "v"}),
    Call("GET", f"{N}/A/tags?sort_key=name&sort_dir=asc"),
    Call("GET", f"{N}/A/tags?sort_key=zz", better=400),
    Call("POST", f"{N}/A/tags", {"tags": [{"name": "k"}]}),
    Call("GET", f"{N}/A/tags"),
    Call("POST", f"{N}/A/resource_types", {"name": "OS::Z", "prefix": "p"}),
    Call("POST", f"{N}/A/resource_types", {"name": "OS::Z"}),
    Call("POST", f"{N}/A/resource_types", {"name": "OS::W", "bad": 1}),
    Call("POST", f"{N}/A/resource_types", {"name": "OS::W", "created_at": "x"}),
    Call("POST", f"{N}/A/resource_types", {"name": "x" * 81}),
    Call("POST", f"{N}/nope/resource_types", {"name": "OS::Z"}),
    Call("GET", "/v2/metadefs/resource_types"),
    *(Call(method, f"{N}/A/{kind}", body, caller) for caller in ("owner", "other", "nobody") for method, kind, body in (
        ("POST", "objects", {"name": "x"}), ("POST", "properties", {"name": "x", **SIMPLE}), ("POST", "tags/x", None),
        ("POST", "resource_types", {"name": "OS::Q"}), ("DELETE", "objects", None), ("DELETE", "tags/k", None),
        ("PUT", "properties/m", {"name": "x", **SIMPLE}), ("PUT", "tags/k", {"name": "x"}),
    )),
    Call("PUT", f"{N}/A", {"namespace": "A2", "display_name": "new", "properties": {"zz": SIMPLE}}),
    Call("PUT", f"{N}/A2", {"namespace": "B"}),
    Call("PUT", f"{N}/A2", {"namespace": "A2", "self": "x"}),
    Call("PUT", f"{N}/nope", {"namespace": "A2"}),
    Call("PUT", f"{N}/A2", {"namespace": "A2"}, "owner"),
    Call("GET", f"{N}/A2"),
    *_deletions("A2", "other"),
    Call("DELETE", f"{N}/A2/resource_types"),
    Call("DELETE", f"{N}/A2/objects/o4"),
    Call("DELETE", f"{N}/A2/resource_types/OS::Z"),
    *_deletions("A2", "admin"),
    Call("GET", f"{N}/A2"),
    Call("PUT", f"{N}/B", {"namespace": "B"}),
    Call("DELETE", f"{N}/B"),
]  # fmt: skip

LONG, WIDE = "x" * 81, "😀"
#: What no service may take, by what it is sent to. In a namespace of its own: where one takes it all the same, that
#: changes nothing for the calls above.
BAD: dict[tuple[str, str], list[Any]] = {
    ("PUT", ""): [
        b"{", b"", [], {}, {"namespace": LONG}, {"namespace": WIDE}, {"namespace": 1},
        {"namespace": "Bad", "owner": "x" * 256},
        {"namespace": "Bad", "visibility": "shared"}, {"namespace": "Bad", "protected": "yes"},
        {"namespace": "Bad", "display_name": LONG}, {"namespace": "Bad", "created_at": "x"},
        {"namespace": "Bad", "bad": 1},
    ],
    ("POST", "/objects"): [
        b"{", [], {}, {"name": 1}, {"name": WIDE}, {"name": "n", "required": "a"}, {"name": "n", "bad": 1},
        {"name": "n", "properties": []}, {"name": "n", "properties": {"a": {"type": "string"}}},
        {"name": "n", "properties": {"a": {**SIMPLE, "type": "int"}}}, {"name": "n", "created_at": "x"},
        {"name": "n", "description": 1},
    ],
    ("PUT", "/objects/o"): [
        b"{", [], {}, {"name": LONG}, {"name": WIDE}, {"name": "o", "self": "x"}, {"name": "o", "bad": 1},
    ],
    ("POST", "/properties"): [
        b"{", [], {}, {"name": LONG, **SIMPLE}, {"name": WIDE, **SIMPLE}, {"name": 1, **SIMPLE},
        *({"name": "n", **SIMPLE, **wrong} for wrong in (
            {"enum": "a"}, {"minimum": "x"}, {"pattern": 1}, {"items": []}, {"items": {"type": "zz"}}, {"maxItems": -1},
            {"uniqueItems": "x"}, {"operators": "or"}, {"readonly": 1}, {"required": [1]}, {"title": 1},
            {"description": 1},
        )),
    ],
    ("PUT", "/properties/p"): [
        b"{", [], {}, {"name": LONG, **SIMPLE}, {"name": WIDE, **SIMPLE}, {"name": "p", "type": "string"},
    ],
    ("PUT", "/tags/t"): [b"{", [], {}, {"name": LONG}, {"name": 1}, {"name": "t", "bad": 1}, {"name": WIDE}],
    ("POST", "/tags"): [
        b"{", [], {"tags": "x"}, {"tags": [1]}, {"tags": [{}]}, {"tags": [{"name": LONG}]}, {"tags": [{"name": WIDE}]},
        {"tags": [{"name": 1}]}, {"tags": [{"name": "n", "bad": 1}]},
    ],
    ("POST", "/resource_types"): [
        b"{", [], {}, {"name": 1}, {"name": WIDE}, {"name": "OS::N", "prefix": LONG}, {"name": "OS::N", "prefix": 1},
        {"name": "OS::N", "properties_target": LONG},
    ],
    ("GET", "/tags?limit=-1"): [None], ("GET", "/tags?limit=x"): [None], ("GET", "/tags?sort_dir=x"): [None],
    ("PATCH", ""): [{}], ("POST", ""): [{}], ("PUT", "/objects"): [{}], ("PATCH", "/tags/t"): [{}],
    ("DELETE", f"/tags/{LONG}"): [None], ("GET", f"/properties/{LONG}"): [None], ("GET", f"/objects/{WIDE}"): [None],
}  # fmt: skip
SOME = {"objects": [{"name": "o"}], "tags": [{"name": "t"}], "properties": {"p": SIMPLE}}
REFUSED: list[Call] = [
    Call("POST", N, {"namespace": "Bad", **SOME}),
    *(Call(method, f"{N}/Bad{path}", body) for (method, path), bodies in BAD.items() for body in bodies),
    Call("DELETE", f"{N}/Bad"),
]  # fmt: skip
