"""Where an image's copies lie, as services are told and may say; and a copy removed by the name of its store."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from glancetui.config.settings import Settings
from glancetui.errors import BadRequest, Conflict, Forbidden, NotFound, StoreUnavailable
from glancetui.images.access import actor_of, refuse_read_only
from glancetui.images.admission import WEB, Admission, scheme_of
from glancetui.images.ingest import begun, unset_formats
from glancetui.images.jobs import JobRunner
from glancetui.images.location_patch import Said, check_scheme, checked_url, read_said
from glancetui.images.rules import Images
from glancetui.model import Caller, Image, ImageLocation, ImageStatus
from glancetui.registry.interface import ImageChange, Registry, Seen
from glancetui.registry.jobs import ImportSpec, Job, NewJob
from glancetui.stores.catalogue import Catalogue

SERVICE = "service"


class Locations:
    """Callable from many threads."""

    def __init__(
        self,
        images: Images,
        registry: Registry,
        catalogue: Catalogue,
        admission: Admission,
        runner: JobRunner,
        settings: Settings,
    ) -> None:
        self._images = images
        self._registry = registry
        self._catalogue = catalogue
        self._admission = admission
        self._runner = runner
        self._settings = settings

    def listed(self, caller: Caller, image_id: str) -> tuple[ImageLocation, ...]:
        """Raises NotFound, Forbidden."""
        image = self._images.visible(caller, image_id)
        self._images.forbid_or_hide("fetch_image_location", in_service(caller), image)
        return image.locations

    def add(self, caller: Caller, image_id: str, body: Mapping[str, object]) -> Job:
        """Has what lies at the body's url made the image's data. Raises BadRequest, Forbidden, NotFound, Conflict."""
        refuse_read_only(caller)
        url, said = read_request(body)
        image = self._ready(caller, image_id, url)
        self._admission.check(url)
        job_id = str(uuid.uuid4())
        new = NewJob(
            id=job_id,
            spec=ImportSpec(
                method="add-location",
                stores=(),
                uri=url,
                before=ImageStatus.QUEUED,
                hashing=self._settings.images.do_secure_hash,
                hash_algo=said.os_hash_algo if said else None,
                hash_value=said.os_hash_value if said else None,
            ),
            task_type="location_import",
            task_input=task_input(image, url, said),
            task_owner=caller.project or "",
            owner=self._runner.owner if self._runner.has_room() else None,
            lease=self._runner.lease,
        )
        _, job = begun(
            image,
            lambda seen: self._registry.begin_import(seen, new, actor_of(caller)),
            lambda: self._ready(caller, image_id, url),
        )
        return self._runner.take_up(job)

    def _ready(self, caller: Caller, image_id: str, url: str) -> Image:
        image = self._images.visible(caller, image_id)
        self._images.forbid_or_hide("add_image_location", in_service(caller), image)
        if not is_service(caller) and (scheme_of(url) not in WEB or not self._admission.has_web_store()):
            raise Forbidden(
                "Without the role service only http and https locations are added, where a store reads them."
            )
        if image.status != ImageStatus.QUEUED:
            raise Conflict(f"Image {image.id} is {image.status}; a location is added to a queued one.")
        if unset := unset_formats(image):
            raise Conflict(f"Set {unset} of image {image.id} before a location is added.")
        return image

    def permit_store_details(self, caller: Caller) -> None:
        """Raises Forbidden."""
        self._images.permit("stores_info_detail", in_service(caller))

    def remove_copy(self, caller: Caller, store: str, image_id: str) -> None:
        """The copy in one store goes; its bytes are owed to the outbox. Raises NotFound, Forbidden, Conflict."""
        refuse_read_only(caller)
        if not self._settings.multi_store:
            raise NotFound("This service has a single store. Delete the image to remove its data.")
        if store not in self._catalogue:
            raise Conflict(f"There is no store {store[:80]!r}. The stores are: {', '.join(self._catalogue.ids())}.")

        image = self._removable(caller, image_id)

        def remove(seen: Seen) -> Image:
            gone = self._copy_in(image, store)
            left = tuple(row for row in image.locations if row.id != gone.id)
            change = ImageChange(locations=left, keep=self._settings.images.keep_deleted_seconds)
            return self._registry.change_image(seen, change, actor_of(caller))

        def again() -> Image:
            nonlocal image
            image = self._removable(caller, image_id)
            return image

        begun(image, remove, again)

    def _removable(self, caller: Caller, image_id: str) -> Image:
        image = self._images.visible(caller, image_id)
        for rule in ("get_image_location", "delete_image_location"):
            self._images.forbid_or_hide(rule, caller, image)
        if image.status != ImageStatus.ACTIVE:
            raise Conflict(f"Image {image.id} is {image.status}; copies are removed of an active one.")
        if len(image.locations) < 2:
            raise Forbidden(f"Image {image.id} has no other copy. Delete the image instead.")
        return image

    def _copy_in(self, image: Image, store: str) -> ImageLocation:
        found = next((row for row in image.locations if self._store_of(row) == store), None)
        if found is None:
            raise NotFound(f"Image {image.id} has no copy in store {store}.")
        return found

    def _store_of(self, row: ImageLocation) -> str | None:
        try:
            return self._catalogue.location(row).store
        except StoreUnavailable:
            return None


def read_request(body: Mapping[str, object]) -> tuple[str, Said | None]:
    """Raises BadRequest."""
    unknown = sorted(body.keys() - {"url", "validation_data"})
    if unknown:
        raise BadRequest(f"The body has url and validation_data, not {unknown[0][:40]!r}.")
    validation = body.get("validation_data")
    if isinstance(validation, Mapping) and not validation:
        validation = None  # what clients send where nothing is said
    if isinstance(validation, Mapping) and "checksum" in validation:
        raise BadRequest("validation_data holds os_hash_algo and os_hash_value, and nothing else.")
    url = checked_url(body.get("url"))
    check_scheme(url)
    return url, None if validation is None else read_said(validation)


def is_service(caller: Caller) -> bool:
    return SERVICE in caller.roles | caller.service_roles


def in_service(caller: Caller) -> Caller:
    """Who comes with a service's token acts in its role, as far as this API goes."""
    return msgspec.structs.replace(caller, roles=caller.roles | {SERVICE}) if is_service(caller) else caller


def task_input(image: Image, url: str, said: Said | None) -> str:
    """What the task shows: without what may be a password."""
    shown = {"image_id": image.id, "loc_url": without_secrets(url), "validation_data": said.facts() if said else {}}
    return msgspec.json.encode(shown).decode()


def without_secrets(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{scheme_of(url)}:***"
    netloc = parts.netloc.rpartition("@")[2]
    query = "***" if parts.query else ""
    return parts._replace(netloc=netloc, query=query, fragment="").geturl()
