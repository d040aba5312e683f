"""Our commands against an unmodified Glance: the same words, the same answers, the same exit codes as against ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.servers import CannotStart, glance
from tests.backends.glance import new_glance
from tests.backends.peer import PeerUnavailable, peer_venv
from tests.backends.processes import CannotStart as NotStarted
from tests.cli.conftest import Glancetui
from tests.conformance.test_stock_clients import sha512
from tests.tui.test_real_server import use_definitions

pytestmark = [pytest.mark.xdist_group("stock-glance"), pytest.mark.slow(seconds=20)]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        with glance(tmp_path_factory.mktemp("glance"), 1, peer_venv()) as server:
            yield server.url
    except (PeerUnavailable, CannotStart) as error:
        pytest.skip(f"a stock Glance cannot be started: {error}")


@pytest.fixture
def glancetui(endpoint: str, tmp_path: Path) -> Glancetui:
    home = tmp_path / "home"
    home.mkdir()
    return Glancetui(endpoint, home)


@pytest.mark.timeout(240)
def test_an_image_goes_there_is_changed_shared_fetched_and_deleted(
    glancetui: Glancetui, qcow2: Path, tmp_path: Path
) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        ran = glancetui.run("image", *arguments)
        assert ran.code == code, f"{arguments}: {ran.code}\n{ran.err}"
        return ran.out

    made = glancetui.new("--file", str(qcow2), "--property", "os_distro=debian", "--tag", "lts", name="näme 1")
    assert (made["status"], made["disk_format"], made["os_hash_value"]) == ("active", "qcow2", sha512(qcow2))
    image = made["id"]
    again = glancetui.run("image", "create", "näme 1", "--file", str(qcow2), "--if-absent", "-f", "value", "-c", "id")
    assert again.out.strip() == image
    run("set", "näme 1", "--name", "trixie", "--property", "os_version=13", "--tag", "new", "--min-ram", "64")
    run("unset", "trixie", "--property", "os_distro", "--property", "never", "--tag", "lts")
    shown = glancetui.run("image", "show", "trixie", "-f", "json").json
    assert (shown["os_version"], shown["tags"], shown["min_ram"]) == ("13", ["new"], 64)
    assert "os_distro" not in shown
    assert run("list", "--filter", "tag=new size>1M", "-f", "value", "-c", "name") == "trixie\n"
    assert run("list", "--count", "--filter", "tag=new", "-f", "value") == "1\ntrue\n"
    run("deactivate", "trixie")
    run("reactivate", "trixie")
    run("share", "trixie", "p1")
    run("share", "trixie", "p1")
    assert glancetui.run("member", "list", "trixie", "-f", "value", "-c", "status").out == "pending\n"
    run("unshare", "trixie", "p1")
    run("unshare", "trixie", "p1")
    run("save", "trixie", "--file", str(tmp_path / "back"))
    assert sha512(tmp_path / "back") == sha512(qcow2)
    run("save", "trixie", "--file", str(tmp_path / "part"), "--range", "10-19")
    assert (tmp_path / "part").read_bytes() == qcow2.read_bytes()[10:20]
    run("set", "trixie", "--protected")
    run("delete", "trixie", "--yes", code=4)
    run("set", "trixie", "--unprotected")
    run("delete", "trixie", "--yes")
    run("show", image, code=3)


@pytest.mark.timeout(240)
def test_pipes_pages_and_refusals(glancetui: Glancetui, qcow2: Path) -> None:
    data = os.urandom(200_000)
    made = glancetui.run("image", "create", "piped", "--file", "-", "-f", "json", stdin=data)
    assert (made.code, made.json["size"]) == (0, len(data))
    names = {glancetui.new(name=f"many-{number}")["name"] for number in range(7)}
    listed = glancetui.run(
        "image", "list", "--page-size", "2", "--sort", "size:desc,name:asc", "-f", "value", "-c", "name"
    )
    assert listed.out.split() == ["piped", *sorted(names)]
    mismatch = glancetui.run("image", "create", "bad", "--file", str(qcow2), "--disk-format", "iso")
    assert (mismatch.code, "left without data" in mismatch.err) == (1, True)
    assert glancetui.run("image", "upload", "piped", "--file", str(qcow2)).code == 5
    assert glancetui.run("image", "create", "x", "--id", made.json["id"]).code == 5
    assert glancetui.run("image", "show", "nope").code == 3
    assert glancetui.run("doctor").code == 0


@pytest.mark.timeout(240)
async def test_the_terminal_makes_uses_and_deletes_definitions_there(tmp_path: Path) -> None:
    try:
        stock = new_glance(tmp_path, peer_venv())
        (tmp_path / "etc" / "policy.yaml").write_text('"context_is_admin": ""\n"metadef_admin": ""\n')  # for everybody
        with stock.running():
            await use_definitions(stock.url, owner="racks")
    except (PeerUnavailable, NotStarted) as error:
        pytest.skip(f"a stock Glance cannot be started: {error}")
