from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.config import load
from glancetui.config.load import Loaded, examine
from glancetui.errors import ConfigError

from .conftest import Load

FILES = Path(__file__).parent / "files"
BAD = sorted((FILES / "bad").glob("*.conf"))


def loaded(examined: object) -> Loaded:
    assert examined.loaded is not None, [str(problem) for problem in examined.problems]  # type: ignore[attr-defined]
    return examined.loaded  # type: ignore[attr-defined,no-any-return]


def test_no_file_is_needed(tmp_path: Path) -> None:
    settings = load(env={"GLANCETUI_DATA_DIR": str(tmp_path)}).settings
    assert settings.data_dir == tmp_path
    assert settings.database.connection == f"sqlite:///{tmp_path}/glance.sqlite"
    assert settings.database.upgrade
    assert settings.database.adopt
    assert (settings.default_store, settings.multi_store) == ("file", False)
    assert [store.kind for store in settings.stores] == ["file", "http"]
    assert settings.stores[0].options["filesystem_store_datadir"] == str(tmp_path / "images")
    assert settings.staging_dir == tmp_path / "staging"
    assert (settings.server.auth, settings.server.listen) == ("none", ("127.0.0.1:9292",))


def test_loading_creates_nothing(tmp_path: Path) -> None:
    load(env={"GLANCETUI_DATA_DIR": str(tmp_path / "data")})
    assert list(tmp_path.iterdir()) == []


def test_whole_file_of_the_real_glance_is_understood(tmp_path: Path) -> None:
    text = (FILES / "glance-api.conf").read_text().replace("@DATA@", str(tmp_path))
    text = text.replace("[keystone_authtoken]", "[keystone_authtoken]\nauth_url = http://keystone/v3")
    (tmp_path / "glance-api.conf").write_text(text)
    examined = examine([tmp_path / "glance-api.conf"], (), {"data_dir": str(tmp_path)}, {})
    settings = loaded(examined).settings
    assert examined.warnings == ()
    assert settings.images.disk_formats == (
        "ami",
        "ari",
        "aki",
        "vhd",
        "vhdx",
        "vmdk",
        "raw",
        "qcow2",
        "vdi",
        "iso",
        "ploop",
    )
    assert settings.images.size_cap == 1 << 40
    assert settings.images.gpt_safety_checks_nonfatal == ()
    assert all("has no effect here, because" in note for note in examined.notes)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Long values are cut in messages; these files expect theirs whole."""
    with tempfile.TemporaryDirectory(prefix="bad") as folder:
        yield Path(folder)


@pytest.mark.parametrize("file", BAD, ids=[file.stem for file in BAD])
def test_bad_file_is_refused_with_its_line(file: Path, short_path: Path) -> None:
    text = file.read_text().replace("@DATA@", str(short_path))
    (short_path / "file").touch()
    (short_path / "bad.conf").write_text(text)
    expected = text.splitlines()[0].removeprefix("# ")
    with pytest.raises(ConfigError) as caught:
        load([short_path / "bad.conf"], env={"GLANCETUI_DATA_DIR": str(short_path / "data")})
    assert str(caught.value).startswith(f"{short_path}/bad.conf:{expected}")
    assert "hunter2" not in str(caught.value)
    assert caught.value.line == int(expected.partition(":")[0])


def test_unreadable_files_and_folders_are_named(tmp_path: Path) -> None:
    for wrong in (tmp_path / "absent.conf", tmp_path, Path("/dev/null")):
        with pytest.raises(ConfigError, match=r"is no file"):
            load([wrong], env={})
    with pytest.raises(ConfigError, match="folder cannot be read: No such file"):
        load((), [tmp_path / "absent"], env={})


def test_binary_file_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_bytes(b"[DEFAULT]\n\n\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"a.conf:3: is not UTF-8 text"):
        load([tmp_path / "a.conf"], env={})


def test_disk_image_given_by_mistake_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "a.conf").open("wb") as image:
        image.truncate(1 << 40)
    with pytest.raises(ConfigError, match="larger than 8 MiB"):
        load([tmp_path / "a.conf"], env={})


def test_later_file_wins_and_folders_come_after_files(read: Load, tmp_path: Path) -> None:
    assert (
        loaded(
            read("[DEFAULT]\nlimit_param_default = 5\n", "[DEFAULT]\nlimit_param_default = 7\n")
        ).settings.images.limit_param_default
        == 7
    )
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "20.conf").write_text("[DEFAULT]\nlimit_param_default = 20\n")
    (tmp_path / "conf.d" / "10.conf").write_text("[DEFAULT]\nlimit_param_default = 10\n")
    (tmp_path / "conf.d" / "30.txt").write_text("[DEFAULT]\nlimit_param_default = 30\n")
    settings = load([tmp_path / "a.conf"], [tmp_path / "conf.d"], env={"GLANCETUI_DATA_DIR": str(tmp_path)}).settings
    assert settings.images.limit_param_default == 20


def test_environment_goes_before_files_and_command_line_before_both(read: Load) -> None:
    text = "[glancetui]\nworkers = 2\n[DEFAULT]\ndebug = false\n"
    env = {"OS_GLANCETUI__WORKERS": "3", "OS_DEFAULT__DEBUG": "TRUE"}
    first = loaded(read(text, env=env))
    assert (first.settings.server.workers, first.settings.debug) == (3, True)
    second = loaded(read(text, env=env, overrides={"workers": 4, "auth": None, "DEFAULT.debug": False}))
    assert (second.settings.server.workers, second.settings.debug) == (4, False)
    sources = {f"{each.section}.{each.option.name}": str(each.source) for each in second.options}
    assert [sources[name] for name in ("glancetui.workers", "DEFAULT.debug")] == ["command line"] * 2
    assert sources["glancetui.auth"] == "default"


def test_bad_environment_and_command_line_are_named(read: Load) -> None:
    problems = read(env={"OS_GLANCETUI__WORKERS": "many"}, overrides={"max_filters": 0}).problems
    assert [str(problem) for problem in problems] == [
        "[glancetui] workers = 'many' (from OS_GLANCETUI__WORKERS) must be a whole number.",
        "[glancetui] max_filters = '0' (from command line) must be at least 1.",
    ]


def test_all_problems_are_found_at_once(read: Load) -> None:
    text = "[DEFAULT]\ndebug = maybe\nscrub_time = soon\n[database]\nmax_pool_size = x\n"
    assert [problem.line for problem in read(text).problems] == [5, 2, 3]


def test_first_problem_says_that_there_are_more(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("[DEFAULT]\ndebug = maybe\nscrub_time = soon\n")
    with pytest.raises(ConfigError, match=r"1 more: `glancetui config validate`"):
        load([tmp_path / "a.conf"], env={"GLANCETUI_DATA_DIR": str(tmp_path)})


def test_values_refer_to_other_options(read: Load, tmp_path: Path) -> None:
    text = "[DEFAULT]\nlog_dir = {0}/log\n[glance_store]\nfilesystem_store_datadir = $log_dir/$$x\n"
    settings = loaded(read(text.format(tmp_path))).settings
    assert settings.stores[0].options["filesystem_store_datadir"] == f"{tmp_path}/log/$x"
    assert settings.log_file == tmp_path / "log" / "glancetui.log"


def test_unknown_names_are_warnings_with_the_nearest_known_name(read: Load, tmp_path: Path) -> None:
    examined = read(
        "[DEFAULT]\ndebgu = true\nconnection = sqlite://\n[databse]\nx = 1\n[zzz]\ny = 2\n",
        env={"OS_GLANCETUI__WORKRES": "2", "OS_OTHER__THING": "1", "OS_AUTH_URL": "http://k"},
    )
    assert loaded(examined)
    assert list(examined.warnings[:5]) == [
        f"{tmp_path}/a.conf:4: unknown section [databse]: did you mean database.",
        f"{tmp_path}/a.conf:6: unknown section [zzz].",
        f"{tmp_path}/a.conf:2: unknown option debgu in [DEFAULT]: did you mean debug.",
        f"{tmp_path}/a.conf:3: unknown option connection in [DEFAULT]; it belongs in [database].",
        "OS_GLANCETUI__WORKRES: unknown option in [glancetui]: did you mean WORKERS.",
    ]


def test_former_names_count_and_are_reported(read: Load, tmp_path: Path) -> None:
    examined = read("[DEFAULT]\ncontainer_formats = bare,ova\n")
    assert loaded(examined).settings.images.container_formats == ("bare", "ova")
    former = (
        f"{tmp_path}/a.conf:2: [DEFAULT] container_formats is a former name; write [image_format] container_formats."
    )
    assert former in examined.warnings


def test_option_without_effect_is_noted_with_its_reason(read: Load, tmp_path: Path) -> None:
    assert read("[DEFAULT]\ndaemon = true\n").notes == (
        (
            f"{tmp_path}/a.conf:2: [DEFAULT] daemon has no effect here, because there is no separate scrubber: the "
            "service itself removes data when its time has come."
        ),
    )


def test_options_of_a_single_store_beside_several_are_noted(read: Load, tmp_path: Path) -> None:
    several = f"[DEFAULT]\nenabled_backends = a:file\n[a]\nfilesystem_store_datadir = {tmp_path}/a\n"
    examined = read(f"{several}[glance_store]\nfilesystem_store_datadir = {tmp_path}/b\n")
    assert [note for note in examined.notes if "because enabled_backends is set" in note]
    assert loaded(examined).settings.stores[0].options["filesystem_store_datadir"] == f"{tmp_path}/a"


def test_sections_of_unused_libraries_are_no_warning(read: Load) -> None:
    text = "[oslo_messaging_rabbit]\nssl = true\n[profiler]\nenabled = true\n"
    store = "[glance_store]\nfilesystem_store_datadir = /tmp/x\n"
    assert read(text + store).warnings == ()


def test_several_stores(read: Load, tmp_path: Path) -> None:
    text = f"""
[DEFAULT]
enabled_backends = Fast:file, slow:filesystem, web:http
[glance_store]
default_backend = slow
[fast]
filesystem_store_datadir = {tmp_path}/f
weight = 3
store_description = quick
[slow]
filesystem_store_datadirs = {tmp_path}/a:200
filesystem_store_datadirs = {tmp_path}/b
filesystem_store_file_perm = 640
"""
    examined = read(text)
    settings = loaded(examined).settings
    assert [(store.id, store.kind) for store in settings.stores] == [
        ("Fast", "file"),
        ("slow", "file"),
        ("web", "http"),
    ]
    assert (settings.default_store, settings.multi_store) == ("slow", True)
    assert (settings.stores[0].weight, settings.stores[0].description) == (3, "quick")
    assert settings.stores[1].options["filesystem_store_datadirs"] == [f"{tmp_path}/a:200", f"{tmp_path}/b:0"]
    assert settings.stores[1].options["filesystem_store_file_perm"] == 0o640
    assert settings.stores[1].options["filesystem_store_datadir"] is None
    assert examined.warnings == ()


def test_flavor_chooses_who_callers_are_and_our_own_option_goes_before_it(read: Load) -> None:
    account = "[keystone_authtoken]\nauth_url = http://k/v3\ninsecure = True\npassword = s$$x\n"
    keystone = f"[paste_deploy]\nflavor = keystone+caching\n{account}"
    settings = loaded(read(keystone)).settings.server
    assert settings.auth == "keystone"
    assert settings.keystone == {"auth_url": "http://k/v3", "insecure": "true", "password": "s$x"}
    assert loaded(read(keystone + "[glancetui]\nauth = Headers\n")).settings.server.auth == "headers"
    assert loaded(read("[paste_deploy]\nflavor = caching\n")).settings.server.auth == "none"
    assert "must give Keystone's address" in str(read("[paste_deploy]\nflavor = keystone\n").problems[0])


def test_account_may_stand_in_a_section_of_its_own(read: Load) -> None:
    text = "[paste_deploy]\nflavor = keystone\n[keystone_authtoken]\nauth_section = svc\n"
    text += "[svc]\nauth_url = http://k\nusername = u\n"
    examined = read(text)
    assert loaded(examined).settings.server.keystone == {"auth_section": "svc", "auth_url": "http://k", "username": "u"}
    assert not [warning for warning in examined.warnings if "svc" in warning]


def test_without_identity_only_loopback_and_unix_sockets_are_served(read: Load) -> None:
    for address in ("127.0.0.1:1", "localhost:1", "[::1]:1", "unix:/run/x"):
        assert loaded(read(overrides={"listen": [address]})).settings.server.listen == (address,)
    for address in ("0.0.0.0:1", "[::]:1", "example.org:1", "10.0.0.1:1"):
        assert read(overrides={"listen": [address]}).problems
        assert loaded(read(overrides={"listen": [address], "auth": "headers"}))


def test_database_of_the_operator_is_neither_adopted_nor_upgraded_unasked(read: Load) -> None:
    theirs = "[database]\nconnection = mysql+pymysql://glance:secret@db/glance\n"
    database = loaded(read(theirs)).settings.database
    assert (database.adopt, database.upgrade) == (False, False)
    database = loaded(read(theirs + "[glancetui]\nadopt = yes\nupgrade = on\n")).settings.database
    assert (database.adopt, database.upgrade) == (True, True)


def test_quota_takes_units(read: Load) -> None:
    for text, size in (("5", 5), ("1KB", 1024), ("10GB", 10 << 30), ("2 tb", 2 << 40)):
        assert loaded(read(f"[DEFAULT]\nuser_storage_quota = {text}\n")).settings.images.storage_quota == size


def test_empty_list_is_not_unset(read: Load) -> None:
    assert loaded(read("[image_format]\nvmdk_allowed_types = []\n")).settings.images.vmdk_allowed_types == ()
    assert loaded(read("[image_format]\nvmdk_allowed_types =\n")).settings.images.vmdk_allowed_types == ()


def test_described_properties_beside_the_configuration(read: Load, tmp_path: Path) -> None:
    schema = tmp_path / "schema-image.json"
    schema.write_text('{"os_distro": {"type": "string"}}')
    images = loaded(read("[DEFAULT]\n")).settings.images
    assert (images.schema_properties, images.schema_required) == ({"os_distro": {"type": "string"}}, ())
    schema.write_text('{"properties": {"a": {"type": "string"}}, "required": ["a"]}')
    images = loaded(read("[DEFAULT]\n")).settings.images
    assert (images.schema_properties, images.schema_required) == ({"a": {"type": "string"}}, ("a",))
    schema.write_text("{}")
    assert loaded(read("[DEFAULT]\n")).settings.images.schema_properties == {}  # and not the shipped ones
    schema.write_text('{"properties": {"a": {"type": "string"}}, "required": [1]}')
    assert "`required` must be a list" in str(read("[DEFAULT]\n").problems[0])
    schema.write_text('{\n"a": \n}')
    assert str(read("[DEFAULT]\n").problems[0]).startswith(f"{schema}:3: is no JSON")
    schema.write_text("[" * 100_000)
    assert str(read("[DEFAULT]\n").problems[0]).startswith(f"{schema}")


@pytest.mark.parametrize(
    ("described", "why"),
    [
        ('"size": {"type": "string"}', "is one that every image has"),
        ('"self": {}', "is one that every image has"),
        ('"mine": 5', "must have a schema"),
        ('"mine": {"type": "text"}', "no valid JSON schema"),
        ('"mine": {"pattern": "("}', "no valid JSON schema"),
        ('"mine": {"$ref": "http://127.0.0.1:9/"}', "no valid JSON schema"),
    ],
)
@pytest.mark.parametrize("extended", [False, True])
def test_property_that_cannot_be_described_is_refused_with_file_and_line(
    read: Load, tmp_path: Path, described: str, why: str, extended: bool
) -> None:
    schema = tmp_path / "schema-image.json"
    properties = '{\n"fine": {"type": "string"},\n' + described + "}"
    schema.write_text(f'{{"properties": {properties}}}' if extended else properties)
    assert str(read("[DEFAULT]\n").problems[0]).startswith(f"{schema}:3: property ")
    assert why in str(read("[DEFAULT]\n").problems[0])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission_is_refused(read: Load, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    examined = read(f"[glance_store]\nfilesystem_store_datadir = {tmp_path}/closed/images\n")
    assert "cannot be made in" in str(examined.problems[0])


def test_loading_imports_no_service() -> None:
    code = "import sys, glancetui.config; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sqlalchemy", "starlette", "uvicorn", "typer", "textual", "yaml", "keystoneauth1"} & set(modules)
