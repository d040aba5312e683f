"""An endpoint over HTTP, as the views want it. Imported after the first frame: the client's libraries take time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from glancetui.client.caching import NodeCache
from glancetui.client.cancel import CancelToken
from glancetui.client.client import Client
from glancetui.client.metadefs import Metadefs
from glancetui.client.query import ImageQuery, SortKey, in_order
from glancetui.client.values import Part, RemoteImage, RemoteMember, RemoteTask
from glancetui.tui.ports import About, Listing, Query


class RemoteService:
    """Safe to use from many threads. `cancel` ends every request that runs, by closing its socket."""

    def __init__(self, client: Client, cloud: str = "") -> None:
        self._client, self._cloud = client, cloud
        self._token = CancelToken()
        self.definitions = Metadefs(client, self._token)
        self.cache = NodeCache(client, self._token)

    def cancel(self) -> None:
        self._token.cancel()

    def about(self) -> About:
        address = self._client.address(self._token)
        versions = self._client.versions(self._token)
        caller = self._client.caller(self._token)
        named = "@".join(part for part in (caller.user, caller.project or caller.project_id) if part)
        return About(
            endpoint=str(address).removeprefix("http://"),
            version=versions[0].id if versions else "",
            caller=named,
            cloud=self._cloud,
            project=caller.project_id,
        )

    def page(self, query: Query, after: str | None, limit: int, etag: str | None = None) -> Listing | None:
        asked = ImageQuery(
            params=query.params,
            sort=(SortKey(query.order.key, query.order.descending),),
            hidden_too=query.hidden_too,
        )
        if asked.hidden_too:
            return self._both_kinds(asked, after, limit)
        page = self._client.page(asked, after, limit=limit, etag=etag, token=self._token)
        return None if page is None else Listing(images=page.images, more=page.more, etag=page.etag)

    def _both_kinds(self, asked: ImageQuery, after: str | None, limit: int) -> Listing:
        """Hidden images among the others: an endpoint lists one kind at a time, either from any marker."""
        images: list[RemoteImage] = []
        more = False
        for hidden in (False, True):
            page = self._client.page(asked.only_hidden(hidden), after, limit=limit, token=self._token)
            if page is not None:
                images.extend(page.images)
                more = more or page.more
        ordered = in_order(asked, images)
        return Listing(images=tuple(ordered[:limit]), more=more or len(ordered) > limit)

    def image(self, image_id: str) -> RemoteImage:
        return self._client.image(image_id, self._token)

    def members(self, image_id: str) -> Sequence[RemoteMember]:
        return self._client.members(image_id, self._token)

    def tasks(self, image_id: str) -> Sequence[RemoteTask]:
        return self._client.tasks_of_image(image_id, self._token)

    def parts(self) -> Sequence[Part]:
        return self._client.parts(self._token)

    def patch(self, seen: RemoteImage, operations: Sequence[Mapping[str, object]]) -> RemoteImage:
        return self._client.patch(seen.id, operations, etag=self._still(seen), token=self._token)

    def delete(self, seen: RemoteImage) -> None:
        self._client.delete(seen.id, self._token, etag=self._still(seen))

    def deactivate(self, seen: RemoteImage) -> None:
        self._client.deactivate(seen.id, self._token, etag=self._still(seen))

    def reactivate(self, seen: RemoteImage) -> None:
        self._client.reactivate(seen.id, self._token, etag=self._still(seen))

    def add_location(self, seen: RemoteImage, url: str) -> None:
        etag = self._still(seen)
        if seen.status == "queued":
            self._client.add_location(seen.id, {"url": url}, self._token)
            return
        operation = {"op": "add", "path": "/locations/-", "value": {"url": url, "metadata": {}}}
        self._client.patch(seen.id, [operation], etag=etag, token=self._token)

    def remove_copy(self, seen: RemoteImage, store: str) -> None:
        self._still(seen)
        self._client.remove_copy(seen.id, store, self._token)

    def _still(self, seen: RemoteImage) -> str | None:
        """The ETag under which the image is still as it was seen. Raises Stale."""
        return self._client.unchanged(seen, self._token).etag

    def add_member(self, image_id: str, project: str) -> None:
        self._client.add_member(image_id, project, self._token)

    def remove_member(self, image_id: str, project: str) -> None:
        self._client.remove_member(image_id, project, self._token)
