"""POST …/import: decides whether an import may begin, and begins it as a durable job."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from glancetui.config.settings import Settings
from glancetui.errors import BadRequest, Conflict, Overloaded
from glancetui.fetch.fetcher import Fetcher
from glancetui.images.access import actor_of, refuse_read_only
from glancetui.images.importing.request import ImportRequest, read_import
from glancetui.images.importing.staging import Staging
from glancetui.images.ingest import begun
from glancetui.images.jobs import JobRunner
from glancetui.images.rules import Condition, Images, anyway
from glancetui.images.signatures import is_signed
from glancetui.model import Caller, Image, ImageStatus
from glancetui.registry.interface import Registry
from glancetui.registry.jobs import ImportSpec, Job, Method, NewJob
from glancetui.registry.values import Seen
from glancetui.stores.catalogue import Catalogue, is_reserved

STAGE_HOST = "os_glance_stage_host"
#: Region and interface → address of the Image API there, from the catalogue that came with the caller's token.
EndpointOf = Callable[[str, str], str | None]
#: Status that an image must have, by method.
BEFORE: Mapping[Method, ImageStatus] = {
    "glance-direct": ImageStatus.UPLOADING,
    "web-download": ImageStatus.QUEUED,
    "glance-download": ImageStatus.QUEUED,
    "copy-image": ImageStatus.ACTIVE,
}


class Elsewhere(msgspec.Struct, frozen=True):
    """The staged data are at another node, which has to do it."""

    url: str


class _StagedElsewhere(Exception):
    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class Imports:
    """Callable from many threads."""

    def __init__(
        self,
        images: Images,
        registry: Registry,
        catalogue: Catalogue,
        staging: Staging,
        fetcher: Fetcher,
        runner: JobRunner,
        settings: Settings,
    ) -> None:
        self._images = images
        self._registry = registry
        self._catalogue = catalogue
        self._staging = staging
        self._fetcher = fetcher
        self._runner = runner
        self._settings = settings

    def begin(
        self,
        caller: Caller,
        image_id: str,
        body: Mapping[str, object],
        header_store: str | None = None,
        token: str | None = None,
        endpoint_of: EndpointOf | None = None,
    ) -> Job | Elsewhere | None:
        """The job; None where nothing is left to do.

        Raises BadRequest, Forbidden, NotFound, Conflict, LimitExceeded, Unavailable.
        """
        refuse_read_only(caller)
        request = read_import(body, header_store, self._settings.enabled_import_methods)
        self._check_single_store(request, header_store)
        image = self._ready(caller, image_id, request)
        stores = self._stores(request, image)
        if not stores:
            return None
        host = self._host_of(image) if request.method == "glance-direct" else None
        if host is not None:
            return Elsewhere(host)
        if request.uri is not None:
            self._fetcher.check(request.uri)
        endpoint = self._endpoint(request, endpoint_of)
        staged_size = image.size if request.method == "glance-direct" else None
        allowance = self._images.quotas.allowance(image.owner, staged_size)
        job_id = str(uuid.uuid4())

        def begin(seen: Seen) -> Job:
            new = self._new_job(job_id, request, stores, image, caller, endpoint)
            return self._registry.begin_import(seen, new, actor_of(caller), allowance)

        def again() -> Image:
            nonlocal image
            image = self._ready(caller, image_id, request)
            return image

        _, job = begun(image, begin, again)
        return self._run(job, token)

    def _ready(self, caller: Caller, image_id: str, request: ImportRequest) -> Image:
        image = self._images.visible(caller, image_id)
        self._images.forbid_or_hide("copy_image" if request.method == "copy-image" else "modify_image", caller, image)
        check_state(image, request)
        if request.method != "copy-image":  # of what is there already nothing becomes different
            self._images.check_before_import(image)
        return image

    def begin_task(self, caller: Caller, attributes: Mapping[str, Any], uri: str, task_input: object) -> Job:
        """Makes an image and imports it: the tasks API's `import`. Raises what making an image does, and BadRequest."""
        self._fetcher.check(uri)
        image = self._images.create(caller, attributes)
        spec = ImportSpec(
            method="web-download",
            stores=(self._catalogue.default_store,),
            uri=uri,
            roles=tuple(sorted(caller.roles)),
            made_image=True,
        )
        new = NewJob(
            id=str(uuid.uuid4()),
            spec=spec,
            task_type="import",
            task_input=msgspec.json.encode(task_input).decode(),
            task_owner=caller.project or "",
            owner=self._runner.owner if self._runner.has_room() else None,
            lease=self._runner.lease,
        )
        seen = Seen(image_id=image.id, revision=image.revision, updated_at=image.updated_at)
        allowance = self._images.quotas.allowance(image.owner)
        return self._run(self._registry.begin_import(seen, new, actor_of(caller), allowance), None)

    def delete(self, caller: Caller, image_id: str, condition: Condition = anyway) -> str | None:
        """Deletes the image, and its staged data with it. Raises as `Images.delete`.

        Where another node holds the staged data nothing is deleted: that node, which is returned, must do it.
        """

        def here(image: Image) -> None:
            host = self._host_of(image) if image.status == ImageStatus.UPLOADING else None
            if host is not None:
                self._images.forbid_or_hide("delete_image", caller, image)
                raise _StagedElsewhere(host)
            condition(image)

        try:
            self._images.delete(caller, image_id, here)
        except _StagedElsewhere as error:
            return error.host
        self._staging.remove(image_id)
        return None

    def _run(self, job: Job, token: str | None) -> Job:
        if job.owner == self._runner.owner:
            self._runner.run_now(job, token)
        else:
            self._runner.wake()
        return job

    def _new_job(
        self,
        job_id: str,
        request: ImportRequest,
        stores: tuple[str, ...],
        image: Image,
        caller: Caller,
        endpoint: str | None,
    ) -> NewJob:
        staged = request.method == "glance-direct"
        spec = ImportSpec(
            method=request.method,
            stores=stores,
            must_succeed=request.must_succeed,
            uri=request.uri,
            remote_image=request.remote_image,
            remote_endpoint=endpoint,
            before=image.status,
            staged_size=image.size if staged else None,
            roles=tuple(sorted(caller.roles)),
        )
        shown = {"image_id": image.id, "import_req": dict(request.body), "backend": list(stores)}
        here = self._runner.has_room()
        signed = request.method != "copy-image" and is_signed(image.properties)
        if (request.method == "glance-download" or signed) and not here:
            # Others cannot take it: the token is known to this process alone.
            raise Overloaded("This worker has as many imports under way as it may have. Try again in a moment.")
        return NewJob(
            id=job_id,
            spec=spec,
            task_input=msgspec.json.encode(shown).decode(),
            task_owner=caller.project or "",
            owner=self._runner.owner if here else None,
            site=self._staging.site if staged else None,
            lease=self._runner.lease,
        )

    def _check_single_store(self, request: ImportRequest, header_store: str | None) -> None:
        if self._settings.multi_store:
            return
        if request.stores is not None and not header_store:
            raise BadRequest("This service has a single store: leave out `stores`.")
        if not request.must_succeed:
            raise BadRequest("This service has a single store, in which every import must succeed.")

    def _stores(self, request: ImportRequest, image: Image) -> tuple[str, ...]:
        """Where to, in order. Raises BadRequest, Conflict."""
        if request.all_stores:
            writable = [name for name in self._catalogue.ids() if self._catalogue[name].capabilities.writes]
            held = self._held(image)
            return tuple(name for name in writable if name not in held)
        stores = request.stores or (self._catalogue.default_store,)
        for name in stores:
            self._check_store(name, request, image)
        return stores

    def _check_store(self, name: str, request: ImportRequest, image: Image) -> None:
        if is_reserved(name):
            raise BadRequest(f"{name} is the service's own store. Choose another.")
        if name not in self._catalogue:
            raise Conflict(f"There is no store {name[:80]!r}. The stores are: {', '.join(self._catalogue.ids())}.")
        if not self._catalogue[name].capabilities.writes:
            raise BadRequest(f"Store {name} is read-only. Choose a store that takes images.")
        if request.method == "copy-image" and name in self._held(image):
            raise BadRequest(f"Store {name} has a copy of image {image.id} already. Name stores that have none.")

    def _held(self, image: Image) -> set[str]:
        return {self._catalogue.location(row).store for row in image.locations}

    def _host_of(self, image: Image) -> str | None:
        host = image.properties.get(STAGE_HOST)
        return host if host and host.rstrip("/") != self._staging.url else None

    def _endpoint(self, request: ImportRequest, endpoint_of: EndpointOf | None) -> str | None:
        """Of glance-download. None also where the catalogue names none: the job says so, as clients expect."""
        if request.method != "glance-download" or endpoint_of is None:
            return None
        return endpoint_of(request.region or "", request.interface)


def check_state(image: Image, request: ImportRequest) -> None:
    """Raises Conflict."""
    wanted = BEFORE[request.method]
    if image.status != wanted:
        raise Conflict(f"Image {image.id} is {image.status}; {request.method} needs one that is {wanted}.")
    if request.method in {"glance-download", "copy-image"}:
        return  # the formats come along, or are known
    unset = [name for name in ("disk_format", "container_format") if getattr(image, name) is None]
    if unset:
        raise Conflict(f"Set {' and '.join(unset)} of image {image.id} before it is imported.")
