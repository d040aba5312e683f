"""Metadata definitions beside the real Glance: a list of 1,000 namespaces, and one namespace with 500 properties.

`python -m benchmarks.metadefs`: both services hold the same; rounds alternate, and CPU time is that of the server, so
that what else the machine does disturbs little.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks import servers
from benchmarks.client import Refused
from benchmarks.machine import MIB, Meter, resident_bytes, settle
from benchmarks.servers import Server
from tests.backends.glance import HEADERS, new_glance
from tests.backends.peer import PeerUnavailable, peer_venv
from tests.backends.processes import CannotStart

ROOT = "/v2/metadefs/namespaces"
PAGE = f"{ROOT}?limit=1000"
BIG = f"{ROOT}/Big"


#: Without roles the real Glance lets nobody write definitions, administrator or not.
WHO = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "bench",
    "X-Project-Id": "bench",
    "X-Roles": "admin,member,reader",
}


class Cost(NamedTuple):
    cpu_ms: float  # of the server, for one call
    wall_ms: float


def call(server: Server, method: str, path: str, body: object = None) -> dict:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=300)
    headers = WHO if body is None else {**WHO, "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 300:
        raise Refused(f"{server.name}: {method} {path}: {answer.status} {text[:300]!r}")
    return json.loads(text)


def fill(server: Server, namespaces: int, properties: int) -> None:
    """The same in every service; ours takes every caller for an administrator, of no project."""
    common = {"owner": "bench", "visibility": "public", "description": "d" * 120}
    association = [{"name": "OS::Glance::Image", "prefix": "hw_"}]
    definition = {"title": "A property", "type": "string", "description": "x" * 80, "enum": ["a", "b", "c"]}
    for number in range(namespaces - 1):
        name = f"OS::Bench::Namespace{number}"
        call(server, "POST", ROOT, {"namespace": name, **common, "resource_type_associations": association})
    many = {f"property_{number}": definition for number in range(properties)}
    call(server, "POST", ROOT, {"namespace": "Big", **common, "properties": many})


def cost(server: Server, path: str, calls: int, right: Callable[[dict], bool]) -> Cost:
    with Meter(server.pid) as meter:
        answers = [call(server, "GET", path) for _ in range(calls)]
    if not all(map(right, answers)):
        raise ValueError(f"{server.name}: {path} answered something else than what was put there.")
    return Cost(meter.cpu * 1000 / calls, meter.seconds * 1000 / calls)


def measured(pair: list[Server], rounds: int, namespaces: int, properties: int) -> dict[str, dict[str, Cost]]:
    """Medians by path and server."""
    cases: dict[str, tuple[str, Callable[[dict], bool]]] = {
        f"list {namespaces} namespaces": (PAGE, lambda answer: len(answer["namespaces"]) == namespaces),
        f"show {properties} properties": (BIG, lambda answer: len(answer["properties"]) == properties),
    }
    found: dict[str, dict[str, list[Cost]]] = {}
    for _ in range(rounds):
        for label, (path, right) in cases.items():
            for server in pair:
                settle(server.pid)
                calls = 40 if server.name == "glancetui" else 2
                found.setdefault(label, {}).setdefault(server.name, []).append(cost(server, path, calls, right))
    return {
        label: {
            name: Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))
            for name, costs in by_name.items()
        }
        for label, by_name in found.items()
    }


def table(found: dict[str, dict[str, Cost]]) -> str:
    heads = ("call", "Glance, CPU ms", "glancetui, CPU ms", "ratio", "Glance, ms", "glancetui, ms", "ratio")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for label, by_name in found.items():
        theirs, ours = by_name["Glance"], by_name["glancetui"]
        cells = [
            label, f"{theirs.cpu_ms:.1f}", f"{ours.cpu_ms:.2f}", f"{theirs.cpu_ms / ours.cpu_ms:.0f} ×",
            f"{theirs.wall_ms:.0f}", f"{ours.wall_ms:.1f}", f"{theirs.wall_ms / ours.wall_ms:.0f} ×",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--namespaces", type=int, default=1000)
    parser.add_argument("--properties", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        try:
            peer = new_glance(Path(folder) / "glance", peer_venv(), flavor=HEADERS)
            started = stack.enter_context(peer.running())
        except (PeerUnavailable, CannotStart) as error:
            sys.exit(f"the real Glance cannot be started: {error}")
        glance = Server("Glance", "127.0.0.1", peer.port, started.pid)
        ours = stack.enter_context(servers.glancetui(Path(folder) / "ours", 1))
        for server in (glance, ours):
            fill(server, options.namespaces, options.properties)
        before = resident_bytes(ours.pid)
        found = measured([glance, ours], options.rounds, options.namespaces, options.properties)
        print(table(found))
        after = resident_bytes(ours.pid)
        print(f"\nMemory of glancetui: {before / MIB:.0f} MiB filled, {after / MIB:.0f} MiB after all calls.")


if __name__ == "__main__":
    main()
