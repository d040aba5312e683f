"""An upload in slow motion: the test decides when each byte goes out and how it ends."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.parse
from typing import Literal, Self

Framing = Literal["length", "chunked"]


class Upload:
    """PUT of `size` bytes. Leaving the block closes the socket, whatever has been sent."""

    def __init__(self, endpoint: str, image: str, size: int, framing: Framing) -> None:
        url = urllib.parse.urlsplit(endpoint)
        self.framing = framing
        self.socket = socket.create_connection((url.hostname or "", url.port or 80), timeout=60)
        length = f"Content-Length: {size}" if framing == "length" else "Transfer-Encoding: chunked"
        head = f"PUT /v2/images/{image}/file HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        self.socket.sendall(f"{head}{length}\r\n\r\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        if data:
            self.socket.sendall(data if self.framing == "length" else b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        if self.framing == "chunked":
            self.socket.sendall(b"0\r\n\r\n")

    def status(self) -> int:
        response = http.client.HTTPResponse(self.socket, method="PUT")
        response.begin()
        response.read()
        return response.status

    def reset(self) -> None:
        """Ends the connection by a reset, as a crashed client's machine does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


class Api:
    """Just enough of a client."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        url = urllib.parse.urlsplit(endpoint)
        self.host, self.port = url.hostname or "", url.port or 80

    def call(self, method: str, path: str, body: object = None, kind: str = "application/json") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})  # type: ignore[arg-type]
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def new(self, **attributes: object) -> str:
        body = json.dumps({"name": "x", "disk_format": "raw", "container_format": "bare"} | attributes)
        status, answer = self.call("POST", "/v2/images", body)
        assert status == 201, answer
        return str(json.loads(answer)["id"])

    def put(self, image: str, data: object) -> int:
        return self.call("PUT", f"/v2/images/{image}/file", data, "application/octet-stream")[0]

    def get(self, image: str) -> bytes:
        status, body = self.call("GET", f"/v2/images/{image}/file")
        assert status == 200
        return body

    def delete(self, image: str) -> int:
        return self.call("DELETE", f"/v2/images/{image}")[0]

    def status_of(self, image: str) -> str:
        status, body = self.call("GET", f"/v2/images/{image}")
        return str(json.loads(body)["status"]) if status == 200 else str(status)
