"""The Image API, call by call."""

from __future__ import annotations

import contextlib
import http.client
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Self
from urllib.parse import quote, urlencode

import msgspec

from glancetui.client import auth as authentication
from glancetui.client.auth import Authentication, Caller
from glancetui.client.cancel import CancelToken
from glancetui.client.problems import Ambiguous, ServerFault, error_of, problem_of
from glancetui.client.query import Count, ImageQuery, Page, merged
from glancetui.client.transport import Address, Answer, BodySender, Transport, address_of, header_map, read_whole
from glancetui.client.values import (
    ApiVersion,
    Created,
    Part,
    RemoteImage,
    RemoteLocation,
    RemoteMember,
    RemoteStore,
    RemoteTask,
    text,
    texts,
)
from glancetui.errors import BadRequest, NotFound, Stale

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
PAGE_SIZE = 1000  # the most that a stock endpoint gives at once
ERROR_BODY = 65_536  # bytes of an error's answer that are read


class Client:
    """One endpoint. Safe to use from many threads. Every method may raise a GlancetuiError; see `problems`.

    `token`, where a method takes one, calls it off from another thread.
    """

    def __init__(self, transport: Transport, auth: Authentication) -> None:
        self.transport = transport
        self.auth = auth
        self._address: Address | None = None

    @classmethod
    def at(cls, endpoint: str, transport: Transport | None = None) -> Self:
        """A client without credentials: http://HOST:PORT, https://…, or unix:PATH."""
        address = address_of(endpoint)
        path = authentication.API_SUFFIX.sub("", address.path)
        return cls(transport or Transport(), authentication.nobody(Address(address.origin, path)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections."""
        self.transport.close()

    # The endpoint

    def address(self, token: CancelToken | None = None) -> Address:
        """Where the Image API is; asked of the catalogue once."""
        if self._address is None:
            self._address = self.auth.endpoint(self.transport, token)
        return self._address

    def caller(self, token: CancelToken | None = None) -> Caller:
        """Whom the endpoint takes us for."""
        return self.auth.caller(self.transport, token)

    def versions(self, token: CancelToken | None = None) -> tuple[ApiVersion, ...]:
        """What the endpoint speaks, the current one first. Needs no credentials."""
        address = self.address(token)
        answer = self.transport.request(
            "GET", address, "/versions", headers={"Accept": "application/json"}, token=token
        )
        if answer.status not in {200, 300}:
            raise error_of(answer.status, answer.headers, answer.body, "GET", f"{address}/versions")
        entries = document_of(answer, address).get("versions")
        if not isinstance(entries, list):
            raise ServerFault(f"{address} is no Image API: it lists no versions.")
        found = [version_of(entry) for entry in entries if isinstance(entry, dict)]
        return tuple(sorted(found, key=lambda version: version.status != "CURRENT"))

    def parts(self, token: CancelToken | None = None) -> tuple[Part, ...]:
        """What the endpoint says at /readyz of its own parts; empty where it has no such page, as a stock one."""
        answer = self.transport.request(
            "GET", self.address(token), "/readyz", headers={"Accept": "application/json"}, token=token
        )
        if answer.status not in {200, 503}:
            return ()
        try:
            entries = msgspec.json.decode(answer.body, type=dict[str, object]).get("parts")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ()  # a balancer's own page, not the endpoint's
        found = entries if isinstance(entries, list) else []
        return tuple(part_of(entry) for entry in found if isinstance(entry, dict))

    def stores(self, token: CancelToken | None = None) -> tuple[RemoteStore, ...]:
        """The stores that may be named; empty where there is only one."""
        try:
            entries = self._document("GET", "/v2/info/stores", token=token).get("stores")
        except NotFound:
            return ()
        return (
            tuple(store_of(entry) for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()
        )

    def store_documents(self, token: CancelToken | None = None) -> tuple[Mapping[str, object], ...]:
        """Kinds, weights and properties of the stores, as an administrator or a service is told. Raises Forbidden;
        NotFound where there is only one."""
        entries = self._document("GET", "/v2/info/stores/detail", token=token).get("stores")
        return tuple(entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()

    def remove_copy(self, image_id: str, store: str, token: CancelToken | None = None) -> None:
        """Remove the copy in one store. Raises NotFound, Conflict; Forbidden also where it is the only one."""
        self._done("DELETE", f"/v2/stores/{path_part(store)}/{path_part(image_id)}", token=token)

    def locations(self, image_id: str, token: CancelToken | None = None) -> tuple[RemoteLocation, ...]:
        """Where the image's copies lie, as an administrator or a service is told. Raises NotFound, Forbidden."""
        answer = self._ask("GET", f"/v2/images/{path_part(image_id)}/locations", token=token)
        try:
            return msgspec.json.decode(answer.body, type=tuple[RemoteLocation, ...])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ServerFault(f"{self.address()} answered with something that is no list of locations.") from error

    def add_location(self, image_id: str, request: Mapping[str, object], token: CancelToken | None = None) -> None:
        """POST …/locations of a queued image. Raises Conflict, BadRequest, Forbidden, NotFound."""
        self._send_json("POST", f"/v2/images/{path_part(image_id)}/locations", request, token=token)

    def schema(self, name: str, token: CancelToken | None = None) -> Mapping[str, object]:
        """A JSON schema, such as "image" or "members"."""
        return self._document("GET", f"/v2/schemas/{path_part(name)}", token=token)

    # Images

    def page(
        self,
        query: ImageQuery,
        after: str | None = None,
        *,
        limit: int = PAGE_SIZE,
        etag: str | None = None,
        token: CancelToken | None = None,
    ) -> Page | None:
        """The images beyond the image `after`, in the order of `query`; None: they are still those of `etag`.

        Raises BadRequest when `after` has vanished.
        """
        target = "/v2/images?" + urlencode(query.parameters(limit, after), quote_via=quote)
        answer = self._ask("GET", target, headers={"If-None-Match": etag} if etag else {}, token=token)
        if answer.status == 304:
            return None
        document = document_of(answer, self.address())
        entries = document.get("images")
        if not isinstance(entries, list):
            raise ServerFault(f"{self.address()} answered a list of images without images.")
        images = tuple(RemoteImage.from_document(entry) for entry in entries if isinstance(entry, dict))
        # An endpoint may give fewer than were asked for: only its `next` tells then. It is not followed: see `pages`.
        more = bool(images) and (len(images) >= limit or isinstance(document.get("next"), str))
        return Page(images=images, more=more, etag=answer.headers.get("etag"))

    def count(self, query: ImageQuery, token: CancelToken | None = None) -> Count | None:
        """How many images there are for `query`; None: the endpoint does not count, as no stock one does."""
        if query.hidden_too:
            visible = self.count(query.only_hidden(False), token)
            hidden = visible and self.count(query.only_hidden(True), token)
            return visible and hidden and visible.plus(hidden)
        target = "/ops/v1/images/count?" + urlencode(query.params, quote_via=quote)
        try:
            document = self._document("GET", target, token=token)
        except NotFound:
            return None
        except ServerFault as error:
            problem = problem_of(error)
            if problem is not None and problem.status == 300:  # a stock endpoint tells its versions there
                return None
            raise
        number, exact = document.get("count"), document.get("exact")
        if not isinstance(number, int) or not isinstance(exact, bool):
            raise ServerFault(f"{self.address()} answered a count that is none.")
        return Count(number=number, exact=exact)

    def pages(
        self,
        query: ImageQuery,
        *,
        after: str | None = None,
        page_size: int = PAGE_SIZE,
        token: CancelToken | None = None,
    ) -> Iterator[tuple[RemoteImage, ...]]:
        """All images that the endpoint finds for `query`, beyond `after`, page by page, each once.

        Pages are asked for by marker, since a stock endpoint loses repeated parameters in its `next`.
        """
        markers: set[str] = set()
        before: frozenset[str] = frozenset()
        while True:
            page = self.page(query, after, limit=page_size, token=token)
            if page is None or not page.images:
                return
            fresh = tuple(image for image in page.images if image.id not in before)
            after = page.images[-1].id
            if not fresh or after in markers:
                # A stock endpoint repeats itself for ever where it sorts by what some images lack.
                raise ServerFault("This endpoint repeats images in this order; sort by created_at or id instead.")
            yield fresh
            if not page.more:
                return
            markers.add(after)
            before = frozenset(image.id for image in page.images)

    def images(
        self,
        query: ImageQuery,
        *,
        after: str | None = None,
        page_size: int = PAGE_SIZE,
        token: CancelToken | None = None,
    ) -> Iterator[RemoteImage]:
        """The images of `pages`, one by one; with `query.hidden_too`, hidden ones in their place among the others."""
        if not query.hidden_too:
            for page in self.pages(query, after=after, page_size=page_size, token=token):
                yield from page
            return
        if after is not None:
            raise BadRequest("A marker belongs to the visible or to the hidden images; it cannot be used for both.")
        both = (query.only_hidden(hidden) for hidden in (False, True))
        yield from merged(query, [self.images(each, page_size=page_size, token=token) for each in both])

    def image(self, image_id: str, token: CancelToken | None = None) -> RemoteImage:
        """Raises NotFound."""
        return self._image("GET", f"/v2/images/{path_part(image_id)}", token=token)

    def find_image(self, ref: str, token: CancelToken | None = None) -> RemoteImage:
        """The image with an id, else the only one with that name, hidden ones included. Raises NotFound, Ambiguous."""
        if UUID.fullmatch(ref):
            with contextlib.suppress(NotFound):
                return self.image(ref, token)
        found = self.images_named(ref, token)
        if not found:
            raise NotFound(f"No image has the id or name {ref!r}, or it is not visible to you.")
        if len(found) > 1:
            raise Ambiguous("image", ref, tuple(image.id for image in found))
        return found[0]

    def images_named(self, name: str, token: CancelToken | None = None) -> tuple[RemoteImage, ...]:
        """All images with exactly that name, hidden ones included."""
        if not name:
            raise BadRequest("An image's id or name cannot be empty.")
        query = ImageQuery(params=(("name", f"eq:{name}" if ":" in name else name),), hidden_too=True)
        return tuple(image for image in self.images(query, token=token) if image.name == name)

    def create(self, attributes: Mapping[str, object], token: CancelToken | None = None) -> Created:
        """A new image, `queued`, from base attributes and properties as the API names them."""
        answer = self._send_json("POST", "/v2/images", attributes, token=token)
        address = self.address()
        return Created(
            image=RemoteImage.from_document(document_of(answer, address), answer.headers.get("etag")),
            import_methods=header_list(answer, "openstack-image-import-methods"),
            stores=header_list(answer, "openstack-image-store-ids"),
        )

    def patch(
        self,
        image_id: str,
        operations: Sequence[Mapping[str, object]],
        *,
        etag: str | None = None,
        token: CancelToken | None = None,
    ) -> RemoteImage:
        """Apply JSON-patch operations, all or none. With `etag`, only if the image is still that one: else Stale."""
        headers = {"Content-Type": PATCH_TYPE, **if_match(etag)}
        body = msgspec.json.encode(list(operations))
        return self._image("PATCH", f"/v2/images/{path_part(image_id)}", body=body, headers=headers, token=token)

    def unchanged(self, seen: RemoteImage, token: CancelToken | None = None) -> RemoteImage:
        """The image, which is still as `seen` shows it, now with its ETag. Raises Stale, NotFound.

        A change that names this ETag is refused by a server of ours if the image changes in between. A stock endpoint
        knows no ETag: there, what is left is the moment between this answer and the change.
        """
        now = self.image(seen.id, token)
        if not now.same_as(seen):
            raise Stale("It has changed since it was looked at, and was left alone.")
        return now

    def delete(self, image_id: str, token: CancelToken | None = None, *, etag: str | None = None) -> None:
        """Raises NotFound, Forbidden (protected), Conflict (in use). With `etag`, Stale if the image is another now."""
        self._done("DELETE", f"/v2/images/{path_part(image_id)}", token=token, headers=if_match(etag))

    def deactivate(self, image_id: str, token: CancelToken | None = None, *, etag: str | None = None) -> None:
        """Keep others from downloading it. Done already is done."""
        target = f"/v2/images/{path_part(image_id)}/actions/deactivate"
        self._done("POST", target, token=token, headers=if_match(etag))

    def reactivate(self, image_id: str, token: CancelToken | None = None, *, etag: str | None = None) -> None:
        """Undo `deactivate`. Done already is done."""
        target = f"/v2/images/{path_part(image_id)}/actions/reactivate"
        self._done("POST", target, token=token, headers=if_match(etag))

    def add_tag(self, image_id: str, tag: str, token: CancelToken | None = None) -> None:
        """Done already is done."""
        self._done("PUT", f"/v2/images/{path_part(image_id)}/tags/{path_part(tag)}", token=token)

    def remove_tag(self, image_id: str, tag: str, token: CancelToken | None = None) -> None:
        """Raises NotFound if the image lacks the tag."""
        self._done("DELETE", f"/v2/images/{path_part(image_id)}/tags/{path_part(tag)}", token=token)

    # Members

    def members(self, image_id: str, token: CancelToken | None = None) -> tuple[RemoteMember, ...]:
        """The projects that a shared image was offered to. Raises Forbidden for images that are not shared."""
        entries = self._document("GET", f"/v2/images/{path_part(image_id)}/members", token=token).get("members")
        found = entries if isinstance(entries, list) else []
        return tuple(RemoteMember.from_document(entry) for entry in found if isinstance(entry, dict))

    def member(self, image_id: str, project: str, token: CancelToken | None = None) -> RemoteMember:
        """Raises NotFound."""
        return RemoteMember.from_document(self._document("GET", member_path(image_id, project), token=token))

    def add_member(self, image_id: str, project: str, token: CancelToken | None = None) -> RemoteMember:
        """Offer an image to a project. Raises Conflict if that was done already."""
        answer = self._send_json("POST", f"/v2/images/{path_part(image_id)}/members", {"member": project}, token=token)
        return RemoteMember.from_document(document_of(answer, self.address()))

    def remove_member(self, image_id: str, project: str, token: CancelToken | None = None) -> None:
        """Raises NotFound if it is none."""
        self._done("DELETE", member_path(image_id, project), token=token)

    def answer_offer(self, image_id: str, project: str, status: str, token: CancelToken | None = None) -> RemoteMember:
        """The member's own answer: accepted, rejected or pending."""
        answer = self._send_json("PUT", member_path(image_id, project), {"status": status}, token=token)
        return RemoteMember.from_document(document_of(answer, self.address()))

    # Data

    def send_data(
        self,
        image_id: str,
        headers: Mapping[str, str],
        sender: BodySender,
        token: CancelToken | None = None,
        *,
        to: str = "file",
    ) -> None:
        """PUT …/file, or …/stage, with a body that `sender` writes. `transfer.upload` is what most callers want."""
        target = f"/v2/images/{path_part(image_id)}/{to}"
        sent = {"Content-Type": "application/octet-stream", **headers}
        with self._open("PUT", target, headers=sent, sender=sender, token=token) as response:
            response.read()

    @contextlib.contextmanager
    def open_data(
        self, image_id: str, *, offset: int = 0, end: int | None = None, token: CancelToken | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """GET …/file from byte `offset` to before `end`: 200, 206, or 204 (no data). `transfer.download` verifies."""
        ranged = offset > 0 or end is not None
        headers = {"Range": f"bytes={offset}-{'' if end is None else end - 1}"} if ranged else {}
        with self._open("GET", f"/v2/images/{path_part(image_id)}/file", headers=headers, token=token) as response:
            yield response

    # Imports and tasks

    def import_methods(self, token: CancelToken | None = None) -> tuple[str, ...]:
        """Ways of importing that the endpoint offers; none where it has no import."""
        try:
            told = self._document("GET", "/v2/info/import", token=token).get("import-methods")
        except NotFound:
            return ()
        return texts(told.get("value")) if isinstance(told, dict) else ()

    def begin_import(self, image_id: str, request: Mapping[str, object], token: CancelToken | None = None) -> None:
        """POST …/import: the endpoint goes on with it by itself. Raises Conflict, BadRequest, Forbidden, NotFound."""
        self._send_json("POST", f"/v2/images/{path_part(image_id)}/import", request, token=token)

    def tasks_of_image(self, image_id: str, token: CancelToken | None = None) -> tuple[RemoteTask, ...]:
        """The newest first."""
        return tasks_in(self._document("GET", f"/v2/images/{path_part(image_id)}/tasks", token=token))

    def tasks(self, token: CancelToken | None = None, **filters: str) -> Iterator[RemoteTask]:
        """For administrators. All tasks, the newest first; filters are type and status."""
        marker: dict[str, str] = {}
        while True:
            query = urlencode({"limit": str(PAGE_SIZE), **filters, **marker})
            document = self._document("GET", f"/v2/tasks?{query}", token=token)
            found = tasks_in(document)
            yield from found
            if not found or not isinstance(document.get("next"), str):
                return
            marker = {"marker": found[-1].id}

    def task(self, task_id: str, token: CancelToken | None = None) -> RemoteTask:
        """For administrators. Raises NotFound."""
        return RemoteTask.from_document(self._document("GET", f"/v2/tasks/{path_part(task_id)}", token=token))

    # Calls that are described elsewhere

    def ask_document(
        self,
        method: str,
        target: str,
        value: object = msgspec.UNSET,
        *,
        headers: Mapping[str, str] | None = None,
        token: CancelToken | None = None,
    ) -> dict[str, object]:
        """What the endpoint answers to `value` as JSON, or to no body; empty where it answers nothing."""
        sent = dict(headers or {}) | ({} if value is msgspec.UNSET else {"Content-Type": "application/json"})
        body = None if value is msgspec.UNSET else msgspec.json.encode(value)
        answer = self._ask(method, target, headers=sent, body=body, token=token)
        return document_of(answer, self.address()) if answer.body else {}

    def ask_list(self, method: str, target: str, token: CancelToken | None = None) -> list[object]:
        """What the endpoint answers where that is a bare list."""
        answer = self._ask(method, target, token=token)
        try:
            return msgspec.json.decode(answer.body, type=list[object])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ServerFault(f"{self.address()} answered with something that is no JSON list.") from error

    # How it is sent

    @contextlib.contextmanager
    def _open(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        sender: BodySender | None = None,
        token: CancelToken | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """A request with credentials. A refused token is renewed once, where the body can be sent again."""
        address = self.address(token)
        for attempt in (1, 2):
            credentials = self.auth.headers(self.transport, token)
            sent = {"Accept": "application/json", **(headers or {}), **credentials}
            with self.transport.open(
                method, address, target, headers=sent, body=body, sender=sender, token=token
            ) as response:
                if response.status < 300 or response.status == 304:
                    yield response
                    return
                problem = error_of(
                    response.status,
                    header_map(response),
                    response.read(ERROR_BODY),
                    method,
                    f"{address}{target}",
                )
            again = response.status == 401 and attempt == 1 and sender is None and self.auth.refused(credentials)
            if not again:
                raise problem

    def _ask(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        token: CancelToken | None = None,
    ) -> Answer:
        with self._open(method, target, headers=headers, body=body, token=token) as response:
            return read_whole(response, self.address(token))

    def _document(self, method: str, target: str, token: CancelToken | None = None) -> Mapping[str, object]:
        return document_of(self._ask(method, target, token=token), self.address())

    def _send_json(self, method: str, target: str, value: object, token: CancelToken | None = None) -> Answer:
        headers = {"Content-Type": "application/json"}
        return self._ask(method, target, headers=headers, body=msgspec.json.encode(value), token=token)

    def _image(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        token: CancelToken | None = None,
    ) -> RemoteImage:
        answer = self._ask(method, target, headers=headers, body=body, token=token)
        return RemoteImage.from_document(document_of(answer, self.address()), answer.headers.get("etag"))

    def _done(
        self,
        method: str,
        target: str,
        token: CancelToken | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._ask(method, target, headers=headers, token=token)


def path_part(value: str) -> str:
    """One segment of a path, whatever the value holds. Dots alone would climb, so they are spelled out."""
    if not value:
        raise BadRequest("An id or name cannot be empty.")
    return quote(value, safe="") if value.strip(".") else value.replace(".", "%2E")


def member_path(image_id: str, project: str) -> str:
    return f"/v2/images/{path_part(image_id)}/members/{path_part(project)}"


def if_match(etag: str | None) -> Mapping[str, str]:
    """The header that makes a change conditional."""
    return {"If-Match": etag} if etag else {}


def tasks_in(document: Mapping[str, object]) -> tuple[RemoteTask, ...]:
    entries = document.get("tasks")
    found = entries if isinstance(entries, list) else []
    return tuple(RemoteTask.from_document(entry) for entry in found if isinstance(entry, dict))


def document_of(answer: Answer, address: Address) -> dict[str, object]:
    """The JSON object in an answer. Raises ServerFault."""
    try:
        return msgspec.json.decode(answer.body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ServerFault(f"{address} answered with something that is no JSON object. Is it an Image API?") from error


def header_list(answer: Answer, name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in answer.headers.get(name, "").split(",") if part.strip())


def version_of(entry: Mapping[str, object]) -> ApiVersion:
    links = entry.get("links")
    first = links[0] if isinstance(links, list) and links and isinstance(links[0], dict) else {}
    return ApiVersion(
        id=text(entry.get("id")) or "", status=text(entry.get("status")) or "", url=text(first.get("href")) or ""
    )


def part_of(entry: Mapping[str, object]) -> Part:
    name = text(entry.get("name")) or "a part without a name"
    return Part(name=name, ready=entry.get("ready") is True, error=text(entry.get("error")) or "")


def store_of(entry: Mapping[str, object]) -> RemoteStore:
    """Flags of a store are strings on the wire, there only where true."""
    return RemoteStore(
        id=text(entry.get("id")) or "",
        description=text(entry.get("description")),
        default=text(entry.get("default")) == "true",
        read_only=text(entry.get("read-only")) == "true",
    )
