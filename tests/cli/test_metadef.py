"""`glancetui metadef …` as scripts and people use it, against the real service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Glancetui

TEXT = {"title": "T", "type": "string"}


@pytest.fixture
def file(tmp_path: Path, unique) -> Path:
    """A namespace for images, in a file."""
    document = {
        "namespace": unique(),
        "visibility": "public",
        "resource_type_associations": [{"name": "OS::Glance::Image"}],
        "properties": {"zz_disk_bus": {**TEXT, "enum": ["ide", "scsi"]}},
        "tags": [{"name": "t"}],
    }
    made = tmp_path / "namespace.json"
    made.write_text(json.dumps(document))
    return made


@pytest.fixture
def namespace(glancetui: Glancetui, file: Path) -> str:
    ran = glancetui.run("metadef", "import", str(file))
    assert ran.code == 0, ran.err
    return json.loads(file.read_text())["namespace"]


def test_namespace_is_made_changed_listed_and_deleted(glancetui: Glancetui, unique) -> None:
    name = unique()
    made = glancetui.run("metadef", "namespace", "create", name, "--display-name", "One", "--public", "-f", "json")
    assert (made.code, made.json["visibility"], made.json["protected"]) == (0, "public", False)
    assert glancetui.run("metadef", "namespace", "create", name).code == 5
    assert glancetui.run("metadef", "namespace", "create", name, "--if-absent", "-f", "json").code == 0
    changed = glancetui.run("metadef", "namespace", "set", name, "--protected", "--description", "d", "-f", "json").json
    assert (changed["display_name"], changed["description"], changed["protected"]) == ("One", "d", True)
    listed = glancetui.run("metadef", "namespace", "list", "-f", "value", "-c", "namespace").out
    assert name in listed.splitlines()
    assert glancetui.run("metadef", "namespace", "delete", name).code == 2
    assert glancetui.run("metadef", "namespace", "delete", name, "--yes").code == 4
    assert glancetui.run("metadef", "namespace", "set", name, "--unprotected").code == 0
    assert glancetui.run("metadef", "namespace", "delete", name, "--yes").code == 0
    assert glancetui.run("metadef", "namespace", "show", name).code == 3
    assert glancetui.run("metadef", "namespace", "delete", name, "--yes", "--if-exists").code == 0


def test_properties_objects_tags_and_resource_types_come_and_go(
    glancetui: Glancetui, namespace: str, tmp_path: Path
) -> None:
    def run(*words: str) -> object:
        ran = glancetui.run("metadef", *words, "-f", "json")
        assert ran.code == 0, ran.err
        return ran.json if ran.out else None

    run("property", "create", namespace, "size", "--type", "integer", "--minimum", "1", "--maximum", "9")
    run("property", "set", namespace, "size", "--maximum", "5", "--name", "count")
    assert run("property", "show", namespace, "count") == {
        "name": "count", "type": "integer", "title": "size", "minimum": 1, "maximum": 5,
    }  # fmt: skip
    (tmp_path / "o.yaml").write_text("properties:\n  a: {title: A, type: string}\n")
    run("object", "create", namespace, "box", "--file", str(tmp_path / "o.yaml"), "--required", "a")
    run("object", "set", namespace, "box", "--description", "d")
    shown = run("object", "show", namespace, "box")
    assert (shown["required"], shown["description"], list(shown["properties"])) == (["a"], "d", ["a"])
    run("tag", "create", namespace, "u", "v")
    run("tag", "set", namespace, "u", "--name", "w")
    run("tag", "delete", namespace, "t", "v", "--yes")
    assert run("tag", "list", namespace) == [{"name": "w"}]
    run("resource-type", "create", namespace, "OS::Nova::Flavor", "--prefix", "x:")
    run("resource-type", "delete", namespace, "OS::Glance::Image")
    assert [row["name"] for row in run("resource-type", "list", namespace)] == ["OS::Nova::Flavor"]
    assert "OS::Glance::Image" in [row["name"] for row in run("resource-type", "list")]
    run("property", "delete", namespace, "count", "zz_disk_bus", "--yes")
    run("object", "delete", namespace, "box", "--yes")
    assert (run("property", "list", namespace), run("object", "list", namespace)) == ([], [])


def test_export_import_and_diff_agree(glancetui: Glancetui, namespace: str, tmp_path: Path) -> None:
    exported = tmp_path / "out.yaml"
    exported.write_text(glancetui.run("metadef", "export", namespace, "--yaml").out)
    assert glancetui.run("metadef", "diff", str(exported), "--exit-code", "-f", "json").json == []
    exported.write_text(exported.read_text().replace("scsi", "sata").replace("name: t", "name: other"))
    found = glancetui.run("metadef", "diff", str(exported), "--exit-code", "-f", "json")
    assert found.code == 1
    assert {(row["action"], row["kind"], row["name"]) for row in found.json} == {
        ("change", "property", "zz_disk_bus"), ("remove", "tag", "t"), ("add", "tag", "other"),
    }  # fmt: skip
    glancetui.run("metadef", "namespace", "set", namespace, "--protected")
    overwrite = ("metadef", "import", str(exported), "--overwrite")
    assert len(glancetui.run(*overwrite, "--dry-run", "-f", "json").json) == 4  # and it is not protected in the file
    assert glancetui.run(*overwrite).code == 0
    assert glancetui.run(*overwrite, "-f", "json").json == []
    folder = tmp_path / "all"
    assert glancetui.run("metadef", "export", namespace, "--to", str(folder)).code == 0
    assert glancetui.run("metadef", "diff", str(folder), "--exit-code").code == 0


def test_broken_file_is_refused_before_anything_is_sent(glancetui: Glancetui, file: Path, unique) -> None:
    (file.parent / "z.json").write_text('{"namespace": "Z", "objects": [{"nme": "x"}]}')
    ran = glancetui.run("metadef", "import", str(file), str(file.parent / "z.json"))
    assert (ran.code, "objects.0" in ran.err, "z.json" in ran.err) == (2, True, True)
    name = json.loads(file.read_text())["namespace"]
    assert glancetui.run("metadef", "namespace", "show", name).code == 3


def test_edit_checks_shows_the_difference_and_sends(glancetui: Glancetui, namespace: str) -> None:
    def edit(script: str, *words: str):
        environment = {"EDITOR": f"sed -i {script}", "VISUAL": ""}
        return glancetui.run("metadef", "namespace", "edit", namespace, *words, environment=environment)

    assert edit("s/scsi/sata/").code == 2  # nobody to ask
    shown = edit("s/scsi/sata/", "--dry-run", "-f", "json").json
    assert [row["changed"] for row in shown] == [["enum: ide,scsi → ide,sata"]]
    wrong = edit("s/string/strin/", "--yes")
    assert (wrong.code, "properties.zz_disk_bus.type" in wrong.err) == (2, True)
    assert edit("s/scsi/sata/", "--yes", "--json").code == 0
    now = glancetui.run("metadef", "property", "show", namespace, "zz_disk_bus", "-f", "json").json
    assert now["enum"] == ["ide", "sata"]
    assert "Nothing was changed" in edit("s/nothing/x/").err


def test_edit_on_a_terminal_asks_before_it_sends(glancetui: Glancetui, namespace: str) -> None:
    environment = {"EDITOR": "sed -i s/scsi/usb/", "VISUAL": ""}
    code, said = glancetui.on_terminal("metadef", "namespace", "edit", namespace, say=b"y\n", environment=environment)
    assert (code, b"Send 1 change?" in said) == (0, True)


def test_check_names_the_mistyped_key_the_broken_value_and_the_missing_one(
    glancetui: Glancetui, namespace: str
) -> None:
    wrong = {"zz_disk_buss": "ide", "zz_disk_bus": "idee", "hw_cpu_thread_policy": "prefer"}
    image = glancetui.new(*(word for key, value in wrong.items() for word in ("--property", f"{key}={value}")))
    ran = glancetui.run("metadef", "check", image["id"], "--namespace", namespace, "-f", "json")
    assert ran.code == 1
    assert {(row["kind"], row["key"], row["constraint"]) for row in ran.json} == {
        ("unknown", "zz_disk_buss", "zz_disk_bus"), ("broken", "zz_disk_bus", "enum"),
        ("needs", "hw_cpu_thread_policy", "hw_cpu_policy"),
    }  # fmt: skip
    assert "zz_disk_buss: did you mean zz_disk_bus?" in {row["sentence"] for row in ran.json}
    good = glancetui.new("--property", "zz_disk_bus=scsi")
    assert glancetui.run("metadef", "check", good["id"], "--namespace", namespace, "-f", "json").json == []
    everything = glancetui.run("metadef", "check", "--all", "--namespace", namespace, "-f", "json")
    assert image["id"] in {row["image_id"] for row in everything.json}
    assert glancetui.run("metadef", "check").code == 2


def test_groups_explain_themselves(glancetui: Glancetui) -> None:
    assert glancetui.run("metadef", at=None).code == 2
    assert "resource-type" in glancetui.run("metadef", "--help", at=None).out
    assert "create" in glancetui.run("metadef", "tag", "--help", at=None).out
    unknown = glancetui.run("metadef", "namespace", "lst", at=None)
    assert (unknown.code, "did you mean" in unknown.err) == (2, True)
