"""One transaction that changes an image: comparing what was seen, moving the revision on, telling of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from glancetui.config.settings import OwedNotifications
from glancetui.errors import NotFound, RegistryUnavailable, Stale
from glancetui.model import Image
from glancetui.registry.interface import Actor, Seen
from glancetui.registry.sql import events, leases, notices
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.notices import Notices
from glancetui.registry.sql.show import Show
from glancetui.registry.sql.statement import Kept, Values
from glancetui.registry.sql.tables import gt_images, images

_OF_DATA = frozenset({"image.prepare", "image.upload"})
_STATE = (
    sa.select(
        images.c.id,
        images.c.status,
        images.c.created_at,
        images.c.updated_at,
        images.c.deleted,
        gt_images.c.revision,
    )
    .select_from(images.outerjoin(gt_images, gt_images.c.image_id == images.c.id))
    .where(images.c.id == sa.bindparam("image_id"))
)
_LOCKED_STATE = _STATE.with_for_update()
_LOCK = sa.select(images.c.id).where(images.c.id == sa.bindparam("image_id")).with_for_update()
_FIRST_REVISION = sa.insert(gt_images)
_NEXT_REVISION = (
    sa.update(gt_images)
    .where(gt_images.c.image_id == sa.bindparam("of_image"))
    .values(revision=gt_images.c.revision + 1)
)
_KEEP_REASON = sa.update(gt_images).where(gt_images.c.image_id == sa.bindparam("of_image"))
_UPDATE = sa.update(images).where(images.c.id == sa.bindparam("of_image"))


class Write(NamedTuple):
    """Rows to add, all with the same columns; or one UPDATE."""

    statement: sa.Insert | sa.Update
    rows: Sequence[Values]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """An image's row as the transaction finds it."""

    image_id: str
    status: str
    updated_at: datetime
    deleted: bool
    revision: int | None  # None: we never changed it


class Change:
    """A transaction under way. `now` is its one time, in UTC without zone, as Glance's columns hold it."""

    def __init__(
        self,
        db: sa.Connection,
        dialect: Dialect,
        kept: Kept,
        show: Show,
        moment: datetime,
        actor: Actor,
        node: str,
        owed: OwedNotifications | None = None,
    ) -> None:
        self.db, self._dialect, self._kept, self._show = db, dialect, kept, show
        self.actor, self._node = actor, node
        self.moment = moment  # as our own columns hold it
        self.now = dialect.stored(moment)
        self.notices = Notices(db, moment, owed)

    # -- statements ----------------------------------------------------------------------------------------------------
    # What most changes do goes straight to the driver; SQLAlchemy's way, on `db`, costs as much again.

    @property
    def clashes(self) -> tuple[type[Exception], ...]:
        """What `run` and `write` raise for a key that is there already."""
        return self._dialect.clashes

    def rows(self, statement: sa.Select[Any], values: Values) -> Sequence[Sequence[Any]]:
        """Any: as the columns are."""
        return self._kept.reading(statement).rows(self.db, values)

    def run(self, statement: sa.Insert | sa.Update, values: Values) -> int:
        """How many rows were there to write."""
        return self._kept.writing(statement, values).run(self.db, values)

    def write(self, *writes: Write) -> None:
        """All of them, in any order: none finds what another writes."""
        kept = self._kept
        spelled = [kept.writing(each.statement, each.rows[0]).spelled(each.rows) for each in writes if each.rows]
        self._dialect.affect_all(self.db, [each for some in spelled for each in some])

    # -- the image -----------------------------------------------------------------------------------------------------

    def state(self, image_id: str) -> State | None:
        """The image's row, which from here on no other transaction changes.

        Where several write at once the row is locked. PostgreSQL would read what is joined to it as it was before the
        wait for the lock: there another statement reads it.
        """
        if self._dialect.concurrent and not self._dialect.locks_joins:
            self.rows(_LOCK, {"image_id": image_id})
        rows = self.rows(_LOCKED_STATE if self._dialect.locks_joins else _STATE, {"image_id": image_id})
        if not rows:
            return None
        [row] = rows
        return State(image_id=row[0], status=row[1], updated_at=row[3] or row[2], deleted=bool(row[4]), revision=row[5])

    def live(self, image_id: str) -> State:
        """Raises NotFound."""
        state = self.state(image_id)
        if state is None or state.deleted or state.status == "pending_delete":
            raise NotFound(f"There is no image {image_id}.")
        return state

    def unchanged(self, seen: Seen) -> State:
        """The row, if it still is as it was seen. Raises Stale, NotFound."""
        state = self.live(seen.image_id)
        if ((state.revision or 0), state.updated_at) != (seen.revision, seen.updated_at):
            raise Stale(f"Image {seen.image_id} was changed by somebody else meanwhile. Read it again, then retry.")
        return state

    def alone(self, name: str) -> None:
        """From here on no other transaction that asked for the same name runs beside this one."""
        if self._dialect.concurrent:
            leases.hold(self.db, name, self.moment)

    def update(self, state: State, values: Mapping[str, object]) -> None:
        """Write columns of the image; its time and revision move on."""
        self.write(*self.updating(state, values))

    def updating(self, state: State, values: Mapping[str, object]) -> tuple[Write, Write]:
        """What `update` writes."""
        row = {"of_image": state.image_id, **values, "updated_at": self.now}
        return Write(_UPDATE, [row]), self.next_revision(state)

    def next_revision(self, state: State) -> Write:
        if state.revision is None:
            return Write(_FIRST_REVISION, [{"image_id": state.image_id, "revision": 1}])
        return Write(_NEXT_REVISION, [{"of_image": state.image_id}])

    def keep_reason(self, image_id: str, reason: str | None) -> None:
        """Why the last attempt to give the image data failed; after `update`, which makes the row."""
        self.run(_KEEP_REASON, {"of_image": image_id, "reason": reason})

    def tell(self, kind: str, image_id: str | None = None, beside: Sequence[Write] = ()) -> None:
        """Write the event, and what is `beside` it."""
        event = events.told(kind, image_id, self.actor, self._node, self.moment)
        if self._dialect.concurrent:
            self.write(*beside, Write(events.ADD_NEW, [event]))
        else:
            self.write(*beside)
            events.add_numbered(self.db, event)

    def notify(self, image_id: str, *kinds: str, backend: str | None = None) -> None:
        """Owe notifications of the image as the transaction has made it by now. `backend`: the store it goes to."""
        if not self.notices.wants(*kinds):
            return
        image = self.image(image_id)
        for kind in kinds:
            more = notices.of_import(image) if kind in _OF_DATA else {}
            more |= {"backend": backend} if backend else {}
            self.notices.owe(kind, lambda more=more: notices.of_image(image) | more)  # type: ignore[misc]

    def image(self, image_id: str) -> Image:
        """The image as this transaction leaves it."""
        image = self._show.as_it_is(self.db, image_id)
        if image is None:
            raise RegistryUnavailable(f"Image {image_id} vanished within a transaction. Check the database.")
        return image
