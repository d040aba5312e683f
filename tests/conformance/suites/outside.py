"""Suites that talk to a service as a client would: tempest with Glance's plugin, openstacksdk, glanceclient."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.backends.keystone import SECRET, Keystone
from tests.conformance.suites.outcome import Outcome, read_stestr, tried_twice
from tests.conformance.suites.stage import FULL, PLAIN, Form, Stage

SECONDS = 1800
PUBLIC_IMAGE = "for-all"
TEMPEST_TESTS = r"tempest\.api\.image|glance_tempest_plugin"

TEMPEST = """\
[DEFAULT]
log_file = {folder}/tempest.log
[oslo_concurrency]
lock_path = {folder}/lock
[auth]
use_dynamic_credentials = true
admin_username = admin
admin_password = {secret}
admin_project_name = admin
admin_domain_name = Default
[identity]
uri_v3 = {keystone}
auth_version = v3
v2_admin_endpoint_type = public
region = RegionOne
[identity-feature-enabled]
api_v2 = false
[service_available]
nova = false
neutron = false
cinder = false
swift = false
horizon = false
glance = true
[enforce_scope]
glance = true
[image]
region = RegionOne
image_caching_enabled = true
http_image = {downloads}/disk.raw
http_qcow2_image = {downloads}/disk.qcow2
build_timeout = 60
{image}
[image-feature-enabled]
import_image = true
os_glance_reserved = true
image_conversion = false
http_store_enabled = true
{features}
"""

#: What tempest cannot ask the service, but must be told of it.
TOLD = {
    PLAIN: {
        "image": "",
        "features": "image_format_enforcement = true\ndo_secure_hash = true\nmanage_locations = false\n",
    },
    FULL: {
        "image": f"alternate_image_endpoint = {FULL.other}\n",
        "features": (
            "image_format_enforcement = false\ndo_secure_hash = false\nmanage_locations = true\n"
            "store_weight_enabled = true\n"
        ),
    },
}


@dataclass(frozen=True)
class Suite:
    """`tests`: the folder of its tests below site-packages; `chosen`: a regular expression; `prepare` is given
    the stage, a folder and the environment of the suites, writes what the suite reads and returns what names it.
    `form`: of the stage."""

    tests: str
    chosen: str
    prepare: Callable[[Stage, Path, Path], Mapping[str, str]]
    form: Form = PLAIN


def run(suite: Suite, stage: Stage, venv: Path, folder: Path, match: str = "") -> list[Outcome]:
    """All its tests, two at a time. What stestr printed stays below `folder`."""
    return tried_twice(lambda name, match: run_once(suite, stage, venv, folder / name, match), match or suite.chosen)


def run_once(suite: Suite, stage: Stage, venv: Path, folder: Path, match: str) -> list[Outcome]:
    folder.mkdir(parents=True)
    site = next((venv / "lib").glob("python3*/site-packages"))
    stestr = [str(venv / "bin/stestr"), "--test-path", str(site / suite.tests), "--top-dir", str(site)]
    stestr += ["--group_regex", r"([^\.]*\.)*"]
    environment = (
        os.environ | dict(suite.prepare(stage, folder, venv)) | {"PATH": f"{venv / 'bin'}:{os.environ['PATH']}"}
    )
    subprocess.run([*stestr, "init"], cwd=folder, env=environment, check=False, capture_output=True)
    command = [*stestr, "run", "--concurrency", "2", match]
    printed = folder / "run.txt"
    with printed.open("wb") as output:
        subprocess.run(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False, timeout=SECONDS
        )
    outcomes = read_stestr(printed.read_text(errors="replace"))
    if not outcomes:
        raise RuntimeError(f"{suite.tests} ran no test. The end of {printed}:\n{printed.read_text()[-2000:]}")
    return outcomes


def prepare_tempest(stage: Stage, folder: Path, _: Path) -> Mapping[str, str]:
    etc = folder / "etc"
    etc.mkdir()
    text = TEMPEST.format(
        folder=folder,
        secret=SECRET,
        keystone=stage.keystone.url,
        downloads=stage.downloads,
        **TOLD[stage.form],
    )
    (etc / "tempest.conf").write_text(text)
    return {"TEMPEST_CONFIG_DIR": str(etc), "TEMPEST_CONFIG": "tempest.conf"}


def prepare_clouds(stage: Stage, folder: Path, venv: Path) -> Mapping[str, str]:
    """The clouds that devstack would leave behind, by the names that the suites ask for."""
    clouds = {
        "devstack": cloud(stage.keystone, "alice"),
        "devstack-alt": cloud(stage.keystone, "bob"),
        "devstack-admin": cloud(stage.keystone, "admin"),
        "devstack-system-admin": cloud(stage.keystone, "admin", system=True),
    }
    publish_an_image(stage, folder, venv)
    (folder / "CONTRIBUTING.rst").write_text("Data for images: openstacksdk's tests upload the file of this name.\n")
    (folder / "clouds.yaml").write_text("clouds:\n" + "".join(f"  {name}:\n{text}" for name, text in clouds.items()))
    return {
        "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
        "OPENSTACKSDK_IMAGE": PUBLIC_IMAGE,
        "OS_TEST_TIMEOUT": "120",  # seconds; without it a test that waits for a slow Keystone fails
        "OS_GLANCECLIENT_EXEC_DIR": str(venv / "bin"),
    }


def publish_an_image(stage: Stage, folder: Path, venv: Path) -> None:
    """openstacksdk's tests want a public image to be there."""
    disk = folder / "for-all.raw"
    disk.write_bytes(bytes(1 << 20))
    command = [
        str(venv / "bin/openstack"),
        "image",
        "create",
        PUBLIC_IMAGE,
        "--public",
        "--file",
        str(disk),
    ]
    command += ["--disk-format", "raw", "--container-format", "bare"]
    done = subprocess.run(
        command, env=os.environ | stage.keystone.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the image that the suites want was not taken: {done.stderr[-500:]}")


def cloud(keystone: Keystone, user: str, *, system: bool = False) -> str:
    auth = {"auth_url": keystone.url, "username": user, "password": SECRET}
    auth |= {"user_domain_id": "default"}
    auth |= (
        {"system_scope": "all"}
        if system
        else {"project_name": keystone.project_name(user), "project_domain_id": "default"}
    )
    lines = ["region_name: RegionOne", "identity_api_version: 3", "auth:"]
    lines += [f"  {name}: {value}" for name, value in auth.items()]
    return "".join(f"    {line}\n" for line in lines)


SUITES = {
    "tempest": Suite("tempest/test_discover", TEMPEST_TESTS, prepare_tempest),
    "openstacksdk": Suite("openstack/tests/functional/image", ".", prepare_clouds),
    "openstacksdk-cloud": Suite("openstack/tests/functional/cloud", r"cloud\.test_image", prepare_clouds),
    "glanceclient": Suite("glanceclient/tests/functional/v2", ".", prepare_clouds),
    "tempest-full": Suite("tempest/test_discover", TEMPEST_TESTS, prepare_tempest, FULL),
}
