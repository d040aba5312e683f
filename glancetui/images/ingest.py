"""How bytes become an image.

Intent row under a lease → bytes to the store under a temporary name, hashed and inspected as they pass → size, hash,
format and quota checked → the store's commit → one transaction that makes the image active and clears the intent. A
crash between any two of these leaves an active image or an intent that recovery undoes.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import msgspec

from glancetui.config.settings import Settings
from glancetui.errors import (
    BadRequest,
    Conflict,
    GlancetuiError,
    Gone,
    LimitExceeded,
    ObjectNotFound,
    Stale,
)
from glancetui.formats.inspect import Inspector
from glancetui.images.access import actor_of, refuse_read_only, there
from glancetui.images.leases import Held, LeaseKeeper
from glancetui.images.ring import Digests, HashThreads, Ring, Slot
from glancetui.images.rules import Images
from glancetui.images.signatures import Signature, Signatures
from glancetui.images.source import ByteSource
from glancetui.model import Caller, Image, ImageLocation, ImageStatus, Location
from glancetui.registry.interface import Actor, Allowance, Intent, Published, Registry, Seen
from glancetui.registry.values import UNLIMITED
from glancetui.stores.catalogue import Catalogue
from glancetui.stores.driver import Driver, Writer

log = logging.getLogger(__name__)

T = TypeVar("T")
Began = TypeVar("Began")

BEGIN_ATTEMPTS = 5  # other changes of the image may come between reading it and beginning; each is read anew


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How many bytes may come. `exact`: declared; `most`: what the cap leaves, or `by_quota` the project's quota."""

    exact: int | None
    most: int
    by_quota: bool = False

    def check(self, received: int) -> None:
        """While bytes come: stops as soon as they are too many."""
        if self.exact is not None and received > self.exact:
            raise BadRequest(f"More data came than the {self.exact} bytes that were declared. Declare the true size.")
        if received > self.most:
            raise too_large(self.most, by_quota=self.by_quota)

    def check_end(self, received: int) -> None:
        if self.exact is not None and received != self.exact:
            raise BadRequest(f"{received} bytes came where {self.exact} were declared. Send the data again.")


def too_large(most: int, *, by_quota: bool) -> LimitExceeded:
    if not by_quota:
        return LimitExceeded(f"An image may have {most} bytes here (image_size_cap). Ask the operator for more.")
    return LimitExceeded(
        f"The project may store {most} bytes more (user_storage_quota). "
        "Delete other images or ask the operator for more."
    )


class Ingest:
    """Takes uploads in. Callable from many threads, one upload each."""

    def __init__(
        self, images: Images, registry: Registry, catalogue: Catalogue, settings: Settings, worker: str
    ) -> None:
        self._images = images
        self._registry = registry
        self._catalogue = catalogue
        self._settings = settings
        self._worker = worker
        self._lease = settings.upload_lease_seconds
        self._keeper = LeaseKeeper(registry, settings.upload_lease_seconds)
        self.intake = Intake(registry, self._keeper, settings)
        self.signatures = Signatures(settings.config_files)

    def upload(
        self,
        caller: Caller,
        image_id: str,
        source: ByteSource,
        store: str | None = None,
        declared_size: int | None = None,
        token: str | None = None,
    ) -> Image:
        """The image, active, with its bytes stored. After an error no byte is left and the image is queued.

        `token` is the caller's, for the key manager.
        """
        refuse_read_only(caller)
        image = self._permitted(caller, image_id)
        driver = self._driver(store)
        checked(image)
        limits = self.limits(image, agreed_size(source.declared_size, declared_size))
        allowance = self._images.quotas.allowance(image.owner, limits.exact)
        signature = self.signatures.of(image.properties, token, caller.project)
        actor = actor_of(caller)
        image, intent = begun(
            image,
            lambda seen: self._registry.begin_upload(
                seen, driver.store_id, free_object_id(image, driver), self._worker, self._lease, actor, allowance
            ),
            lambda: checked(self._permitted(caller, image_id)),
        )
        taking = Taking(
            intent=intent,
            driver=driver,
            source=source,
            limits=limits,
            actor=actor,
            disk_format=image.disk_format,
            container_format=image.container_format,
            hashes=("md5", self._settings.images.hashing_algorithm),
            check=lambda size, _: self.check_quota(image, size),
            allowance=allowance,
            signature=signature,
        )
        return self.intake.run(
            taking, Publishing(lambda held, found: self._registry.publish_upload(held, found, actor), self._published)
        )

    def _published(self, intent: Intent, found: Published) -> Image | None:
        image = there(self._registry, intent.image_id)
        if image is None or found.location.url not in {location.url for location in image.locations}:
            return None
        return image

    def close(self) -> None:
        self._keeper.close()

    def _permitted(self, caller: Caller, image_id: str) -> Image:
        image = self._images.visible(caller, image_id)
        self._images.forbid_or_hide("upload_image", caller, image)
        return image

    def _driver(self, store: str | None) -> Driver:
        driver = self._catalogue[store or self._catalogue.default_store]
        if not driver.capabilities.writes:
            raise Gone(f"Store {driver.store_id} is read-only. Choose a store that takes images.")
        return driver

    def limits(self, image: Image, exact: int | None) -> Limits:
        """What cap and quota leave for the image's data. Raises LimitExceeded where `exact` bytes are too many."""
        cap, left = self._settings.images.size_cap, self.quota_left(image)
        most, by_quota = min(cap, left), left < cap
        if exact is not None and exact > most:
            raise too_large(most, by_quota=by_quota)
        return Limits(exact=exact, most=most, by_quota=by_quota)

    def allowance(self, image: Image, declared: int | None) -> Allowance:
        """Raises Unavailable."""
        return self._images.quotas.allowance(image.owner, declared)

    def check_imported(
        self, caller: Caller, image: Image, properties: Mapping[str, str], copied: Collection[str]
    ) -> None:
        """As `Images.check_imported`."""
        self._images.check_imported(caller, image, properties, copied)

    def quota_left(self, image: Image) -> int:
        quota = self._settings.images.storage_quota
        if not quota:
            return self._settings.images.size_cap
        return max(0, quota - self._registry.bytes_stored(image.owner, image.id))

    def check_quota(self, image: Image, size: int) -> None:
        """Again at the end, before the bytes are made durable: other uploads of the project may have ended meanwhile.
        The last word has the transaction that publishes."""
        left = self.quota_left(image)
        if size > left:
            raise too_large(left, by_quota=bool(self._settings.images.storage_quota))


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """One object on its way into a store."""

    intent: Intent
    driver: Driver
    source: ByteSource
    limits: Limits
    actor: Actor
    disk_format: str | None  # as it is said to be
    container_format: str | None
    hashes: tuple[str, ...]  # names of algorithms; md5 gives the checksum, another one the os_hash_value
    check: Callable[[int, str | None], None]  # of size and hash, before the bytes become visible; raises
    allowance: Allowance = UNLIMITED
    signature: Signature | None = None  # None: the image is not signed
    replaces: bool = False  # what an earlier attempt left under the name goes first; the intent keeps others away


class Publishing(msgspec.Struct, Generic[T], frozen=True):
    """The transaction that makes an object part of its image, and how it is recognised once its answer was lost."""

    publish: Callable[[Intent, Published], T]
    published: Callable[[Intent, Published], T | None]  # what `publish` made of it; None: it was not done


class Intake:
    """Takes objects in: hashed and inspected as they pass, committed, then published. Callable from many threads."""

    def __init__(self, registry: Registry, keeper: LeaseKeeper, settings: Settings) -> None:
        self._registry = registry
        self._keeper = keeper
        self._settings = settings

    def run(self, taking: Taking, publishing: Publishing[T]) -> T:
        """What publishing makes of it. After an error no byte is left, and the intent is cleared."""
        with (
            self._keeper.hold(taking.intent) as held,
            Attempt(self._registry, self._keeper, held, taking.driver, taking.actor) as attempt,
        ):
            return attempt.publish(self._take_in(taking, attempt), publishing)

    def _take_in(self, taking: Taking, attempt: Attempt) -> Published:
        inspector = Inspector(taking.disk_format, taking.container_format, self._settings.images)
        signature = taking.signature
        digests = Digests(taking.hashes, *([] if signature is None else [signature]))
        if taking.replaces:
            taking.driver.discard(attempt.object_id)
        with taking.driver.open_writer(attempt.object_id, taking.limits.exact) as writer:
            size = Stream(taking.source, taking.limits, attempt.held, writer, inspector, digests).run()
            virtual_size = inspector.finish().virtual_size
            taking.limits.check_end(size)
            if signature is not None:
                signature.verify()
            attempt.patiently(lambda: taking.check(size, digests.hash_value))
            location = attempt.commit(writer)
        return Published(
            size=size,
            checksum=digests.checksum,
            os_hash_algo=digests.algorithm,
            os_hash_value=digests.hash_value,
            virtual_size=virtual_size,
            location=self._row(location),
            quota=self._settings.images.storage_quota or None,
            allowance=taking.allowance,
        )

    def _row(self, location: Location) -> ImageLocation:
        # As Glance does: with a single store, clients must not be shown a name that they cannot use.
        metadata = {"store": location.store} if self._settings.multi_store else {}
        return ImageLocation(url=location.url, metadata=metadata)


class Watched(Protocol):
    def check(self) -> None:
        """Often called. Raises when the work must stop."""


class Stream:
    """One body on its way to the store."""

    def __init__(
        self,
        source: ByteSource,
        limits: Limits,
        held: Watched,
        writer: Writer,
        inspector: Inspector,
        digests: Digests,
    ) -> None:
        self._source = source
        self._limits = limits
        self._held = held
        self._writer = writer
        self._inspector = inspector
        self._digests = digests
        self._received = 0

    def run(self) -> int:
        """Returns how many bytes came."""
        ring = Ring()
        users = len(self._digests.all) + 1
        slot = ring.take(users)
        if not self._fill(slot):
            # The whole body is in one buffer: starting threads would cost more than they win.
            self._digests.update(slot.content)
            self._pass_on(slot)
            return self._received
        with HashThreads(self._digests.all, ring) as hashing:
            more = True
            while more:
                hashing.show(slot)
                self._pass_on(slot)
                ring.let_go(slot)
                slot = ring.take(users)
                more = self._fill(slot)
            hashing.show(slot)
            self._pass_on(slot)
        return self._received

    def _fill(self, slot: Slot) -> bool:
        """Reads until the slot is full; False: the body has ended."""
        memory, filled, read_into = slot.memory, 0, self._source.read_into
        while filled < len(memory):
            count = read_into(memory[filled:])
            self._held.check()
            if count == 0:
                break
            filled += count
            self._limits.check(self._received + filled)
        slot.filled = filled
        self._received += filled
        return filled == len(memory)

    def _pass_on(self, slot: Slot) -> None:
        if slot.filled:
            self._inspector.feed(slot.content)
            self._writer.write(slot.content)


class Attempt:
    """One attempt to give an image its bytes. Leaving it by an error undoes it: first the bytes, then the intent."""

    def __init__(self, registry: Registry, keeper: LeaseKeeper, held: Held, driver: Driver, actor: Actor) -> None:
        self.held = held
        self._registry = registry
        self._keeper = keeper
        self._driver = driver
        self._actor = actor
        self._committed = False

    @property
    def object_id(self) -> str:
        return self.held.intent.object_id

    def commit(self, writer: Writer) -> Location:
        # An upload that another worker has taken over must not become visible.
        self.patiently(lambda: self._keeper.renew_if_old(self.held))
        self.held.check()
        location = writer.commit()
        self._committed = True  # a writer whose commit fails removes its bytes itself
        return location

    def publish(self, published: Published, publishing: Publishing[T]) -> T:
        """The bytes have come all the way: a registry that is away for a moment is waited for."""
        try:
            return self.patiently(lambda: publishing.publish(self.held.intent, published))
        except Stale:
            # The answer to an attempt may have got lost; then the registry has our object, and only we knew that.
            done = self.patiently(lambda: publishing.published(self.held.intent, published))
            if done is None:
                raise
            return done

    def patiently(self, call: Callable[[], T]) -> T:
        return self._keeper.patiently(self.held, call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None:
            return
        reason = reason_of(error)
        log.info("The upload of image %s failed: %s", self.held.intent.image_id, reason)
        try:
            self._undo(reason)
        except GlancetuiError as failure:
            # The intent stays, and recovery undoes the upload when its lease has run out.
            log.warning("The upload of image %s could not be undone yet: %s", self.held.intent.image_id, failure)

    def _undo(self, reason: str) -> None:
        try:
            if self._committed:
                # Proof that the image was not published after all, by a transaction whose answer got lost: then the
                # intent would be gone, Stale would be raised, and the bytes must stay.
                self._keeper.renew(self.held)
                self._driver.discard(self.object_id)
            self._registry.abandon_upload(self.held.intent, reason, self._actor)
        except Stale:
            log.info("The upload of image %s is in other hands, or was published.", self.held.intent.image_id)
            self._discard_if_unknown()

    def _discard_if_unknown(self) -> None:
        """Bytes committed after another worker had undone the upload. No other attempt ever has this object's id."""
        intent = self.held.intent
        url = self._driver.location_of(intent.object_id).url
        if self._committed and not self._registry.knows_object(intent.store, intent.object_id, url):
            self._driver.discard(intent.object_id)


def reason_of(error: BaseException) -> str:
    """A sentence for people: ours is one, others are for the log."""
    return str(error) if isinstance(error, GlancetuiError) else "The service failed; its log says why."


def told_of(error: BaseException) -> str:
    """The same for those who asked, who need not know the service's folders and hosts."""
    return getattr(error, "told", None) or reason_of(error)


def begun(image: Image, begin: Callable[[Seen], Began], again: Callable[[], Image]) -> tuple[Image, Began]:
    """What `begin` makes of the image as it was seen; where others changed it meanwhile, it is read `again`."""
    for _ in range(BEGIN_ATTEMPTS):
        try:
            return image, begin(Seen(image_id=image.id, revision=image.revision, updated_at=image.updated_at))
        except Stale:
            image = again()
    raise Conflict(f"Image {image.id} is being changed by others all the time. Try again.")


def checked(image: Image) -> Image:
    """Raises Conflict, BadRequest for an image that cannot take data now."""
    if image.status != ImageStatus.QUEUED:
        raise Conflict(f"Image {image.id} is {image.status}; data can be uploaded only while it is queued.")
    if unset := unset_formats(image):
        raise BadRequest(f"Set {unset} of image {image.id} before its data is uploaded.")
    return image


def unset_formats(image: Image) -> str:
    """Their names, as a sentence has them; empty: both are set."""
    return " and ".join(name for name in ("disk_format", "container_format") if getattr(image, name) is None)


def agreed_size(framed: int | None, declared: int | None) -> int | None:
    """What the framing and the header say together. Raises BadRequest where they contradict each other."""
    if framed is not None and declared is not None and framed != declared:
        raise BadRequest(f"The body is {framed} bytes long, but {declared} were declared. Declare the true size.")
    return declared if framed is None else framed


def free_object_id(image: Image, driver: Driver) -> str:
    """The image's own id, as in Glance, where others look for it; a fresh one if the store already holds that.

    Such an object is what a worker left that was stopped for longer than its lease, or belongs to another registry. It
    is not ours to replace, and must not keep the image from ever having data.
    """
    try:
        driver.stat(driver.location_of(image.id))
    except ObjectNotFound:
        return image.id
    return fresh_object_id()


def fresh_object_id() -> str:
    return str(uuid.uuid4())
