"""A random life of images, beside a model of it in plain dictionaries: after each step both say the same."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from glancetui.config.settings import DatabaseSettings, ImageSettings, PolicySettings, Settings
from glancetui.errors import Conflict, Forbidden, GlancetuiError, LimitExceeded, NotFound
from glancetui.images.patch import Operation
from glancetui.images.policy import Policy
from glancetui.images.rules import Images
from glancetui.model import Caller, Image
from glancetui.registry.interface import ImageQuery
from glancetui.registry.sql import open_registry

OWNER = Caller(project="p1", roles=frozenset({"member", "reader"}))
OTHER = Caller(project="p2", roles=frozenset({"member", "reader"}))
ADMIN = Caller(project="ops", roles=frozenset({"admin", "member", "reader"}), is_admin=True)
QUOTA = 3

names = st.sampled_from(["a", "b", "c", "d", "e"])
texts = st.text("xyz é\u202e", max_size=4)
callers = st.sampled_from([OWNER, OTHER, ADMIN])


class Model:
    """What an image must be; `members` by project."""

    def __init__(self, owner: str, visibility: str) -> None:
        self.owner, self.visibility = owner, visibility
        self.name: str | None = None
        self.protected = False
        self.properties: dict[str, Any] = {}
        self.tags: set[str] = set()
        self.members: dict[str, str] = {}

    def seen_by(self, caller: Caller) -> bool:
        shared = self.visibility == "shared" and caller.project in self.members
        return caller.is_admin or caller.project == self.owner or self.visibility in {"public", "community"} or shared

    def listed_for(self, caller: Caller) -> bool:
        if caller.project == self.owner:
            return True
        if caller.is_admin:
            return self.visibility != "community"
        accepted = self.visibility == "shared" and self.members.get(caller.project or "") == "accepted"
        return self.visibility == "public" or accepted

    def owned_by(self, caller: Caller) -> bool:
        return caller.is_admin or caller.project == self.owner


@functools.cache
def rules() -> Images:
    folder = Path(tempfile.mkdtemp())
    database = DatabaseSettings(connection=f"sqlite:///{folder}/db", upgrade=True)
    registry = open_registry(database, "node")
    atexit.register(lambda: (registry.close(), shutil.rmtree(folder)))
    options = ImageSettings(property_quota=QUOTA, tag_quota=QUOTA, member_quota=QUOTA)
    settings = Settings(data_dir=folder, database=database, stores=(), default_store="", images=options)
    return Images(registry, Policy.load(PolicySettings()), None, settings)


class Life(RuleBasedStateMachine):
    images_there = Bundle("images_there")

    def __init__(self) -> None:
        super().__init__()
        self.images = rules()
        self.models: dict[str, Model] = {}

    def teardown(self) -> None:
        """The next life starts with nothing, on the same registry: opening one takes longer than a life."""
        for image_id in self.models:
            self.images.patch(ADMIN, image_id, [Operation("replace", "protected", False)])
            self.images.delete(ADMIN, image_id)

    @rule(
        target=images_there,
        caller=st.sampled_from([OWNER, OTHER]),
        visibility=st.sampled_from(["private", "shared", "community"]),
    )
    def create(self, caller: Caller, visibility: str) -> str:
        image = self.images.create(caller, {"visibility": visibility})
        self.models[image.id] = Model(caller.project or "", visibility)
        return image.id

    @rule(
        image_id=images_there, caller=callers, name=texts, visibility=st.sampled_from(["private", "shared", "public"])
    )
    def rename_and_show_to(self, image_id: str, caller: Caller, name: str, visibility: str) -> None:
        model = self.models[image_id]
        operations = [Operation("replace", "name", name), Operation("replace", "visibility", visibility)]
        allowed = model.owned_by(caller) and (visibility != "public" or caller.is_admin)
        error = None if allowed else self.refusal(model, caller) or Forbidden
        if self.expect(error, self.images.patch, caller, image_id, operations):
            model.name, model.visibility = name, visibility

    @rule(image_id=images_there, caller=callers, name=names, value=texts)
    def set_property(self, image_id: str, caller: Caller, name: str, value: str) -> None:
        model = self.models[image_id]
        error = self.refusal(model, caller)
        if error is None and name not in model.properties and len(model.properties) == QUOTA:
            error = LimitExceeded
        if self.expect(error, self.images.patch, caller, image_id, [Operation("add", name, value)]):
            model.properties[name] = value

    @rule(image_id=images_there, caller=callers, name=names)
    def remove_property(self, image_id: str, caller: Caller, name: str) -> None:
        model = self.models[image_id]
        error = self.refusal(model, caller)
        if error is None and name not in model.properties:
            error = Conflict
        if self.expect(error, self.images.patch, caller, image_id, [Operation("remove", name)]):
            del model.properties[name]

    @rule(image_id=images_there, caller=callers, tag=names)
    def tag(self, image_id: str, caller: Caller, tag: str) -> None:
        model = self.models[image_id]
        error = self.refusal(model, caller)
        if error is None and tag not in model.tags and len(model.tags) == QUOTA:
            error = LimitExceeded
        if self.expect(error, self.images.add_tag, caller, image_id, tag):
            model.tags.add(tag)

    @rule(image_id=images_there, caller=callers, tag=names)
    def untag(self, image_id: str, caller: Caller, tag: str) -> None:
        model = self.models[image_id]
        error = self.refusal(model, caller)
        if error is None and tag not in model.tags:
            error = NotFound
        if self.expect(error, self.images.remove_tag, caller, image_id, tag):
            model.tags.discard(tag)

    @rule(image_id=images_there, caller=callers, project=st.sampled_from(["p2", "p3", "p4", "p5"]))
    def share(self, image_id: str, caller: Caller, project: str) -> None:
        model = self.models[image_id]
        error = self.refusal(model, caller)
        if error is None and model.visibility != "shared":
            error = Forbidden
        if error is None and project in model.members:
            error = Conflict
        elif error is None and len(model.members) == QUOTA:
            error = LimitExceeded
        if self.expect(error, self.images.members.add, caller, image_id, project):
            model.members[project] = "pending"

    @rule(image_id=images_there, status=st.sampled_from(["accepted", "rejected", "pending"]))
    def answer(self, image_id: str, status: str) -> None:
        model = self.models[image_id]
        error: type[GlancetuiError] | None = None
        if not model.seen_by(OTHER):
            error = NotFound
        elif model.visibility != "shared":
            error = Forbidden
        elif "p2" not in model.members:
            error = NotFound
        if self.expect(error, self.images.members.set_status, OTHER, image_id, "p2", status):
            model.members["p2"] = status

    @rule(image_id=images_there, protected=st.booleans())
    def protect(self, image_id: str, protected: bool) -> None:
        self.images.patch(ADMIN, image_id, [Operation("replace", "protected", protected)])
        self.models[image_id].protected = protected

    @precondition(lambda self: any(not model.protected for model in self.models.values()))
    @rule(image_id=consumes(images_there))
    def delete(self, image_id: str) -> None:
        self.images.patch(ADMIN, image_id, [Operation("replace", "protected", False)])
        self.images.delete(ADMIN, image_id)
        del self.models[image_id]
        self.expect(NotFound, self.images.show, ADMIN, image_id)

    @rule(image_id=images_there, caller=callers)
    def delete_refused(self, image_id: str, caller: Caller) -> None:
        model = self.models[image_id]
        error = self.refusal(model, caller) or (Forbidden if model.protected else None)
        if error is not None:
            self.expect(error, self.images.delete, caller, image_id)

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        for caller in (OWNER, OTHER, ADMIN):
            query = ImageQuery(viewer=None, limit=1000)  # type: ignore[arg-type]  # the rules put the viewer in
            listed = {image.id: image for image in self.images.page(caller, query).images}
            assert set(listed) == {id_ for id_, model in self.models.items() if model.listed_for(caller)}
            for image_id, model in self.models.items():
                if model.seen_by(caller):
                    assert_same(self.images.show(caller, image_id), model)
                else:
                    self.expect(NotFound, self.images.show, caller, image_id)
                if image_id in listed:
                    assert_same(listed[image_id], model)

    def refusal(self, model: Model, caller: Caller) -> type[GlancetuiError] | None:
        """How a change by `caller` is refused, if it is."""
        if model.owned_by(caller):
            return None
        return Forbidden if model.seen_by(caller) else NotFound

    def expect(self, error: type[GlancetuiError] | None, call: Any, *arguments: Any) -> bool:
        """Whether the call went well, which it must exactly when no error is expected."""
        if error is None:
            call(*arguments)
            return True
        with pytest.raises(error):
            call(*arguments)
        return False


def assert_same(image: Image, model: Model) -> None:
    assert (image.name, image.owner, image.visibility) == (model.name, model.owner, model.visibility)
    assert (dict(image.properties), set(image.tags)) == (model.properties, model.tags)
    assert len(image.tags) == len(model.tags)
    assert image.protected == model.protected


Life.TestCase.settings = settings(max_examples=8, stateful_step_count=15, deadline=None)
TestLifeOfImages = Life.TestCase
