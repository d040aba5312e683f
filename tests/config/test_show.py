from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from glancetui.config.masking import mask_urls
from glancetui.config.options import SECTIONS, all_options
from glancetui.config.show import reference, shown

from .conftest import Load

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
SECRETS = """
[database]
connection = mysql+pymysql://glance:hunter2@db/glance?ssl_key=x&password=hunter2
[keystone_authtoken]
auth_url = http://user:hunter2@keystone/v3
password = hunter2
memcache_secret_key = hunter2
memcache_password = hunter2
application_credential_secret = hunter2
[service_user]
password = hunter2
[DEFAULT]
transport_url = rabbit://u:hunter2@a:5672,u:hunter2@b:5672/
metadata_encryption_key = hunter2
enabled_backends = a:s3, b:swift, c:vmware, d:cinder, e:sftp
[glance_store]
default_backend = a
s3_store_secret_key = hunter2
[a]
s3_store_secret_key = hunter2
s3_store_access_key = hunter2
[b]
swift_store_key = hunter2
swift_store_application_credential_secret = hunter2
[c]
vmware_server_password = hunter2
[d]
cinder_store_password = hunter2
[e]
sftp_password = hunter2
[oslo_limit]
password = hunter2
"""


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glancetui", "config", *arguments]
    env = {"PATH": "/usr/bin", "GLANCETUI_DATA_DIR": str(cwd / "data"), "PYTHONPATH": str(DOCUMENT.parents[1])}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_documentation_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == reference(), "run `make docs`"


def test_every_option_is_explained_once() -> None:
    for section in SECTIONS:
        names = [option.name for option in section.options]
        assert len(names) == len(set(names)), section.name
    for section, option in all_options():
        assert option.help.endswith("."), (section.name, option.name)
        assert option.no_effect is None or not option.no_effect.endswith("."), (section.name, option.name)


def test_every_default_is_a_value_of_its_kind() -> None:
    for section, option in all_options():
        if option.default is not None and option.kind.name != "MULTI":
            assert option.parse(option.default) is not None, (section.name, option.name)


def test_no_secret_is_ever_shown(read: Load) -> None:
    examined = read(SECRETS)
    assert examined.loaded is not None, [str(problem) for problem in examined.problems]
    rows = shown(examined.loaded.options)
    assert not [row for row in rows if "hunter2" in row.value]
    values = {(row.section, row.option): row.value for row in rows}
    assert values["database", "connection"] == "mysql+pymysql://glance:***@db/glance?ssl_key=x&password=***"
    assert "hunter2" not in "".join([*examined.warnings, *examined.notes])


@given(st.text("pw@:/?#[]é", min_size=1, max_size=20))
def test_no_password_of_a_url_survives_masking(secret: str) -> None:
    assert f"<{secret}>" not in mask_urls(f"mysql://user:<{secret}>@host/db")


def test_command_shows_values_and_their_sources(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("[DEFAULT]\n\ndebug = True\n")
    arguments = ("show", "--config-file", "a.conf")
    rows = json.loads(run(*arguments, "-f", "json", cwd=tmp_path).stdout)
    assert rows == [
        {"section": "DEFAULT", "option": "debug", "value": "true", "source": "a.conf:3", "effect": "honoured"}
    ]
    assert yaml.safe_load(run(*arguments, "-f", "yaml", cwd=tmp_path).stdout) == rows
    assert list(csv.DictReader(io.StringIO(run(*arguments, "-f", "csv", cwd=tmp_path).stdout))) == rows
    assert run(*arguments, "-f", "value", cwd=tmp_path).stdout == "DEFAULT debug true\n"
    assert "a.conf:3" in run(*arguments, cwd=tmp_path).stdout
    assert run("show", "glancetui.workers", "-f", "value", cwd=tmp_path).stdout == "glancetui workers 1\n"


def test_table_is_never_cut_and_unknown_names_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text(f"[glance_store]\nfilesystem_store_datadir = {tmp_path}/{'x' * 200}\n")
    table = run("show", "--config-file", "a.conf", cwd=tmp_path).stdout
    assert f"filesystem_store_datadir  {tmp_path}/{'x' * 200}  a.conf:2" in table
    unknown = run("show", "nope", cwd=tmp_path)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no section and no option 'nope'" in unknown.stderr


def test_command_validates(tmp_path: Path) -> None:
    (tmp_path / "good.conf").write_text("[DEFAULT]\ndebug = True\n")
    (tmp_path / "bad.conf").write_text("[DEFAULT]\ndebug = perhaps\nverbos = 1\n")
    good, bad = (run("validate", "--config-file", name, cwd=tmp_path) for name in ("good.conf", "bad.conf"))
    assert (good.returncode, good.stdout) == (0, "")
    assert bad.returncode == 1
    assert "error: bad.conf:2: [DEFAULT] debug = 'perhaps' must be true or false." in bad.stderr
    assert "warning: bad.conf:3: unknown option verbos in [DEFAULT]" in bad.stderr


def test_command_without_a_usable_file_says_so_and_fails(tmp_path: Path) -> None:
    result = run("show", "--config-file", "absent.conf", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (
        1,
        "error: absent.conf: is no file; give a configuration file that exists.\n",
    )
