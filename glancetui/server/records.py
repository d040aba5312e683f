"""Log records of the service: one line each, fields by name, nothing that a caller sent can begin a line."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from logging.handlers import WatchedFileHandler

from glancetui.config.settings import Settings
from glancetui.errors import ConfigError

QUIET = ("alembic", "keystoneauth", "urllib3", "oslo_policy", "asyncio")  # at debug they print tokens or drown the rest


class LineFormatter(logging.Formatter):
    """time=… level=… pid=… logger=… message="…" [trace="…"]"""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = (
            f"time={at}.{int(record.msecs):03d}Z level={record.levelname} pid={os.getpid()} logger={record.name} "
            f"message={_quoted(record.getMessage())}"
        )
        if record.exc_info:
            line += f" trace={_quoted(self.formatException(record.exc_info))}"
        return line


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def set_up(settings: Settings) -> None:
    """To be called again after a reload: replaces level and destination. Raises ConfigError."""
    root = logging.getLogger()
    handler = _handler(settings)
    handler.setFormatter(LineFormatter())
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if settings.debug else logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _handler(settings: Settings) -> logging.Handler:
    if settings.log_file is None:
        return logging.StreamHandler(sys.stderr)
    try:
        return WatchedFileHandler(settings.log_file, encoding="utf-8")  # follows a file that logrotate moved away
    except OSError as error:
        raise ConfigError(f"log_file: {settings.log_file} cannot be written: {error.strerror}.") from error
