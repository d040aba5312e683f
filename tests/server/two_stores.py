"""A running service with two stores, and a web server to bring data from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.backends.web import Web
from tests.server.api import Api
from tests.serving import Server


@dataclass
class TwoStores:
    api: Api
    web: Web
    server: Server
    folder: Path

    def files_of(self, image_id: str) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob(f"*{image_id}*"))
