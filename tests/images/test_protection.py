"""Property protections, held against callers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from glancetui.config.protections import ACTIONS
from glancetui.config.settings import PolicySettings, ProtectionSettings
from glancetui.errors import ConfigError, Forbidden
from glancetui.images.policy import Policy
from glancetui.images.protection import Protections
from glancetui.images.rules import Images
from glancetui.model import Caller
from tests.images.data_path import house

MEMBER = Caller(project="p", roles=frozenset({"member"}))
ADMIN = Caller(project="p", roles=frozenset({"admin"}), is_admin=True)
BILLING = Caller(project="p", roles=frozenset({"member"}), service_roles=frozenset({"billing"}))


def section(name: str, create: str, read: str, update: str, delete: str) -> str:
    return f"[{name}]\ncreate = {create}\nread = {read}\nupdate = {update}\ndelete = {delete}\n"


def protections(
    folder: Path, text: str, rule_format: Literal["roles", "policies"] = "roles", policy: str = "{}"
) -> Protections:
    (folder / "p.conf").write_text(text)
    (folder / "policy.yaml").write_text(policy)
    settings = ProtectionSettings(file=folder / "p.conf", rule_format=rule_format)
    return Protections(settings, Policy.load(PolicySettings(config_dirs=(str(folder),))))


def allowed(rules: Protections, name: str, caller: Caller) -> list[str]:
    return [action for action in ACTIONS if rules.allows(action, name, caller)]


def test_the_first_pattern_found_anywhere_in_the_name_decides(tmp_path: Path) -> None:
    rules = protections(tmp_path, section("^x_", "@", "@", "!", "!") + section("owner", "@", "@", "@", "@"))
    assert allowed(rules, "x_owner", MEMBER) == ["create", "read"]
    assert allowed(rules, "the_owner_is", MEMBER) == list(ACTIONS)
    assert allowed(rules, "X_", ADMIN) == [], "case counts, and what no pattern names is forbidden"
    assert allowed(rules, "os_glance_anything", MEMBER) == list(ACTIONS), "the service's own"


def test_roles_are_the_callers_own_or_its_services(tmp_path: Path) -> None:
    rules = protections(tmp_path, section(".*", "Admin,BILLING", "@", "admin", ""))
    assert allowed(rules, "a", MEMBER) == ["read"]
    assert allowed(rules, "a", ADMIN) == ["create", "read", "update"]
    assert allowed(rules, "a", BILLING) == ["create", "read"]


def test_policies_are_asked_by_their_names(tmp_path: Path) -> None:
    policy = "billing: 'role:admin'\nhelper: 'rule:billing or role:member'\n"
    rules = protections(tmp_path, section("a", "billing", "helper", "@", "!"), "policies", policy)
    assert allowed(rules, "a", MEMBER) == ["read", "update"]
    assert allowed(rules, "a", ADMIN) == ["create", "read", "update"]


def test_a_policy_that_is_not_there_stops_the_start_with_file_and_line(tmp_path: Path) -> None:
    text = section("b", "@", "@", "@", "@") + section("a", "mispelt", "@", "@", "@")
    with pytest.raises(ConfigError, match="no rule mispelt") as raised:
        protections(tmp_path, text, "policies")
    assert (raised.value.file, raised.value.line) == (str(tmp_path / "p.conf"), 6)


def test_what_may_be_created_is_not_thereby_overwritten_unread(tmp_path: Path) -> None:
    rules = protections(tmp_path, section("drop", "@", "admin", "admin", "!"))
    rules.enforce_setting("drop", {}, MEMBER)
    with pytest.raises(Forbidden, match="drop is protected"):
        rules.enforce_setting("drop", {"drop": "x"}, MEMBER)
    rules.enforce_setting("drop", {"drop": "x"}, ADMIN)


def test_a_broken_file_leaves_the_rules_as_they_were(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rules = protections(tmp_path, section("a", "@", "@", "@", "@"))
    (tmp_path / "p.conf").write_text("[a]\n")
    rules.reload()
    assert "p.conf:1" in caplog.text
    assert allowed(rules, "a", MEMBER) == list(ACTIONS)
    (tmp_path / "p.conf").write_text(section("a", "!", "@", "!", "!"))
    rules.reload()
    assert allowed(rules, "a", MEMBER) == ["read"]


def test_an_import_sets_what_the_operator_gives_and_copies_only_what_the_caller_may_set(tmp_path: Path) -> None:
    (tmp_path / "p.conf").write_text(section("^secret", "admin", "@", "admin", "!") + section(".*", "@", "@", "@", "@"))
    with house(tmp_path) as home:
        settings = msgspec.structs.replace(home.settings, protections=ProtectionSettings(file=tmp_path / "p.conf"))
        images = Images(home.registry, Policy.load(settings.policy), home.catalogue, settings)
        image = home.new()
        images.check_imported(MEMBER, image, {"secret": "x", "free": "y"}, ["free"])
        with pytest.raises(Forbidden, match="secret is protected"):
            images.check_imported(MEMBER, image, {"secret": "x"}, ["secret"])
        images.check_imported(ADMIN, image, {"secret": "x"}, ["secret"])
