from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from glancetui.config.load import Examined, examine

Load = Callable[..., Examined]


@pytest.fixture
def read(tmp_path: Path) -> Load:
    """Examine configuration texts as files a.conf, b.conf …, in an empty environment, with data in tmp_path/data."""

    def run(*texts: str, env: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None) -> Examined:
        files = []
        for number, text in enumerate(texts):
            files.append(tmp_path / f"{chr(ord('a') + number)}.conf")
            files[-1].write_text(text)
        environment = {"GLANCETUI_DATA_DIR": str(tmp_path / "data"), **(env or {})}
        return examine(files, (), overrides, environment)

    return run
