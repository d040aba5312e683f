"""PUT …/stage: data that wait for their import."""

from __future__ import annotations

from glancetui.config.settings import Settings
from glancetui.errors import Conflict, Gone, NotFound, StoreUnavailable
from glancetui.images.access import actor_of, refuse_read_only, there
from glancetui.images.importing.plugins import COMPRESSED
from glancetui.images.importing.staging import Staging
from glancetui.images.ingest import Ingest, Publishing, Taking, agreed_size, begun
from glancetui.images.rules import Images
from glancetui.images.source import ByteSource
from glancetui.model import Caller, Image, ImageStatus
from glancetui.registry.interface import Intent, Published, Registry

_STAGED = frozenset({ImageStatus.UPLOADING, ImageStatus.IMPORTING})


class Stage:
    """Takes data into the staging folder under the same intents, inspection and quotas as an upload."""

    def __init__(
        self, images: Images, registry: Registry, ingest: Ingest, staging: Staging, settings: Settings, worker: str
    ) -> None:
        self._images = images
        self._registry = registry
        self._ingest = ingest
        self._staging = staging
        self._settings = settings
        self._worker = worker
        self._may_be_packed = "image_decompression" in settings.imports.plugins

    def put(self, caller: Caller, image_id: str, source: ByteSource, declared_size: int | None = None) -> Image:
        """The image, uploading, with its data staged. After an error no byte is left and the image is queued.

        Raises NotFound also where the service takes no staged data.
        """
        refuse_read_only(caller)
        if "glance-direct" not in self._settings.enabled_import_methods:
            raise NotFound("This service takes no staged data (enabled_import_methods). Upload to …/file instead.")
        image = check_queued(self._permitted(caller, image_id))
        limits = self._ingest.limits(image, agreed_size(source.declared_size, declared_size))
        allowance = self._images.quotas.allowance(image.owner, limits.exact)
        driver, actor = self._staging.driver, actor_of(caller)
        lease = self._settings.upload_lease_seconds
        image, intent = begun(
            image,
            lambda seen: self._registry.begin_stage(
                seen, driver.store_id, image_id, self._worker, lease, actor, allowance
            ),
            lambda: check_queued(self._permitted(caller, image_id)),
        )
        taking = Taking(
            intent=intent,
            driver=driver,
            replaces=True,
            source=source,
            limits=limits,
            actor=actor,
            disk_format=image.disk_format,
            # What is to be taken out first is inspected when it is out, as all that an import stores.
            container_format=COMPRESSED if self._may_be_packed else image.container_format,
            hashes=(),
            check=lambda size, _: self._ingest.check_quota(image, size),
            allowance=allowance,
        )
        publishing = Publishing(
            lambda held, found: self._registry.finish_stage(
                held, found.size, self._staging.url, actor, found.quota, found.allowance
            ),
            self._staged,
        )
        try:
            return self._ingest.intake.run(taking, publishing)
        except StoreUnavailable as error:
            # Who deletes the image removes what is staged of it, also under the hands of who still writes it.
            if there(self._registry, image_id) is None:
                raise Gone(f"Image {image_id} was deleted while its data were being staged.") from error
            raise

    def _permitted(self, caller: Caller, image_id: str) -> Image:
        image = self._images.visible(caller, image_id)
        self._images.forbid_or_hide("modify_image", caller, image)
        return image

    def _staged(self, intent: Intent, found: Published) -> Image | None:
        """The size of an image without a copy is told by nothing but the end of its staging."""
        image = there(self._registry, intent.image_id)
        return image if image and image.status in _STAGED and image.size == found.size else None


def check_queued(image: Image) -> Image:
    """Raises Conflict."""
    if image.status != ImageStatus.QUEUED:
        raise Conflict(f"Image {image.id} is {image.status}; data can be staged only while it is queued.")
    return image
