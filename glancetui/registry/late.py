"""A registry that may not be there yet: its database is down when the service starts."""

from __future__ import annotations

import functools
import inspect
import logging
import threading
from collections.abc import Callable
from typing import Any, cast

from glancetui.errors import ConfigError, RegistryUnavailable
from glancetui.registry.interface import Registry

log = logging.getLogger(__name__)

FIRST_NAP, LONGEST_NAP = 0.2, 5.0  # seconds between two attempts


def opened(open_now: Callable[[], Registry]) -> Registry:
    """What `open_now` gives. Where it raises RegistryUnavailable, a stand-in that tries again until it succeeds.

    Raises ConfigError: what an operator must put right is not waited for, unless the database was away at first.
    """
    try:
        return open_now()
    except RegistryUnavailable as error:
        log.error("%s It is tried again until it succeeds.", error)  # noqa: TRY400 - the sentence says it all
        return cast("Registry", Late(open_now, error))


class Late:
    """Has the methods of a registry: they raise RegistryUnavailable until it could be opened."""

    def __init__(self, open_now: Callable[[], Registry], error: Exception) -> None:
        self._open_now = open_now
        self._why = str(error)
        self._registry: Registry | None = None
        self._closed = threading.Event()
        for name, _ in inspect.getmembers(Registry, inspect.isfunction):
            if not name.startswith("_") and name != "close":
                setattr(self, name, functools.partial(self._call, name))
        threading.Thread(target=self._run, name="registry-opening", daemon=True).start()

    def _call(self, name: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the interface has them
        if self._registry is None:
            raise RegistryUnavailable(self._why)
        return getattr(self._registry, name)(*arguments, **named)

    def close(self) -> None:
        self._closed.set()
        if self._registry is not None:
            self._registry.close()

    def _run(self) -> None:
        nap = FIRST_NAP
        while not self._closed.wait(nap):
            nap = min(2 * nap, LONGEST_NAP)
            try:
                self._registry = self._open_now()
            except (RegistryUnavailable, ConfigError) as error:
                if str(error) != self._why:
                    log.error("%s It is tried again until it succeeds.", error)  # noqa: TRY400
                self._why = str(error)
            else:
                log.info("The database can be used now.")
                return
