"""The file of property protections: what is read of it, and where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from glancetui.config.load import examine
from glancetui.config.protections import read_protections
from glancetui.errors import ConfigError

GOOD = """\
# a comment
[^billing_[a-z]+$]
create = admin , Billing
read = @
update = admin
delete = !
[.*]
create = @
read = @
update = @
delete =
"""


def test_rules_come_in_their_order_with_roles_in_lower_case(tmp_path: Path) -> None:
    (tmp_path / "p.conf").write_text(GOOD)
    first, last = read_protections(tmp_path / "p.conf", "roles")
    assert (first.pattern, first.line) == ("^billing_[a-z]+$", 2)
    assert first.allowed == {"create": ("admin", "billing"), "read": ("@",), "update": ("admin",), "delete": ("!",)}
    assert (last.pattern, last.line, last.allowed["delete"]) == (".*", 7, ())


RULES = "create = @\nread = @\nupdate = @\n"
BAD = [
    ("roles", "[a]\nx\n", 2, "neither a section nor an option"),
    ("roles", "create = @\n", 1, "a section in brackets must come first"),
    ("roles", f"[a]\n{RULES}delete = @\n[a]\n", 6, "section [a] is there twice"),
    ("roles", "[a]\ncreate = @\ncreate = !\n", 3, "[a] has create twice"),
    ("roles", f"\n[(]\n{RULES}delete = @\n", 2, "is no regular expression"),
    ("roles", f"[a]\n{RULES}", 1, "does not say who may delete"),
    ("roles", f"[a]\n{RULES}delete = @, !\n", 1, "everybody (@) and nobody (!)"),
    ("policies", f"[a]\n{RULES}delete = one, two\n", 1, "names several policies for delete"),
]


@pytest.mark.parametrize(("rule_format", "text", "line", "reason"), BAD)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, rule_format: str, text: str, line: int, reason: str
) -> None:
    file = tmp_path / "p.conf"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_protections(file, rule_format)
    assert (raised.value.file, raised.value.line) == (str(file), line)
    assert reason in str(raised.value)


def test_a_file_that_is_not_there_or_broken_is_a_problem_of_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "glance.conf"
    config.write_text("[DEFAULT]\nproperty_protection_file = p.conf\n")
    [missing] = examine([config], env={}).problems
    assert (missing.file, missing.line) == (str(config), 2)
    (tmp_path / "p.conf").write_text("[a]\n")
    [broken] = examine([config], env={}).problems
    assert (broken.file, broken.line) == (str(tmp_path / "p.conf"), 1)
    (tmp_path / "p.conf").write_text(GOOD)
    examined = examine([config], env={})
    assert examined.loaded is not None
    protections = examined.loaded.settings.protections
    assert protections is not None
    assert (protections.file, protections.rule_format) == (tmp_path / "p.conf", "roles")
