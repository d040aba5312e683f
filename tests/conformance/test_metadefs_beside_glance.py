"""The same calls on the real Glance and on us: the same statuses, and the same JSON, field by field."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from glancetui.definitions.schemas import DOCUMENTS
from tests.backends.glance import HEADERS, Glance, new_glance
from tests.backends.peer import PeerUnavailable, peer_venv
from tests.backends.processes import CannotStart
from tests.conformance.metadef_calls import CALLS, REFUSED, Call, N
from tests.metadefs.running import db
from tests.server.api import Answer, Api
from tests.serving import running_server

pytestmark = [pytest.mark.xdist_group("metadefs-beside-glance"), pytest.mark.timeout(300), pytest.mark.slow(seconds=4)]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Both(NamedTuple):
    theirs: Api
    ours: Api


@pytest.fixture(scope="module")
def glance(tmp_path_factory: pytest.TempPathFactory) -> Glance:
    try:
        return new_glance(tmp_path_factory.mktemp("glance"), peer_venv(), flavor=HEADERS)
    except (PeerUnavailable, CannotStart) as error:
        pytest.skip(f"the real Glance cannot be started: {error}")


@pytest.fixture(scope="module")
def both(glance: Glance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with glance.running(), running_server(tmp_path_factory.mktemp("ours"), auth="headers", config=TRUST) as server:
        yield Both(Api(glance.url), Api(server.endpoint))


TRUST = "[glancetui]\ntrusted_peers = 127.0.0.1\n"


def asked(api: Api, call: Call) -> Answer:
    path = call.path.replace("😀", "%F0%9F%98%80")
    return api.call(
        call.method, path, call.body, caller=call.caller, headers={"Accept": "application/json", **call.headers}
    )


def plain(value: Any) -> Any:
    """JSON with times told only by their presence, and lists of things in one order, where no contract gives any.

    Without what we are to do better: a property's name is left out of the map that has it for a key, and lists of
    objects and tags are paged.
    """
    if isinstance(value, dict):
        paged = "objects" in value or "tags" in value
        return {key: plain(unnamed(key, each)) for key, each in value.items() if not (paged and key == "next")}
    if isinstance(value, list):
        items = [plain(each) for each in value]
        return sorted(items, key=json.dumps) if all(isinstance(each, dict) for each in items) else items
    return "TIME" if isinstance(value, str) and TIME.fullmatch(value) else value


def unnamed(key: str, value: Any) -> Any:
    if key != "properties":
        return value
    return {name: {word: each for word, each in one.items() if word != "name"} for name, one in value.items()}


def fields(value: Any) -> int:
    if isinstance(value, dict):
        return sum(1 + fields(each) for each in value.values())
    return sum(fields(each) for each in value) if isinstance(value, list) else 0


def test_same_calls_get_the_same_answers(both: Both) -> None:
    different, compared = [], 0
    for number, call in enumerate(CALLS):
        theirs, ours = asked(both.theirs, call), asked(both.ours, call)
        label = f"{number} {call.method} {call.path} {str(call.body)[:120]} by {call.caller}"
        if call.better is not None:
            if ours.status != call.better:
                different.append(f"{label}: {ours.status}, and {call.better} would be right: {ours.raw!r}")
        elif theirs.status != ours.status:
            different.append(f"{label}: Glance {theirs.status} {theirs.raw!r}\n   ours {ours.status} {ours.raw!r}")
        elif theirs.status in {200, 201}:
            compared += fields(theirs.json)
            if plain(theirs.json) != plain(ours.json):
                different.append(f"{label}:\n   Glance {theirs.raw!r}\n   ours   {ours.raw!r}")
            if ("location" in theirs.headers) != ("location" in ours.headers):
                different.append(f"{label}: Location {theirs.headers.get('location')} {ours.headers.get('location')}")
    assert not different, "\n".join(different)
    assert compared > 1000
    print(f"{len(CALLS)} calls, {compared} fields compared")


def test_what_is_refused_there_is_refused_here_and_never_with_a_fault_of_the_server(both: Both) -> None:
    first, *calls, last = REFUSED
    assert [asked(api, first).status for api in both] == [201, 201]
    different, alike = [], 0
    for call in calls:
        theirs, ours = asked(both.theirs, call), asked(both.ours, call)
        better = not 400 <= theirs.status < 500 and 400 <= ours.status < 500  # Glance fails, or takes it
        alike += theirs.status == ours.status
        if theirs.status != ours.status and not better:
            label = f"{call.method} {call.path} {str(call.body)[:120]}"
            different.append(
                f"{label}: Glance {theirs.status} {theirs.raw[:200]!r}\n   ours {ours.status} {ours.raw[:200]!r}"
            )
    assert not different, "\n".join(different)
    assert alike > len(calls) / 2
    assert asked(both.ours, Call("GET", last.path)).json["tags"] == [{"name": "t"}]
    print(f"{len(calls)} calls, {alike} refused alike")


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_schemas_say_what_glances_say(both: Both, name: str) -> None:
    theirs, ours = (api.call("GET", f"/v2/schemas/metadefs/{name}").json for api in both)
    assert without_descriptions(ours) == without_descriptions(theirs)


def without_descriptions(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if not (key == "description" and isinstance(each, str))}
        return {key: without_descriptions(each) for key, each in kept.items()}
    return [without_descriptions(each) for each in value] if isinstance(value, list) else value


def test_glances_own_files_give_the_same_answers_in_both(glance: Glance, tmp_path: Path) -> None:
    files = glance.venv / "etc/glance/metadefs"
    glance.manage("db_load_metadefs", str(files))
    data = tmp_path / "data"
    db(data, "load-metadefs", "--path", str(files))
    with glance.running(), running_server(tmp_path, auth="headers", config=TRUST, data_dir=data) as server:
        theirs, ours = Api(glance.url), Api(server.endpoint)
        listed = theirs.call("GET", f"{N}?limit=1000", caller="admin").json["namespaces"]
        names = [each["namespace"] for each in listed if each["owner"] == "admin"]
        assert len(names) >= 32
        compared = 0
        for name in names:
            answers = [api.call("GET", f"{N}/{name}", caller="admin") for api in (theirs, ours)]
            assert plain(answers[0].json) == plain(answers[1].json), name
            compared += fields(answers[0].json)
    assert compared > 1500
    print(f"{len(names)} namespaces, {compared} fields compared")


def test_check_export_and_diff_work_on_a_stock_glance(tmp_path: Path, glance: Glance) -> None:
    stock = new_glance(tmp_path / "stock", glance.venv)  # its callers are nobody in particular, and may look
    stock.manage("db_load_metadefs", str(glance.venv / "etc/glance/metadefs"))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "glancetui", "--endpoint", stock.url, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)

    with stock.running():
        made = run("image", "create", "wrong", "--property", "hw_disk_buss=ide", "--property", "hw_cdrom_bus=ide2")
        assert made.returncode == 0, made.stderr
        checked = run("metadef", "check", "--all", "-f", "json")
        assert checked.returncode == 1, checked.stderr
        found = {(row["kind"], row["key"], row["constraint"]) for row in json.loads(checked.stdout)}
        assert found == {("unknown", "hw_disk_buss", "hw_disk_bus"), ("broken", "hw_cdrom_bus", "enum")}
        assert run("metadef", "export", "--to", str(tmp_path / "out")).returncode == 0
        assert run("metadef", "diff", str(tmp_path / "out"), "--exit-code").returncode == 0
    db(tmp_path / "data", "load-metadefs", "--path", str(tmp_path / "out"))
    assert len(list((tmp_path / "out").iterdir())) >= 32
