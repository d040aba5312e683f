"""What the screens need of an endpoint, as Protocols: a test puts a list behind them, the program puts HTTP there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from glancetui.client.values import RemoteImage, RemoteMember

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


class Service(Protocol):
    """One endpoint. Called from many threads; every method may raise a GlancetuiError."""

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

    def set(self, image_id: str, changes: Mapping[str, object], etag: str | None = None) -> RemoteImage:
        """Set attributes, such as {"protected": True}. With `etag`, only if the image is still that one: else Stale."""

    def delete(self, image_id: str) -> None: ...

    def deactivate(self, image_id: str) -> None: ...

    def reactivate(self, image_id: str) -> None: ...
