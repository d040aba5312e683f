"""What a service says of its images to each of several people, and where two services disagree.

What is skipped on purpose is named in `SKIPPED`; numbers are those of the list of Glance's defects that the project
keeps (a listing must page null values, `next` must keep repeated parameters, and so on).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.conformance.adopting.api import ADMIN, ALPHA, BETA, GAMMA, STRANGER, Api, Person

PEOPLE = (ADMIN, ALPHA, BETA, GAMMA, STRANGER)
SHARERS = (ALPHA, BETA, GAMMA)
DOWNLOADERS = (ALPHA, STRANGER)
#: Who asks for every so many of the listings; the others ask for each.
EVERY = {ALPHA: 2, BETA: 3, GAMMA: 5, STRANGER: 6}
SCHEMAS = ("image", "images", "member", "members")

#: Every page is fetched, by following `next`.
LISTINGS = (
    "limit=1000",
    "limit=24",
    "",
    "limit=20&sort=created_at:asc",
    "limit=18&sort_key=id&sort_dir=desc",
    "limit=22&sort=updated_at:desc",
    "limit=20&sort=status:asc,id:desc",
    # By what may be null, among images of which it is not (defect 19: Glance loses or repeats images otherwise).
    "limit=14&sort=name:asc&status=active",
    "limit=15&sort=name:desc,size:asc&status=active",
    "limit=16&sort=size:desc&status=active",
    "limit=17&sort=disk_format:asc,container_format:desc&status=active",
    "status=in:queued,deactivated",
    "status=uploading",
    "visibility=public&limit=3",
    "visibility=private",
    "visibility=shared&limit=10",
    "visibility=community",
    "visibility=all&limit=25",
    "os_hidden=true",
    "os_hidden=true&visibility=all",
    "member_status=pending",
    "member_status=rejected&visibility=shared",
    "member_status=all&visibility=shared",
    "owner=alpha&limit=20",
    "tag=lts&limit=6",
    "tag=lts&tag=t1&limit=100",
    "os_distro=debian&limit=5",
    "os_distro=fedora&tag=t0",
    "name=Plain%203",
    "name=same%20name",
    "name=in:%22Plain%201%22,%22Plain%202%22",
    "size_min=101&size_max=301&limit=7",
    "min_ram_min=640",
    "virtual_size_min=1&limit=7",
    "protected=true",
    "container_format=bare&disk_format=in:qcow2,raw&limit=20",
    "created_at=gt:2020-01-01T00:00:00Z&limit=25",
    "created_at=lt:2020-01-01T00:00:00Z",
    "colour=a",
    "empty=",
)

SKIPPED = (
    "5: of a listing with a repeated parameter, `first` and `next` are compared by their marker only",
    "19: sorts by a column with null values are compared among images without them",
    "the wording of errors and of schemas' descriptions",
    "the data of images in an http store, which has no driver yet",
    "the data at a location that was refused, which Glance gives away as the queued image's",
    "Content-Length of downloads, which Glance leaves out behind its cache",
    "the order of tags, of which there is none",
)


@dataclass
class Told:
    """Answers by who asked for what. `images` and `fields` count what was compared."""

    answers: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def images(self) -> int:
        return sum(1 for _ in self._images())

    @property
    def fields(self) -> int:
        return sum(len(image) for image in self._images())

    def _images(self) -> Iterator[Mapping[str, object]]:
        for answer in self.answers.values():
            for document in answer if isinstance(answer, list) else [answer]:
                if isinstance(document, dict):
                    yield from document.get("images", [document])


def told(api: Api, ids: Sequence[str], people: Sequence[Person] = PEOPLE, listings: Sequence[str] = LISTINGS) -> Told:
    """Asks for everything, as everybody."""
    return Told({(who.project, path): answer for who in people for path, answer in _asked(api, who, ids, listings)})


def _asked(api: Api, who: Person, ids: Sequence[str], listings: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for image_id in ids:
        shown = _answer(api, who, f"/v2/images/{image_id}")
        yield f"/v2/images/{image_id}", shown
        if who in SHARERS:
            yield f"/v2/images/{image_id}/members", _answer(api, who, f"/v2/images/{image_id}/members")
        if who in DOWNLOADERS and not _is_refused(shown):
            yield f"/v2/images/{image_id}/file", _download(api, who, image_id)
    for name in SCHEMAS if who is ADMIN else ():
        yield f"/v2/schemas/{name}", _answer(api, who, f"/v2/schemas/{name}")
    for query in listings[:: EVERY.get(who, 1)]:
        yield f"/v2/images?{query}", [_page(page, query) for page in api.pages(query, who)]


def _is_refused(image: Any) -> bool:
    return isinstance(image, dict) and image["status"] == "queued" and "stores" in image


def _answer(api: Api, who: Person, path: str) -> Any:
    answer = api.ask("GET", path, who)
    assert answer.status < 500, f"{path} as {who.project}: {answer.status} {answer.body!r}"
    return _plain(answer.json()) if answer.status == 200 else answer.status


def _download(api: Api, who: Person, image_id: str) -> Any:
    answer = api.ask("GET", f"/v2/images/{image_id}/file", who)
    if answer.status != 200:
        return answer.status
    return [hashlib.sha256(answer.body).hexdigest(), answer.headers.get("content-md5"), answer.headers["content-type"]]


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """Without an order where there is none, and without words."""
    if "properties" in document:
        return _wordless(document)
    if isinstance(document.get("tags"), list):
        return document | {"tags": sorted(document["tags"])}
    if "members" in document:
        return document | {"members": sorted(document["members"], key=lambda each: each["member_id"])}
    return document


def _wordless(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: _wordless(value)
            for name, value in schema.items()
            if not (name == "description" and isinstance(value, str))
        }
    return [_wordless(each) for each in schema] if isinstance(schema, list) else schema


def _page(page: dict[str, Any], query: str) -> dict[str, Any]:
    names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
    repeated = len(names) != len(set(names))
    links = {name: _link(page[name], repeated) for name in ("first", "next") if name in page}
    return page | {"images": [_plain(image) for image in page["images"]]} | links


def _link(url: str, repeated: bool) -> Any:
    parts = urlsplit(url)
    pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
    return (parts.path, [pair for pair in pairs if pair[0] == "marker"] if repeated else pairs)


def differences(theirs: Told, ours: Told, unread: str = "") -> list[str]:
    """Each by who, what, and where in the document; empty: they say the same.

    `unread`: the image whose data are not compared.
    """
    return [
        f"{who} {path}{where}"
        for (who, path), answer in theirs.answers.items()
        if path != f"/v2/images/{unread}/file"
        for where in _differing(answer, ours.answers[who, path])
    ]


def _differing(theirs: Any, ours: Any, where: str = "") -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted(theirs.keys() | ours.keys()):
            yield from _differing(theirs.get(name, "absent"), ours.get(name, "absent"), f"{where} {name}")
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, (left, right) in enumerate(zip(theirs, ours, strict=True)):
            yield from _differing(left, right, f"{where} [{number}]")
    elif theirs != ours:
        yield f"{where}: Glance {_short(theirs)}, ours {_short(ours)}"


def _short(value: Any) -> str:
    return f"{value!r}"[:160]
