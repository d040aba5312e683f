"""Unmodified `openstack image metadef …`, `glance md-…` and openstacksdk on metadata definitions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.conftest import StockClients

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow(seconds=10), pytest.mark.xdist_group("stock-none")]

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


def test_openstack_command_makes_changes_lists_and_deletes_definitions(no_auth: StockClients) -> None:
    told = no_auth.said(
        "openstack",
        "image metadef namespace create Osc --display-name one --public --unprotected -f json",
        "image metadef namespace set Osc --description changed --display-name two --public",
        "image metadef namespace show Osc -f json",
        "image metadef object create --namespace Osc box -f json",
        "image metadef object update Osc box --name crate",
        "image metadef object list Osc -f json",
        "image metadef object show Osc crate -f json",
        "image metadef property create Osc --name size --title S --type integer --schema '{\"maximum\": 5}' -f json",
        "image metadef property show Osc size -f json",
        "image metadef property list Osc -f json",
        "image metadef resource type association create Osc OS::Glance::Image -f json",
        "image metadef resource type list -f json",
        "image metadef resource type association list Osc -f json",
        "image metadef property delete Osc size",
        "image metadef object delete Osc crate",
        "image metadef resource type association delete Osc OS::Glance::Image",
        "image metadef namespace list -f json",
        "image metadef namespace delete Osc",
        "image metadef namespace list -f json",
    )
    found = [json.loads(text) if text.strip() else None for text in told]
    assert (found[0]["namespace"], found[0]["visibility"]) == ("Osc", "public")
    assert (found[2]["description"], found[2]["display_name"]) == ("changed", "two")
    assert [row["name"] for row in found[5]] == ["crate"]
    assert found[8]["maximum"] == 5
    assert "OS::Glance::Image" in [row["Name"] for row in found[11]]
    assert "OS::Glance::Image" in str(found[12])
    assert "Osc" in [row["namespace"] for row in found[-3]]
    assert "Osc" not in [row["namespace"] for row in found[-1]]


def test_glance_command_imports_tags_and_lists_definitions(no_auth: StockClients, tmp_path: Path) -> None:
    document = {
        "namespace": "Gc",
        "visibility": "public",
        "resource_type_associations": [{"name": "OS::Glance::Image", "prefix": "x_"}],
        "properties": {"p": {"title": "P", "type": "string", "enum": ["a", "b"]}},
        "objects": [{"name": "o", "properties": {"q": {"title": "Q", "type": "integer"}}}],
        "tags": [{"name": "t"}],
    }
    (tmp_path / "gc.json").write_text(json.dumps(document))
    told = no_auth.said(
        "glance",
        f"md-namespace-import --file {tmp_path / 'gc.json'}",
        "md-namespace-show Gc --resource-type OS::Glance::Image",
        "md-namespace-update Gc --description changed --visibility public",
        "md-namespace-list",
        "md-resource-type-list",
        "md-property-create Gc --name r --title R --type string --schema {}",
        "md-property-list Gc",
        """md-object-create Gc --name o2 --schema '{"description": "d"}'""",
        "md-object-list Gc",
        "md-tag-create Gc --name u",
        "md-tag-update Gc u --name w",
        "md-tag-create-multiple Gc --names x:y --delim :",
        "md-tag-list Gc",
        "md-tag-delete Gc x",
        "md-namespace-tags-delete Gc",
        "md-namespace-objects-delete Gc",
        "md-namespace-properties-delete Gc",
        "md-namespace-show Gc",
        "md-namespace-delete Gc",
        "md-namespace-list",
    )
    assert "x_p" in told[1]
    assert "changed" in told[2]
    assert all("Gc" in text for text in (told[3], told[17]))
    assert "OS::Glance::Image" in told[4]
    assert "| r " in told[6]
    assert "| o2 " in told[8]
    assert all(f"| {name} " in told[12] for name in ("x", "y"))
    assert "| w " not in told[12], "they replace those that were there"
    assert "x_p" not in told[17]
    assert "| Gc " not in told[-1]


def test_openstacksdk_makes_lists_and_deletes_definitions(no_auth: StockClients) -> None:
    found = json.loads(no_auth.python(SDK))
    assert ("Sdk" in found["namespaces"], "Sdk" in found["left"]) == (True, False)
    assert (found["name"], found["objects"], found["properties"]) == ("two", ["box"], ["size"])
    assert (found["size"], found["types"], "OS::Glance::Image" in found["all_types"]) == (
        1,
        ["OS::Glance::Image"],
        True,
    )
