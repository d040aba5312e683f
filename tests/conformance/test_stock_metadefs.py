"""Unmodified `openstack image metadef …`, `glance md-…` and openstacksdk on metadata definitions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.conftest import StockClients

pytestmark = [pytest.mark.timeout(300)]

SDK = """
import json, sys, openstack
cloud = openstack.connect(load_yaml_config=False)
image = cloud.image
made = image.create_metadef_namespace(namespace="Sdk", display_name="one", visibility="public")
image.update_metadef_namespace("Sdk", namespace="Sdk", display_name="two", visibility="public")
properties = {"a": {"title": "A", "type": "string"}}
image.create_metadef_object("Sdk", name="box", description="d", required=[], properties=properties)
image.create_metadef_property("Sdk", name="size", type="integer", title="Size", minimum=1)
image.create_metadef_resource_type_association("Sdk", name="OS::Glance::Image", prefix="x_")
found = {
    "namespaces": [each.namespace for each in image.metadef_namespaces()],
    "name": image.get_metadef_namespace("Sdk").display_name,
    "objects": [each.name for each in image.metadef_objects("Sdk")],
    "properties": [each.name for each in image.metadef_properties("Sdk")],
    "size": image.get_metadef_property("size", "Sdk").minimum,
    "types": [each.name for each in image.metadef_resource_type_associations("Sdk")],
    "all_types": [each.name for each in image.metadef_resource_types()],
}
image.delete_metadef_property("size", "Sdk")
image.delete_metadef_object("box", "Sdk")
image.delete_metadef_resource_type_association("OS::Glance::Image", "Sdk")
image.delete_metadef_namespace("Sdk")
found["left"] = [each.namespace for each in image.metadef_namespaces()]
print(json.dumps(found))
"""


@pytest.fixture(
    params=[
        pytest.param("no_auth", marks=pytest.mark.xdist_group("stock-none")),
        pytest.param("keystone_auth", marks=pytest.mark.xdist_group("stock-keystone")),
    ]
)
def clients(request: pytest.FixtureRequest) -> StockClients:
    return request.getfixturevalue(request.param)


def test_openstack_command_makes_changes_lists_and_deletes_definitions(clients: StockClients, tmp_path: Path) -> None:
    def run(*words: str) -> object:
        return clients.openstack_json("image", "metadef", *words)

    made = run("namespace", "create", "Osc", "--display-name", "one", "--public", "--unprotected")
    assert (made["namespace"], made["display_name"], made["visibility"]) == ("Osc", "one", "public")
    clients.openstack("image", "metadef", "namespace", "set", "Osc", "--description", "what it is for")
    assert run("namespace", "show", "Osc")["description"] == "what it is for"
    run("object", "create", "--namespace", "Osc", "box")
    clients.openstack("image", "metadef", "object", "update", "Osc", "box", "--name", "crate")
    assert [row["name"] for row in run("object", "list", "Osc")] == ["crate"]
    schema = json.dumps({"minimum": 1, "maximum": 5})
    run("property", "create", "Osc", "--name", "size", "--title", "Size", "--type", "integer", "--schema", schema)
    assert run("property", "show", "Osc", "size")["maximum"] == 5
    run("resource", "type", "association", "create", "Osc", "OS::Glance::Image")
    assert "OS::Glance::Image" in [row["Name"] for row in run("resource", "type", "list")]
    clients.openstack("image", "metadef", "property", "delete", "Osc", "size")
    clients.openstack("image", "metadef", "object", "delete", "Osc", "crate")
    clients.openstack("image", "metadef", "resource", "type", "association", "delete", "Osc", "OS::Glance::Image")
    assert "Osc" in [row["namespace"] for row in run("namespace", "list")]
    clients.openstack("image", "metadef", "namespace", "delete", "Osc")
    clients.openstack("image", "metadef", "namespace", "show", "Osc", fails=True)


@pytest.mark.xdist_group("stock-none")
def test_glance_command_imports_tags_and_lists_definitions(no_auth: StockClients, tmp_path: Path) -> None:
    glance = no_auth.glance
    document = {
        "namespace": "Gc",
        "visibility": "public",
        "resource_type_associations": [{"name": "OS::Glance::Image", "prefix": "x_"}],
        "properties": {"p": {"title": "P", "type": "string", "enum": ["a", "b"]}},
        "objects": [{"name": "o", "properties": {"q": {"title": "Q", "type": "integer"}}}],
        "tags": [{"name": "t"}],
    }
    (tmp_path / "gc.json").write_text(json.dumps(document))
    assert "Gc" in glance("md-namespace-import", "--file", str(tmp_path / "gc.json"))
    assert "x_p" in glance("md-namespace-show", "Gc", "--resource-type", "OS::Glance::Image")
    glance("md-namespace-update", "Gc", "--description", "changed", "--visibility", "public")
    assert "Gc" in glance("md-namespace-list")
    assert "OS::Glance::Image" in glance("md-resource-type-list")
    glance("md-property-create", "Gc", "--name", "r", "--title", "R", "--schema", '{"type": "string"}')
    assert "r" in glance("md-property-list", "Gc")
    glance("md-object-create", "Gc", "--name", "o2", "--schema", '{"description": "d"}')
    assert "o2" in glance("md-object-list", "Gc")
    glance("md-tag-create", "Gc", "--name", "u")
    glance("md-tag-update", "Gc", "u", "--name", "w")
    glance("md-tag-create-multiple", "Gc", "--names", "x:y", "--delim", ":", "--append")
    listed = glance("md-tag-list", "Gc")
    assert all(f"| {name} " in listed for name in ("t", "w", "x", "y"))
    glance("md-tag-delete", "Gc", "w")
    glance("md-namespace-tags-delete", "Gc")
    glance("md-namespace-objects-delete", "Gc")
    glance("md-namespace-properties-delete", "Gc")
    glance("md-namespace-delete", "Gc")
    glance("md-namespace-show", "Gc", fails=True)


@pytest.mark.xdist_group("stock-keystone")
def test_openstacksdk_makes_lists_and_deletes_definitions(keystone_auth: StockClients) -> None:
    found = json.loads(keystone_auth.python(SDK))
    assert ("Sdk" in found["namespaces"], "Sdk" in found["left"]) == (True, False)
    assert (found["name"], found["objects"], found["properties"]) == ("two", ["box"], ["size"])
    assert (found["size"], found["types"], "OS::Glance::Image" in found["all_types"]) == (
        1,
        ["OS::Glance::Image"],
        True,
    )
