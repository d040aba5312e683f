from pathlib import Path

import pytest

from glancetui.client.clouds import Choice, chosen_cloud, clouds
from glancetui.errors import ConfigError, NotFound

CLOUDS = """
clouds:
  lab:
    region_name: one
    interface: internal
    verify: false
    auth:
      auth_url: http://keystone:5000
      username: ana
      project_name: demo
  other:
    auth-type: v3applicationcredential
    profile: vendor
    auth:
      application_credential_id: i
  local:
    auth_type: none
    auth: {endpoint: "http://127.0.0.1:9292"}
"""
SECURE = "clouds: {lab: {auth: {password: s3cret}}, other: {auth: {application_credential_secret: x}}}\n"
PUBLIC = "public-clouds: {vendor: {region_name: far, auth: {auth_url: 'https://vendor/v3'}}}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    folder = tmp_path / ".config" / "openstack"
    folder.mkdir(parents=True)
    (folder / "clouds.yaml").write_text(CLOUDS)
    (folder / "secure.yaml").write_text(SECURE)
    (folder / "clouds-public.yaml").write_text(PUBLIC)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return {"HOME": str(tmp_path)}


def test_secrets_and_profiles_complete_an_entry(home: dict[str, str]) -> None:
    found = clouds(home)
    lab, other = found["lab"], found["other"]
    assert (lab.auth["password"], lab.region, lab.interface, lab.verify) == ("s3cret", "one", "internal", False)
    assert (other.auth["auth_url"], other.region, other.auth_type) == (
        "https://vendor/v3",
        "far",
        "v3applicationcredential",
    )
    assert other.auth["application_credential_secret"] == "x"
    assert "s3cret" not in repr(lab)


def test_a_name_wins_over_the_environment(home: dict[str, str]) -> None:
    variables = home | {"OS_CLOUD": "other", "OS_AUTH_URL": "http://elsewhere"}
    assert chosen_cloud(Choice(cloud="lab"), variables).name == "lab"
    assert chosen_cloud(Choice(), variables).name == "other"
    with pytest.raises(NotFound, match="lab, local, other"):
        chosen_cloud(Choice(cloud="nope"), variables)


def test_variables_make_a_cloud(home: dict[str, str]) -> None:
    given = {
        "OS_AUTH_URL": "http://k",
        "OS_USERNAME": "u",
        "OS_PASSWORD": "p",
        "OS_TENANT_NAME": "t",
        "OS_REGION_NAME": "r",
    }
    cloud = chosen_cloud(Choice(), home | given)
    assert (cloud.name, cloud.auth_type, cloud.region) == ("envvars", "password", "r")
    assert cloud.auth["project_name"] == "t"
    basic = chosen_cloud(Choice(), home | {"OS_AUTH_TYPE": "http_basic", "OS_ENDPOINT": "http://e", "OS_USERNAME": "u"})
    assert (basic.auth_type, basic.auth["endpoint"]) == ("http_basic", "http://e")


def test_flags_override_the_entry(home: dict[str, str]) -> None:
    choice = Choice(cloud="lab", endpoint="http://e", region="two", interface="admin", cacert="/ca", insecure=True)
    cloud = chosen_cloud(choice, home)
    assert (cloud.endpoint, cloud.region, cloud.interface, cloud.cacert) == ("http://e", "two", "admin", "/ca")


def test_an_endpoint_alone_needs_no_credentials(tmp_path: Path) -> None:
    cloud = chosen_cloud(Choice(endpoint="http://127.0.0.1:1"), {"HOME": str(tmp_path)})
    assert (cloud.auth_type, cloud.endpoint) == ("none", "http://127.0.0.1:1")


def test_a_token_that_was_handed_over_needs_nothing_else(tmp_path: Path) -> None:
    cloud = chosen_cloud(Choice(endpoint="http://127.0.0.1:1", token="t"), {"HOME": str(tmp_path), "OS_CLOUD": "gone"})
    assert (cloud.auth_type, cloud.auth["token"]) == ("token_given", "t")


def test_the_only_cloud_is_the_default_and_nothing_is_none(home: dict[str, str], tmp_path: Path) -> None:
    assert chosen_cloud(Choice(), home) is None  # three entries: no guess
    (tmp_path / "work" / "clouds.yaml").write_text("clouds: {one: {auth: {auth_url: http://k}}}")
    assert chosen_cloud(Choice(), home).name == "one"  # the file in the current folder comes first


@pytest.mark.parametrize(
    ("text", "line"),
    [("clouds: [", 1), ("- a\n", None), ("clouds: {a: 3}\n", None), ("clouds: {a: {b\n", 2), ("\x00", None)],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, line: int | None) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        clouds({"OS_CLIENT_CONFIG_FILE": str(path)})
    assert caught.value.file == str(path)
    assert line is None or caught.value.line is not None


def test_a_file_that_was_named_and_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        clouds({"OS_CLIENT_CONFIG_FILE": str(tmp_path / "none.yaml")})
