"""The service catalogue that came with a caller's token: where the Image APIs of other regions are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


class Catalog:
    """Entries as Keystone's v3 spells them; those of the older version 2, which some proxies send, are read as well."""

    def __init__(self, entries: Sequence[Any]) -> None:  # Any: JSON of a trusted party, checked as it is read
        self._entries = [entry for entry in entries if isinstance(entry, dict) and entry.get("type") == "image"]

    @classmethod
    def of_header(cls, text: str | None) -> Catalog:
        """From X-Service-Catalog."""
        try:
            entries = json.loads(text) if text else []
        except ValueError:
            entries = []
        return cls(entries if isinstance(entries, list) else [])

    def endpoint(self, region: str, interface: str) -> str | None:
        """The address of the Image API; None: the catalogue names none."""
        for entry in self._entries:
            for each in entry.get("endpoints") or ():
                if region not in {each.get("region"), each.get("region_id")}:
                    continue
                url = each.get("url") if each.get("interface") == interface else each.get(f"{interface}URL")
                if isinstance(url, str):
                    return url
        return None
