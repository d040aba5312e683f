"""A key-value store that speaks as much of HashiCorp Vault's HTTP as castellan's driver for it uses.

It stands in for the real one, which no package of Debian or PyPI brings. What is stored, and in what form, is
castellan's own doing on both sides; this only keeps it.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from castellan import key_manager
from castellan.common.objects.opaque_data import OpaqueData
from castellan.common.objects.x_509 import X509
from oslo_config import cfg
from oslo_context.context import RequestContext

TOKEN = "root-token-Vq3"


@dataclass
class Vault:
    port: int
    kept: dict[str, Any] = field(default_factory=dict)  # path → record
    fails: bool = False

    @property
    def options(self) -> str:
        """Sections of the service's configuration."""
        url = f"http://127.0.0.1:{self.port}"
        return f"[key_manager]\nbackend = vault\n[vault]\nvault_url = {url}\nroot_token_id = {TOKEN}\n"

    def store(self, certificate: bytes, *, opaque: bool = False) -> str:
        """The id of a new certificate (DER), or of something else. Through castellan."""
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(self.options)
            file.flush()
            conf = cfg.ConfigOpts()
            conf([], default_config_files=[file.name], default_config_dirs=[])
            manager: Any = key_manager.API(conf)
        kind: Any = OpaqueData if opaque else X509
        return str(manager.store(RequestContext(overwrite=False), kind(certificate)))


@contextmanager
def running_vault() -> Iterator[Vault]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

        def answer(self, status: int, document: object = None) -> None:
            body = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def permitted(self) -> bool:
            if vault.fails:
                self.answer(500)
            elif self.headers["X-Vault-Token"] != TOKEN:
                self.answer(403)
            else:
                return True
            return False

        def do_GET(self) -> None:
            if self.permitted():
                kept = vault.kept.get(self.path)
                self.answer(404 if kept is None else 200, kept and {"data": kept})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.permitted():
                vault.kept[self.path] = body
                self.answer(204)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        vault = Vault(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield vault
        finally:
            server.shutdown()
            thread.join()
