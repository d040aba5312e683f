"""Locations in a patch: how the list of an image's copies may grow, shrink, or be put in another order.

Pure: what lies at an address is not looked up here. The data of an active image cannot be exchanged (OSSN-0065): a
list is replaced only by the same addresses, and the last one stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from glancetui.errors import BadRequest, Conflict, Forbidden
from glancetui.model import Image, ImageLocation, ImageStatus

#: Addresses inside the service's own hosts and configuration, refused whoever names them.
FORBIDDEN_SCHEMES = frozenset({"file", "filesystem", "swift+config"})
LONGEST_URL = 255  # characters, as the image's schema shows
MOST_METADATA = 16_384  # bytes of JSON
DEEPEST_METADATA = 16  # objects and arrays within each other; MariaDB reads no more than 32
NAMES_OF_STORE = frozenset({"store", "backend"})  # in metadata: the service's own words
HASH_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_OPEN = (ImageStatus.QUEUED, ImageStatus.ACTIVE)
CONTRADICTION = "The validation_data contradict what is known of the image's data."


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """validation_data: what a client says of the data, by the names of the image's attributes."""

    os_hash_algo: str
    os_hash_value: str  # lower case
    checksum: str | None = None

    def facts(self) -> dict[str, str]:
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class LocationList:
    """The locations of `image` in the middle of a patch."""

    def __init__(self, image: Image) -> None:
        self.image = image
        #: What a queued image still has was refused: it only shows what was tried, and makes way for what is added.
        self.before = () if image.status == ImageStatus.QUEUED else image.locations
        self.rows = list(self.before)
        self._refused = len(image.locations) - len(self.before)
        self.said: Said | None = None

    @property
    def changed(self) -> bool:
        return msgspec.json.encode(self.rows) != msgspec.json.encode(self.before)  # in Python, 1 is true

    def apply(self, verb: Literal["add", "replace", "remove"], position: str | None, value: Any) -> None:  # noqa: ANN401 - JSON
        """Raises BadRequest, Conflict, Forbidden."""
        if verb == "remove":
            self._remove(position)
            return
        if self.image.status not in _OPEN:
            raise Conflict(f"Image {self.image.id} is {self.image.status}; only queued and active ones take locations.")
        if verb == "add":
            self._add(position, value)
        else:
            self._replace(value)

    def _add(self, position: str | None, value: Mapping[str, Any]) -> None:
        location = read_location(value)
        check_scheme(location.url)
        if location.url in self._urls():
            raise BadRequest("The image has this location already. Each is added once.")
        seen = place(position, len(self.rows) + self._refused)  # in the list as the client knows it
        self.rows.insert(max(0, seen - self._refused), location)
        self._believe(value)

    def _replace(self, values: Sequence[Mapping[str, Any]]) -> None:
        if not values:
            raise Forbidden("The locations of an image cannot be emptied. Delete the image instead.")
        wanted = [read_location(value) for value in values]
        urls = [location.url for location in wanted]
        if len(set(urls)) != len(urls):
            raise BadRequest("A location is named twice. Name each once.")
        known = {row.url: row for row in self.rows}
        for url in urls if not known else ():
            check_scheme(url)
        if known and set(urls) != set(known):
            raise BadRequest("Locations are replaced only by the same URLs, with other metadata or in another order.")
        self.rows = [msgspec.structs.replace(each, id=known[each.url].id if known else 0) for each in wanted]
        for value in values:
            self._believe(value)

    def _remove(self, position: str | None) -> None:
        if self.image.status != ImageStatus.ACTIVE:
            raise Conflict(f"Image {self.image.id} is {self.image.status}; locations are removed of an active one.")
        index = place(position, len(self.rows) - 1)
        if position == "-":
            raise BadRequest("A location is removed by its number, from 0 up.")
        if len(self.rows) == 1:
            raise Forbidden("The last location of an image cannot be removed. Delete the image instead.")
        del self.rows[index]

    def _believe(self, value: Mapping[str, Any]) -> None:
        if "validation_data" not in value:
            return
        given, active = value["validation_data"], self.image.status == ImageStatus.ACTIVE
        if active and given.get("os_hash_algo") in HASH_DIGITS.keys() - {self.image.os_hash_algo}:
            raise Conflict(CONTRADICTION)  # before the digest is held against an algorithm that is the wrong one anyway
        said = read_said(given)
        known = (self.image if active else self.said) or said
        if any(getattr(known, name) != fact for name, fact in said.facts().items()):
            raise Conflict(CONTRADICTION)
        self.said = said

    def _urls(self) -> set[str]:
        return {row.url for row in self.rows}


def place(position: str | None, most: int) -> int:
    """Where in a list; `-` is behind its end. Raises BadRequest."""
    if position == "-":
        return most
    if position is None or not _INDEX.fullmatch(position) or int(position) > most:
        raise BadRequest("The path names no place in the image's list of locations.")
    return int(position)


def read_location(value: Mapping[str, Any]) -> ImageLocation:
    """Of a value that fits the image's schema. Raises BadRequest."""
    metadata = {name: each for name, each in value["metadata"].items() if name not in NAMES_OF_STORE}
    check_json(metadata, DEEPEST_METADATA)
    if len(msgspec.json.encode(metadata)) > MOST_METADATA:
        raise BadRequest(f"The metadata of a location take at most {MOST_METADATA} bytes. Send less.")
    return ImageLocation(url=checked_url(value["url"]), metadata=metadata)


def check_json(value: object, levels: int) -> None:
    """Raises BadRequest for what one of the databases, or of the services that pass it on, cannot hold."""
    if isinstance(value, dict | list) and not levels:
        raise BadRequest(f"The metadata of a location are nested at most {DEEPEST_METADATA} levels deep.")
    if isinstance(value, dict):
        for name, each in value.items():
            check_json(name, levels)
            check_json(each, levels - 1)
    elif isinstance(value, list):
        for each in value:
            check_json(each, levels - 1)
    elif isinstance(value, str) and "\0" in value:
        raise BadRequest("The metadata of a location have no NUL in their texts.")
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        raise BadRequest("The whole numbers in the metadata of a location fit in 64 bits.")


def checked_url(url: object) -> str:
    """Raises BadRequest for what can be no location, whoever names it."""
    if not isinstance(url, str) or not url.isprintable() or not url.strip():
        raise BadRequest("A location needs a url, a text without control characters.")
    if len(url) > LONGEST_URL:
        raise BadRequest(f"The url of a location has at most {LONGEST_URL} characters.")
    return url


def check_scheme(url: str) -> None:
    """Raises BadRequest for an address that nobody may add."""
    scheme = url.partition(":")[0].strip().lower()
    if scheme in FORBIDDEN_SCHEMES:
        raise BadRequest(f"Locations with the scheme {scheme} are the service's own and cannot be added.")


def read_said(value: object) -> Said:
    """Raises BadRequest."""
    if not isinstance(value, Mapping) or not value.keys() <= {"checksum", "os_hash_algo", "os_hash_value"}:
        raise BadRequest("validation_data is an object of os_hash_algo and os_hash_value, and a checksum at most.")
    algorithm, digest, checksum = (value.get(name) for name in ("os_hash_algo", "os_hash_value", "checksum"))
    if algorithm not in HASH_DIGITS:
        raise BadRequest(f"os_hash_algo must be one of {', '.join(HASH_DIGITS)}.")
    return Said(
        os_hash_algo=algorithm,
        os_hash_value=hex_of("os_hash_value", digest, HASH_DIGITS[algorithm]),
        checksum=None if checksum is None else hex_of("checksum", checksum, HASH_DIGITS["md5"]),
    )


def hex_of(name: str, value: object, digits: int) -> str:
    if not isinstance(value, str) or len(value) != digits or not HEX.fullmatch(value):
        raise BadRequest(f"{name} must be {digits} hexadecimal digits.")
    return value.lower()
