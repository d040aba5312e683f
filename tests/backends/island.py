"""A network of its own for one program: public addresses and forbidden ones, all of them on its loopback, with a name
server and a web server that notes at which of its addresses it was reached.

    unshare -r -m -n python -m tests.backends.island FOLDER ZONE-FILE PROGRAM ARGUMENT…

becomes PROGRAM once all of it is up. `zone()` describes the names; `reached()` reads what the web server noted. The
servers end with the program: they wait for the end of a pipe that only it holds.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

A, CNAME, AAAA = 1, 5, 28
LOG = "reached.log"
DATA = b"from a public address"
#: Name → its answers in turn, the last for ever. An answer is a list of addresses, or the name it stands for.
Zone = dict[str, list[list[str] | str]]


class Reached(NamedTuple):
    address: str
    path: str


def command(folder: Path, zone: Zone, addresses: Sequence[str]) -> tuple[str, ...]:
    """What is written before a program's own command line."""
    plan = folder / "island.json"
    plan.write_text(json.dumps({"zone": zone, "addresses": list(addresses)}))
    return ("unshare", "-r", "-m", "-n", sys.executable, "-m", "tests.backends.island", str(folder), str(plan))


def is_possible() -> bool:
    """Whether this machine lets us have such a network."""
    with contextlib.suppress(OSError):
        trial = [
            "unshare",
            "-r",
            "-m",
            "-n",
            "sh",
            "-c",
            "ip link set lo up && mount --bind /dev/null /etc/resolv.conf",
        ]
        return subprocess.run(trial, capture_output=True, check=False).returncode == 0
    return False


def reached(folder: Path) -> list[Reached]:
    with contextlib.suppress(FileNotFoundError):
        return [Reached(*json.loads(line)) for line in (folder / LOG).read_text().splitlines()]
    return []


def main() -> None:
    folder, plan, *program = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), *sys.argv[3:]
    settle(folder, plan["addresses"])
    held, holding = os.pipe()
    ready, tell_ready = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.close(holding)
        if os.fork() == 0:  # nobody's child: the program must not find one that it did not start
            serve(folder, plan["zone"], held, tell_ready)
        os._exit(0)
    os.wait()
    os.close(tell_ready)
    os.read(ready, 1)
    os.set_inheritable(holding, True)
    os.execvp(program[0], program)


def settle(folder: Path, addresses: Sequence[str]) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in addresses:
        length = 128 if ":" in address else 32
        more = ["nodad"] if ":" in address else []
        subprocess.run(["ip", "addr", "add", f"{address}/{length}", "dev", "lo", *more], check=True)
    for name, text in (("resolv.conf", "nameserver 127.0.0.1\n"), ("nsswitch.conf", "hosts: files dns\n")):
        (folder / name).write_text(text)
        subprocess.run(["mount", "--bind", str(folder / name), os.path.realpath(f"/etc/{name}")], check=True)


def serve(folder: Path, zone: Zone, held: int, tell_ready: int) -> None:
    for server in (names(zone), *webs(folder / LOG)):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    os.write(tell_ready, b"!")
    os.read(held, 1)
    os._exit(0)


# -- names -----------------------------------------------------------------------------------------------------------
def names(zone: Zone) -> socketserver.BaseServer:
    lock, asked = threading.Lock(), dict.fromkeys(zone, 0)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            query, wire = self.request
            name, kind, question = asked_for(query)
            with lock:
                records = list(records_of(zone, asked, name, kind))
            known = name in zone
            flags = 0x8580 if known else 0x8583
            head = query[:2] + struct.pack(">5H", flags, 1, len(records), 0, 0)
            wire.sendto(head + question + b"".join(records), self.client_address)

    return socketserver.ThreadingUDPServer(("127.0.0.1", 53), Handler)


def asked_for(query: bytes) -> tuple[str, int, bytes]:
    at, labels = 12, []
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    (kind,) = struct.unpack_from(">H", query, at + 1)
    return ".".join(labels).lower(), kind, query[12 : at + 5]


def records_of(zone: Zone, asked: dict[str, int], name: str, kind: int) -> Iterator[bytes]:
    """Names that stand for others are followed, as a resolver's answer has the whole chain. Time to live: none."""
    while name in zone:
        answers = zone[name]
        answer = answers[min(asked[name] // 2, len(answers) - 1)]  # each look-up asks twice: for A and for AAAA
        asked[name] += 1
        if isinstance(answer, list):
            for address in map(ipaddress.ip_address, answer):
                if kind == (A if address.version == 4 else AAAA):
                    yield record(name, kind, address.packed)
            return
        yield record(name, CNAME, packed_name(answer))
        name = answer


def packed_name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(name: str, kind: int, data: bytes) -> bytes:
    return packed_name(name) + struct.pack(">HHIH", kind, 1, 0, len(data)) + data


# -- the web ---------------------------------------------------------------------------------------------------------
def webs(log: Path) -> Iterator[ThreadingHTTPServer]:
    """`?to=URL` redirects there; every other path has DATA."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = str(self.connection.getsockname()[0])
            with lock, log.open("a") as file:
                file.write(json.dumps([address, self.path]) + "\n")
            place = parse_qs(urlsplit(self.path).query).get("to") or place_of_download(self.path)
            self.send_response(302 if place else 200)
            if place:
                self.send_header("Location", place[0])
            self.send_header("Content-Length", "0" if place else str(len(DATA)))
            self.end_headers()
            if not place:
                self.wfile.write(DATA)

        def log_message(self, *_: object) -> None:
            pass

    class V6(ThreadingHTTPServer):
        address_family = socket.AF_INET6

        def server_bind(self) -> None:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            super().server_bind()

    yield ThreadingHTTPServer(("0.0.0.0", 80), Handler)
    yield V6(("::", 80), Handler)


def place_of_download(path: str) -> list[str]:
    """Where a Glance that is no friend sends its readers: `/to/HEX/v2/images/ID`."""
    parts = path.split("/")
    return [bytes.fromhex(parts[2]).decode()] if parts[1] == "to" else []


if __name__ == "__main__":
    main()
