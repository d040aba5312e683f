"""What makes it true that no image is stuck and no byte of a failed upload stays.

Every step may be cut off at any line and repeated: the intent is taken over first (a late owner's publish then meets a
higher fence), the bytes go second, the intent last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from glancetui.errors import GlancetuiError, NotFound, Stale
from glancetui.images.outbox import now
from glancetui.images.worker import Worker, surely_dead
from glancetui.model import Image, ImageStatus
from glancetui.registry.interface import Actor, ImageChange, Intent, Registry, Seen
from glancetui.stores.catalogue import Catalogue

log = logging.getLogger(__name__)

BATCH = 1000
LEASE_NAME = "recovery"
DIED = "The worker that received the data died or gave no sign of life in time. Send the data again."
LEFT_IMPORTING = "An earlier service stopped while it imported the image. Import it again."


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did."""

    uploads: int = 0  # intents undone
    images: int = 0  # images that were saving without an intent

    @property
    def total(self) -> int:
        return self.uploads + self.images


class Recovery:
    """Run by every worker at start and from time to time. One instance a process, used by one thread."""

    def __init__(
        self,
        registry: Registry,
        catalogue: Catalogue,
        worker: Worker,
        lease: float,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._registry = registry
        self._catalogue = catalogue
        self._worker = worker
        self._lease = lease
        self._clock = clock
        self._actor = Actor(node=worker.node)

    def run_once(self) -> Recovered:
        """Uploads of this node's dead workers at once; all else in the one worker that holds the lease for it."""
        uploads = self._undo_all(self._of_dead_neighbours())
        if self._registry.acquire_lease(LEASE_NAME, str(self._worker), self._lease) is None:
            return Recovered(uploads=uploads)
        return Recovered(
            uploads=uploads + self._undo_all(self._registry.expired_intents(self._clock(), BATCH)),
            images=sum(self._requeue(image) for image in self._registry.stuck_images(BATCH))
            + sum(self._give_up(image) for image in self._registry.stranded_imports(self._long_ago(), BATCH)),
        )

    def _of_dead_neighbours(self) -> Sequence[Intent]:
        # Every live lease ends within one lease from now, so this asks for all intents.
        every = self._registry.expired_intents(self._clock() + timedelta(seconds=2 * self._lease), BATCH)
        return [intent for intent in every if surely_dead(intent.owner, self._worker)]

    def _undo_all(self, intents: Iterable[Intent]) -> int:
        return sum(self._undo(intent) for intent in intents)

    def _undo(self, intent: Intent) -> bool:
        try:
            ours = self._registry.take_over(intent, str(self._worker), self._lease)
            self._catalogue.holder(ours.store).discard(ours.object_id)
            self._registry.abandon_upload(ours, DIED, self._actor)
        except Stale:
            return False  # its owner lives after all, or another worker was first
        except GlancetuiError as error:
            # The intent stays, now ours; it is tried again when its lease has run out.
            log.warning("The broken upload of image %s cannot be undone yet: %s", intent.image_id, error)
            return False
        log.warning("Undid the upload of image %s, which worker %s left unfinished.", intent.image_id, intent.owner)
        return True

    def _long_ago(self) -> datetime:
        return self._clock() - timedelta(seconds=self._lease)

    def _give_up(self, image: Image) -> bool:
        """An import that an older service, without jobs, left behind."""
        seen = Seen(image_id=image.id, revision=image.revision, updated_at=image.updated_at)
        try:
            self._registry.give_up_import(seen, LEFT_IMPORTING, self._actor)
        except (Stale, NotFound):
            return False
        log.warning("Image %s was importing without anybody doing it; it is queued again.", image.id)
        return True

    def _requeue(self, image: Image) -> bool:
        """An image that Glance, which keeps no intents, left in saving: for a lease nothing has happened to it."""
        if image.updated_at > self._clock() - timedelta(seconds=self._lease):
            return False
        seen = Seen(image_id=image.id, revision=image.revision, updated_at=image.updated_at)
        try:
            self._remove_leftovers(image.id)  # first: while the image is saving, nobody else can begin to write it
            self._registry.change_image(seen, ImageChange(status=ImageStatus.QUEUED), self._actor)
        except (Stale, NotFound):
            return False
        except GlancetuiError as error:
            log.warning("The broken upload of image %s cannot be undone yet: %s", image.id, error)
            return False
        log.warning("Image %s was saving without anybody sending data; it is queued again.", image.id)
        return True

    def _remove_leftovers(self, image_id: str) -> None:
        """Glance writes under the final name: what it had of the image would stand in the next upload's way."""
        for store in self._catalogue.ids():
            driver = self._catalogue[store]
            if not driver.capabilities.writes:
                continue
            if not self._registry.knows_object(store, image_id, driver.location_of(image_id).url):
                driver.discard(image_id)
