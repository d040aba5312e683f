"""What the screens need of an endpoint, as Protocols: a test puts a list behind them, the program puts HTTP there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from glancetui.client.values import Part, RemoteImage, RemoteMember, RemoteTask

if TYPE_CHECKING:
    from glancetui.client.caching import CacheState, Half, Pruned
    from glancetui.definitions.check import Book
    from glancetui.definitions.difference import Step

Document = Mapping[str, Any]  # JSON
SORTABLE = ("name", "status", "disk_format", "container_format", "size", "created_at", "updated_at", "id")


class Order(msgspec.Struct, frozen=True):
    """A sort that the server does. `created_at` and `id` always follow as tie-breakers, so the reversal is exact."""

    key: str = "created_at"
    descending: bool = True

    def reversed(self) -> Order:
        return Order(self.key, not self.descending)


class Query(msgspec.Struct, frozen=True):
    """An ordering, and the filter parameters that the server itself applies."""

    order: Order = Order()
    params: tuple[tuple[str, str], ...] = ()
    hidden_too: bool = False

    def reversed(self) -> Query:
        return msgspec.structs.replace(self, order=self.order.reversed())


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to a request for a page."""

    images: tuple[RemoteImage, ...]
    more: bool  # the page was full: there may be rows beyond it
    etag: str | None = None


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the endpoint said of itself on connecting."""

    endpoint: str
    version: str = ""
    caller: str = ""
    cloud: str = ""
    project: str | None = None


class Definitions(Protocol):
    """The metadata definitions of one endpoint, as documents. Every method may raise a GlancetuiError."""

    def namespaces(self) -> Iterator[Document]:
        """Without what lies in them. Raises NotFound where the endpoint has no definitions at all."""

    def namespace(self, name: str) -> Document:
        """With all that lies in it. Raises NotFound."""

    def book(self) -> Book:
        """What holds for properties of images."""

    def resource_types(self) -> Sequence[Document]: ...

    def unchanged(self, seen: Document) -> None:
        """Raises Stale where the namespace is not as it was seen, NotFound."""

    def apply(self, document: Document, steps: Sequence[Step]) -> None:
        """Take the steps that lead to the namespace `document`."""

    def delete(self, name: str) -> None:
        """A namespace with all that lies in it. Raises NotFound, Forbidden."""


class Cache(Protocol):
    """The image cache of the node that answers. Every method may raise a GlancetuiError."""

    def state(self) -> CacheState:
        """Raises NotFound where there is no cache, Forbidden to all but administrators."""

    def queue(self, image_id: str) -> None:
        """Has it fetched. Raises NotFound, BadRequest for an image that is not active."""

    def evict(self, image_id: str) -> None:
        """Out of the cache and the queue."""

    def clear(self, half: Half | None = None) -> None: ...

    def prune(self) -> Pruned: ...

    def clean(self) -> None: ...


class Service(Protocol):
    """One endpoint. Called from many threads; every method may raise a GlancetuiError."""

    @property
    def definitions(self) -> Definitions: ...

    @property
    def cache(self) -> Cache: ...

    def about(self) -> About: ...

    def cancel(self) -> None:
        """End every request that runs; there will be no more."""

    def page(self, query: Query, after: str | None, limit: int, etag: str | None = None) -> Listing | None:
        """Images in the order of `query`, beyond the image `after`. None: unchanged since `etag`.

        Raises BadRequest when `after` has vanished.
        """

    def image(self, image_id: str) -> RemoteImage:
        """Raises NotFound."""

    def members(self, image_id: str) -> Sequence[RemoteMember]: ...

    def tasks(self, image_id: str) -> Sequence[RemoteTask]:
        """The work of the endpoint for an image. Raises NotFound, also where the endpoint tells nobody."""

    def parts(self) -> Sequence[Part]:
        """What the endpoint says of its own parts; empty where it says nothing."""

    # Changes are made to the image as it was `seen`; to one that has changed since, none is. Each may raise Stale.

    def patch(self, seen: RemoteImage, operations: Sequence[Mapping[str, object]]) -> RemoteImage:
        """Apply JSON-patch operations, all or none."""

    def delete(self, seen: RemoteImage) -> None: ...

    def deactivate(self, seen: RemoteImage) -> None: ...

    def reactivate(self, seen: RemoteImage) -> None: ...

    def add_location(self, seen: RemoteImage, url: str) -> None:
        """The data of a queued image, which the endpoint goes on with by itself, or another copy of an active one."""

    def remove_copy(self, seen: RemoteImage, store: str) -> None: ...

    # Members are no part of an image's document: these look at nothing before.

    def add_member(self, image_id: str, project: str) -> None: ...

    def remove_member(self, image_id: str, project: str) -> None: ...


def setting(changes: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    """The operations that set attributes, such as {"protected": True}."""
    return [{"op": "replace", "path": f"/{name}", "value": value} for name, value in changes.items()]
