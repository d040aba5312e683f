"""Actions on images, for the views that show some: the list acts on what is marked, the detail on its one image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from textual import work

from glancetui.client.text import cut
from glancetui.client.values import RemoteImage
from glancetui.errors import Forbidden, GlancetuiError, NotFound
from glancetui.tui import figures
from glancetui.tui.actions import Action
from glancetui.tui.boxes.base import given
from glancetui.tui.boxes.confirm import Confirm, Question
from glancetui.tui.boxes.pick import Choice, Pick
from glancetui.tui.ports import Service, setting
from glancetui.tui.run import Run
from glancetui.tui.undo import Change
from glancetui.tui.views.base import View
from glancetui.tui.widgets import facts

if TYPE_CHECKING:
    Base = View
else:
    Base = object

NEED_AN_IMAGE = frozenset(
    {
        "go.open",
        "look.copy",
        "look.raw",
        "look.save",
        "image.delete",
        "image.protect",
        "image.hide",
        "image.visibility",
        "image.activate",
        "image.edit",
        "image.amend",
        "image.add",
        "cache.warm",
        "property.send",
    }
)
VISIBILITIES = (
    ("private", "only its owner's project"),
    ("shared", "its owner's project, and projects it is offered to"),
    ("community", "everybody by id; not in their lists"),
    ("public", "everybody, in every list"),
)
UNDO_SECONDS = 10.0
MANY = 4  # names that a sentence spells out
DELETED = "deleted"
FORMS = frozenset({"image.edit", "image.add", "property.send"})  # change something once sent
Remember = Callable[[RemoteImage, RemoteImage], None]  # an image before and after its change


class ImageActions(Base):
    """What a view inherits to act on its chosen images."""

    def chosen(self) -> list[RemoteImage]:
        raise NotImplementedError

    def replaced(self, image: RemoteImage) -> None:
        """This image is now so."""
        raise NotImplementedError

    def off(self, action: Action) -> str | None:
        if self.session.read_only and (action.acts or action.id in FORMS):
            return "this session is read-only"
        if self.session.service is None and (action.acts or action.id in NEED_AN_IMAGE):
            return "there is no endpoint yet"
        if action.id in NEED_AN_IMAGE and not self.chosen():
            return "no image is chosen"
        if action.id == "image.activate" and any(
            image.status not in {"active", "deactivated"} for image in self.chosen()
        ):
            return "only active and deactivated images can change so"
        if action.id == "image.edit" and len(self.chosen()) > 1:
            return "it edits one image at a time; E changes all that are marked"
        if action.id == "cache.warm" and any(image.status != "active" for image in self.chosen()):
            return "only active images can be cached"
        if action.id == "look.save" and self.chosen()[0].status != "active":
            return "the image has no data that could be fetched"
        return None

    # Looking

    def act_raw(self) -> None:
        self.desk.open_raw(self.chosen()[0])

    def act_copy(self) -> None:
        chosen = self.chosen()
        endpoint = self.session.endpoint
        texts = {
            "y": ("id", [image.id for image in chosen]),
            "n": ("name", [image.name or "" for image in chosen]),
            "u": ("URL", [f"http://{endpoint}/v2/images/{image.id}" for image in chosen]),
            "h": ("hash", [image.os_hash_value or image.checksum or "" for image in chosen]),
            "j": ("JSON", [facts.spelled(image.document) for image in chosen]),
            "c": ("command", [f"glancetui image show {image.id}" for image in chosen]),
        }
        choices = [Choice(key, what, key) for key, (what, _) in texts.items()]

        def copy(key: str | None) -> None:
            if key is not None:
                self.desk.copy("\n".join(texts[key][1]), texts[key][0])

        self.app.push_screen(Pick("Copy", choices), copy)

    def act_save(self) -> None:
        from glancetui.tui.boxes.save import SaveBox

        image = self.chosen()[0]

        def fetch(path: str | None) -> None:
            if path is not None:
                self.desk.transfers.fetch(image, path)

        self.app.push_screen(SaveBox(image, self.session.pool), fetch)

    # Changing

    def act_protect(self) -> None:
        on = not all(image.protected for image in self.chosen())
        self._set_soon({"protected": on}, "protected" if on else "unprotected", level=0)

    def act_hide(self) -> None:
        on = not all(image.os_hidden for image in self.chosen())
        self._set_soon({"os_hidden": on}, "hidden" if on else "shown again", level=0)

    def act_visibility(self) -> None:
        now = {image.visibility for image in self.chosen()}
        choices = [
            Choice(
                name,
                f"{name:<11} {what}",
                name[0] if name != "public" else "u",
                "it is so now" if now == {name} else "",
            )
            for name, what in VISIBILITIES
        ]

        def picked(name: str | None) -> None:
            if name is not None:
                self._set_soon({"visibility": name}, f"made {name}", level=1)

        self.app.push_screen(Pick("Visible to", choices), picked)

    def act_activate(self) -> None:
        images = self.chosen()
        off = any(image.status == "active" for image in images)
        word, service = "deactivate" if off else "reactivate", self.session.service
        if service is None:
            return
        follows = (
            "Nobody but administrators can fetch it until it is reactivated." if off else "It can be fetched again."
        )
        question = Question(
            title=f"{word.capitalize()} {_these(images)}?",
            sentence=follows,
            things=_things(images),
            yes=word.capitalize(),
        )
        call = service.deactivate if off else service.reactivate
        self.ask_first(question, lambda: self.each(images, call, f"{word}d"))

    def act_warm(self) -> None:
        """Nothing is lost by it, so nothing is asked."""
        service = self.session.service
        if service is None:
            return
        queue = service.cache.queue

        def warm(image: RemoteImage) -> None:
            queue(image.id)

        self.each(self.chosen(), warm, "queued for the cache")

    def _set_soon(self, changes: Mapping[str, object], done: str, *, level: int) -> None:
        """Level 0 acts on one image at once; several, and level 1, ask first."""
        images, service = self.chosen(), self.session.service
        if service is None:
            return

        def act() -> None:
            self._set(images, service, changes, done)

        if level == 0 and len(images) == 1:
            act()
            return
        question = Question(
            title=f"{done.capitalize()}: {_these(images)}?",
            sentence="Each can be changed back, by `z` or by the same key.",
            things=_things(images),
        )
        self.ask_first(question, act)

    def _set(self, images: Sequence[RemoteImage], service: Service, changes: Mapping[str, object], done: str) -> None:
        def remember(image: RemoteImage, _: RemoteImage) -> None:
            back = setting({name: getattr(image, name) for name in changes})
            self.remember(image, back, changes, done)

        self.each(images, lambda image: service.patch(image, setting(changes)), done, remember)

    def ask_first(self, question: Question, act: Callable[[], object]) -> None:
        connection = self.session.connection
        if connection.troubled:
            stale = f"{question.sentence} What is shown is {connection.sentence(self.session.clock())}."
            question = msgspec.structs.replace(question, sentence=stale)
        self.app.push_screen(Confirm(question), given(lambda _: act()))

    @work(exclusive=False, group="acting", exit_on_error=False)
    async def each(
        self,
        images: Sequence[RemoteImage],
        call: Callable[[RemoteImage], RemoteImage | None],
        done: str,
        remember: Remember | None = None,
    ) -> None:
        """One request for each image, in order; a failure is told and does not stop the rest.

        `remember`: called for each that was changed, where that can be undone.
        """
        run = Run(done, len(images))
        self.session.run = run if len(images) > 1 else None
        for image in images:
            if run.stopped:
                break
            await self._one(run, image, call, remember)
            self.post_message(self.Changed())
        self.session.run = None
        self._tell(run, undo=remember is not None)
        self.post_message(self.Changed())

    async def _one(
        self,
        run: Run,
        image: RemoteImage,
        call: Callable[[RemoteImage], RemoteImage | None],
        remember: Remember | None,
    ) -> None:
        try:
            fresh = await self.session.pool.run(call, image)
            if run.done == DELETED:
                self.desk.image_deleted(image.id)
            elif fresh is None:
                fresh = await self._look_again(image)
        except NotFound as error:
            self._failed(run, image, "it is deleted already" if run.done == DELETED else str(error))
            self.desk.image_deleted(image.id)
            return
        except GlancetuiError as error:
            self._failed(run, image, str(error))
            return
        run.succeeded.append(image)
        if fresh is not None:
            self.desk.image_changed(fresh)
        if remember is not None and fresh is not None:
            remember(image, fresh)

    def _failed(self, run: Run, image: RemoteImage, sentence: str) -> None:
        run.failed.append((image, sentence))
        self.session.note(f"{_these([image])} was not {run.done}: {sentence}", "error")
        self.session.connection.hurry(self.session.clock())  # whatever it is now, the list shows it next

    def _tell(self, run: Run, *, undo: bool) -> None:
        """What came of it: a toast, and where several failed, which and why."""
        if run.succeeded:
            hint = " · z undoes" if undo else ""
            self.desk.say(f"{_these(run.succeeded)} {run.done}{hint}", seconds=UNDO_SECONDS if undo else 4)
        if run.stopped:
            self.desk.say(f"Stopped: {run.total - run.tried:,} of {run.total:,} were not tried.", "warning")
        if len(run.failed) == 1:
            image, sentence = run.failed[0]
            self.desk.toast(f"{_these([image])} was not {run.done}: {sentence}", "error", seconds=60)
        elif run.failed:
            self._show_failed(run)

    def _show_failed(self, run: Run) -> None:
        choices = [Choice(image.id, f"{cut(image.name or image.id, 24)}: {sentence}") for image, sentence in run.failed]
        by_id = {image.id: image for image, _ in run.failed}
        title = f"{len(run.failed):,} of {run.total:,} were not {run.done}"

        def open_it(image_id: str) -> None:
            self.desk.open_image(by_id[image_id])

        self.app.push_screen(Pick(title, choices), given(open_it))

    async def _look_again(self, image: RemoteImage) -> RemoteImage | None:
        service = self.session.service
        return None if service is None else await self.session.pool.run(service.image, image.id)

    def remember(
        self, image: RemoteImage, back: Sequence[Mapping[str, object]], left: Mapping[str, object], done: str
    ) -> None:
        sentence = f"{done}: {image.name or image.id}"
        self.session.history.add(
            Change(at=self.session.wall(), sentence=sentence, image_id=image.id, back=back, left=dict(left))
        )

    # Deleting

    def act_delete(self) -> None:
        images, service = self.chosen(), self.session.service
        guarded = [image for image in images if image.protected]
        if service is None:
            return
        if guarded:
            question = Question(
                title=f"{_these(guarded)}: protected",
                sentence="A protected image cannot be deleted. Unprotect it now? That deletes nothing; D asks again.",
                things=_things(guarded),
                yes="Unprotect",
            )
            self.ask_first(
                question,
                lambda: self._set(guarded, service, {"protected": False}, "unprotected"),
            )
            return
        self._ask_delete(images, service)

    @work(exclusive=True, group="asking", exit_on_error=False)
    async def _ask_delete(self, images: Sequence[RemoteImage], service: Service) -> None:
        members = 0
        if len(images) == 1 and images[0].visibility == "shared":
            try:
                members = len(await self.session.pool.run(service.members, images[0].id))
            except (Forbidden, NotFound):
                members = 0  # the endpoint does not tell this caller
            except GlancetuiError as error:
                self.post_message(self.Failed(error))
                return
        self.ask_first(
            deletion(images, members, self.session.wall()), lambda: self.each(images, service.delete, DELETED)
        )


def deletion(images: Sequence[RemoteImage], members: int, now: object = None) -> Question:  # noqa: ARG001
    """What to ask before deleting: level 2 for one quiet image, level 3 for several or one that others use."""
    if len(images) > 1:
        return Question(
            title=f"Delete {len(images)} images?",
            sentence="Their data is removed from the stores. This cannot be undone.",
            things=_things(images),
            typed=str(len(images)),
            typed_what="the number of images",
            yes="Delete",
            danger=True,
        )
    image = images[0]
    others = image.visibility in {"public", "community"} or members > 0
    who = f", {members} member{'s' if members != 1 else ''}" if members else ""
    return Question(
        title="Delete this image?",
        sentence="Its data is removed from the store. This cannot be undone."
        + (" Other projects can use it now." if others else ""),
        facts=(
            ("Name", image.name or "(no name)"),
            ("ID", image.id),
            ("Size", f"{figures.size(image.size)}, {image.disk_format or 'no format'}"),
            ("Seen by", f"{image.visibility}{who}"),
            ("Stores", ", ".join(image.stores) or "one copy"),
            ("Created", figures.moment(image.created_at) if image.created_at else figures.UNKNOWN),
        ),
        typed=(image.name or image.id) if others else "",
        typed_what=("its name" if image.name else "its id") if others else "",
        yes="Delete",
        danger=True,
    )


def _things(images: Sequence[RemoteImage]) -> list[tuple[str, str]]:
    return [(image.id, image.name or "(no name)") for image in images]


def _these(images: Sequence[RemoteImage]) -> str:
    """The images in a sentence: by name while they are few."""
    if len(images) > MANY:
        return f"{len(images)} images"
    return ", ".join(image.name or image.id for image in images)
