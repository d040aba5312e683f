"""An image's properties against all definitions that apply."""

from __future__ import annotations

from typing import Any

import pytest

from glancetui.definitions.check import IMAGE, Book, prefix_on

SIMPLE = {"title": "T", "type": "string"}
LIBVIRT = {
    "namespace": "OS::Compute::LibvirtImage",
    "resource_type_associations": [{"name": IMAGE}],
    "properties": {"hw_disk_bus": {**SIMPLE, "enum": ["ide", "scsi"]}, "hw_vif_model": {**SIMPLE, "enum": ["virtio"]}},
}
VMWARE = {
    "namespace": "OS::Compute::VMware",
    "resource_type_associations": [{"name": IMAGE}],
    "properties": {"hw_vif_model": {**SIMPLE, "enum": ["VirtualE1000"]}},
}
PINNING = {
    "namespace": "OS::Compute::CPUPinning",
    "resource_type_associations": [{"name": "OS::Nova::Flavor", "prefix": "hw:"}, {"name": IMAGE, "prefix": "hw_"}],
    "properties": {"cpu_policy": {**SIMPLE, "enum": ["dedicated"]}},
    "objects": [{"name": "o", "required": ["b"], "properties": {"a": SIMPLE, "b": SIMPLE}}],
}
AGGREGATE = {
    "namespace": "Other",
    "resource_type_associations": [{"name": "OS::Nova::Aggregate"}],
    "properties": {"x": SIMPLE},
}


def told(properties: dict[str, str | None], **more: Any) -> list[tuple[str, str, str]]:
    found = Book([LIBVIRT, VMWARE, PINNING, AGGREGATE]).check(properties, **more)
    return [(each.kind, each.key, each.constraint) for each in found]


def test_right_properties_and_unknown_ones_like_nothing_are_no_findings() -> None:
    assert told({"hw_disk_bus": "ide", "mine": "x", "hw_numa_nodes": "2", "owner_specified.openstack.md5": ""}) == []


def test_broken_constraint_names_key_value_and_constraint() -> None:
    [found] = Book([LIBVIRT]).check({"hw_disk_bus": "idee"})
    assert (found.kind, found.value, found.constraint, found.namespace) == (
        "broken", "idee", "enum", "OS::Compute::LibvirtImage",
    )  # fmt: skip
    assert found.sentence == "hw_disk_bus: 'idee' is none of ide, scsi; did you mean 'ide'?"


def test_misspelt_key_is_told_its_right_spelling() -> None:
    [found] = Book([LIBVIRT]).check({"hw_disk_buss": "ide"})
    assert found.sentence == "hw_disk_buss: did you mean hw_disk_bus?"


def test_key_of_two_drivers_is_right_as_either_has_it() -> None:
    assert told({"hw_vif_model": "virtio"}) == []
    assert told({"hw_vif_model": "VirtualE1000"}) == []
    assert told({"hw_vif_model": "ne3000"}) == [("broken", "hw_vif_model", "enum")]


def test_prefix_of_the_resource_type_stands_before_the_names() -> None:
    assert told({"hw_cpu_policy": "shared"}) == [("broken", "hw_cpu_policy", "enum")]
    assert told({"cpu_policy": "shared"}) != [("broken", "cpu_policy", "enum")]
    flavors = Book([LIBVIRT, PINNING], "OS::Nova::Flavor")
    assert set(flavors.keys) == {"hw:cpu_policy", "hw:a", "hw:b"}


@pytest.mark.parametrize(
    ("properties", "needs"),
    [
        ({"hw_cpu_thread_policy": "prefer"}, ["hw_cpu_policy"]),
        ({"hw_cpu_thread_policy": "prefer", "hw_cpu_policy": "dedicated"}, []),
        ({"os_secure_boot": "required", "hw_firmware_type": "bios"}, ["hw_firmware_type"]),
        ({"hw_vif_multiqueue_enabled": "true"}, []),
        ({"hw_a": "1"}, ["hw_b"]),
        ({"hw_a": "1", "hw_b": "2"}, []),
    ],
)
def test_property_that_needs_another_is_told(properties: dict[str, str | None], needs: list[str]) -> None:
    assert [constraint for kind, _, constraint in told(properties) if kind == "needs"] == needs


def test_base_attributes_are_nobodys_property() -> None:
    assert told({"min_ram": "1", "hw_disk_buss": "x"}, known={"min_ram", "hw_disk_buss"}) == []


def test_namespace_of_images_without_a_resource_type_is_for_images() -> None:
    assert prefix_on({"namespace": "OS::Glance::CommonImageProperties"}, IMAGE) == ""
    assert prefix_on({"namespace": "Mine"}, IMAGE) is None
    assert prefix_on(AGGREGATE, IMAGE) is None


def test_definition_of_an_odd_endpoint_is_passed_over() -> None:
    odd = {**LIBVIRT, "properties": {"a": {"type": 7}, "b": {"enum": "x"}, "hw_disk_bus": {**SIMPLE, "enum": ["ide"]}}}
    assert [each.key for each in Book([odd]).check({"a": "1", "hw_disk_bus": "x"})] == ["hw_disk_bus"]


def test_definition_that_only_describes_undoes_no_other() -> None:
    describing = {
        "namespace": "OS::Glance::CommonImageProperties",
        "properties": {"hw_cpu_policy": SIMPLE, "os_distro": SIMPLE},
    }
    for namespaces in ([describing, PINNING], [PINNING, describing]):
        [found] = Book(namespaces).check({"hw_cpu_policy": "dedicate", "os_distro": "anything"})
        assert (found.kind, found.key, found.namespace) == ("broken", "hw_cpu_policy", "OS::Compute::CPUPinning")
