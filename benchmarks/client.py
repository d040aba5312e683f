"""A client that costs little beside the servers: plain sockets, sendfile, one buffer."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

from benchmarks.machine import MIB
from benchmarks.servers import Server

NEW = {"disk_format": "raw", "container_format": "bare", "os_distro": "debian", "os_version": "12", "tags": ["bench"]}
OCTETS = "application/octet-stream"


class Refused(Exception):
    """An answer that should have been a success."""


def call(server: Server, method: str, path: str, body: object = None) -> dict:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=300)
    headers = dict(server.headers) | ({} if body is None else {"Content-Type": "application/json"})
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 300:
        raise Refused(f"{server.name}: {method} {path}: {answer.status} {text[:300]!r}")
    return json.loads(text) if text else {}


def create(server: Server, name: str) -> str:
    image_id: str = call(server, "POST", "/v2/images", NEW | {"name": name})["id"]
    return image_id


def delete(server: Server, image_id: str) -> None:
    call(server, "DELETE", f"/v2/images/{image_id}")


def upload(server: Server, image_id: str, source: Path, copies: int = 1, what: str = "file") -> None:
    """The file, `copies` times over, as one body; `what`: file or stage."""
    size = source.stat().st_size
    head = (
        f"PUT /v2/images/{image_id}/{what} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nContent-Type: {OCTETS}\r\n"
    )
    with connected(server) as wire, source.open("rb") as data:
        more = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
        wire.sendall(f"{head}{more}Content-Length: {size * copies}\r\n\r\n".encode())
        for _ in range(copies):
            wire.sendfile(data, 0, size)
        answer = http.client.HTTPResponse(wire, method="PUT")
        answer.begin()
        text = answer.read()
    if answer.status != 204:
        raise Refused(f"{server.name}: upload: {answer.status} {text[:300]!r}")


def download(server: Server, path: str, size: int, ranges: int = 1) -> None:
    """All bytes of `path`, in one request or in `ranges` equal ones over one connection."""
    buffer, step = bytearray(MIB), size // ranges
    with connected(server) as wire:
        for start in range(0, size, step):
            wanted = "" if ranges == 1 else f"Range: bytes={start}-{start + step - 1}\r\n"
            wire.sendall(f"GET {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n{wanted}\r\n".encode())
            answer = http.client.HTTPResponse(wire, method="GET")
            answer.begin()
            got = 0
            while got < step and (count := answer.readinto(buffer)):
                got += count
            if answer.status != (200 if ranges == 1 else 206) or got != step:
                raise Refused(f"{server.name}: download: {answer.status}, {got} of {step} bytes")


def connected(server: Server) -> socket.socket:
    wire = socket.create_connection((server.host, server.port), timeout=300)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire
