"""The rules of images over a real registry: operators' policies, races, anonymous callers, older default rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from glancetui.config.settings import DatabaseSettings, ImageSettings, PolicySettings, Settings, StoreSettings
from glancetui.errors import BadRequest, Conflict, Duplicate, Forbidden, LimitExceeded, NotFound, Stale
from glancetui.images.access import viewer_of
from glancetui.images.patch import Operation
from glancetui.images.policy import Policy
from glancetui.images.rules import Images
from glancetui.model import Caller, Image, ImageLocation
from glancetui.registry.interface import Actor, Count, ImageChange, ImageQuery, Published, Registry, Seen
from glancetui.registry.sql import open_registry

ADMIN = Caller(project="ops", roles=frozenset({"admin", "member", "reader"}), is_admin=True)
OWNER = Caller(project="p1", user="u1", roles=frozenset({"member", "reader"}))
READER = Caller(project="p1", roles=frozenset({"reader"}))
OTHER = Caller(project="p2", roles=frozenset({"member", "reader"}))
ANONYMOUS = Caller(read_only=True)
HOMELESS = Caller(roles=frozenset({"member", "reader"}))

_EVERYTHING = viewer_of(ADMIN)

Rules = Callable[..., Images]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = open_registry(DatabaseSettings(connection=f"sqlite:///{tmp_path}/db.sqlite", upgrade=True), "node")
    yield opened
    opened.close()  # type: ignore[attr-defined]  # only the implementation has connections


@pytest.fixture
def rules(tmp_path: Path, registry: Registry) -> Rules:
    """Images under a policy file and options; each call is another service on the same registry."""

    def build(policy: str = "", *, new_defaults: bool = True, over: Registry | None = None, **options: Any) -> Images:
        (tmp_path / "policy.yaml").write_text(policy)
        settings = Settings(
            data_dir=tmp_path,
            database=DatabaseSettings(connection="sqlite://"),
            stores=(StoreSettings(id="s", kind="file"),),
            default_store="s",
            images=ImageSettings(**options),
            policy=PolicySettings(config_dirs=(str(tmp_path),), enforce_new_defaults=new_defaults),
        )
        return Images(over or registry, Policy.load(settings.policy), None, settings)

    return build


def seen(image: Image) -> Seen:
    return Seen(image_id=image.id, revision=image.revision, updated_at=image.updated_at)


def query(**more: Any) -> ImageQuery:
    return ImageQuery(viewer=None, limit=100, **more)  # type: ignore[arg-type]  # the rules put the viewer in


def activate(registry: Registry, image: Image) -> None:
    intent = registry.begin_upload(seen(image), "s", image.id, "worker", 60, Actor())
    location = ImageLocation(url=f"file:///x/{image.id}", metadata={"store": "s"})
    published = Published(
        size=4, checksum=None, os_hash_algo=None, os_hash_value=None, virtual_size=None, location=location
    )
    registry.publish_upload(intent, published, Actor())


# -- policy --------------------------------------------------------------------------------------------------------
def test_refusal_is_absence_to_who_may_not_see_the_image(rules: Rules) -> None:
    images = rules('get_image: "role:admin"\nmodify_image: "!"\n')
    image = images.create(OWNER, {})
    with pytest.raises(NotFound):
        images.show(OWNER, image.id)
    with pytest.raises(NotFound):
        images.forbid_or_hide("modify_image", OWNER, image)
    with pytest.raises(Forbidden):
        images.forbid_or_hide("modify_image", ADMIN, image)


def test_page_asks_image_by_image_where_the_operator_changed_the_rule(rules: Rules) -> None:
    plain = rules()
    red, blue = (plain.create(OWNER, {"name": name}) for name in ("red", "blue"))
    images = rules("get_image: \"rule:context_is_admin or 'red':%(name)s\"")
    assert [image.id for image in images.page(OWNER, query()).images] == [red.id]
    assert {image.id for image in images.page(ADMIN, query()).images} == {red.id, blue.id}


def test_count_is_of_what_the_pages_show(rules: Rules) -> None:
    plain = rules()
    for name in ("red", "red", "blue"):
        plain.create(OWNER, {"name": name})
    assert plain.count(OWNER, query()) == Count(number=3, exact=True)
    assert plain.count(OTHER, query()) == Count(number=0, exact=True)
    only_red = "get_image: \"'red':%(name)s\""
    assert rules(only_red).count(OWNER, query()) == Count(number=2, exact=True)
    assert not rules(only_red, api_limit_max=2).count(OWNER, query()).exact
    with pytest.raises(Forbidden):
        rules('get_images: "!"').count(OWNER, query())


def test_filtered_page_still_leads_to_the_next(rules: Rules) -> None:
    plain = rules()
    for number in range(6):
        plain.create(OWNER, {"name": "red" if number % 3 else "blue"})
    images = rules("get_image: \"'blue':%(name)s\"")
    found, marker = [], None
    while True:
        page = images.page(OWNER, replace(query(marker=marker), limit=2))
        found += page.images
        marker = page.next_marker
        if marker is None:
            break
    assert [image.name for image in found] == ["blue", "blue"]


def test_page_shows_nothing_to_who_passes_only_the_rule_of_the_page(rules: Rules) -> None:
    images = rules('get_images: ""')
    images.create(ADMIN, {"visibility": "public"})
    assert images.page(ANONYMOUS, query()).images == ()
    with pytest.raises(Forbidden):
        rules().page(ANONYMOUS, query())


def test_custom_property_decides_where_the_operator_says_so(rules: Rules) -> None:
    images = rules("delete_image: \"'no':%(keep)s\"")
    kept, spare = (images.create(OWNER, {"keep": keep}) for keep in ("yes", "no"))
    images.delete(OWNER, spare.id)
    with pytest.raises(Forbidden):
        images.delete(OWNER, kept.id)
    with pytest.raises(Forbidden):
        images.delete(OWNER, images.create(OWNER, {}).id)


def test_locations_show_only_to_who_passes_their_rule(rules: Rules, registry: Registry) -> None:
    images = rules()
    activate(registry, images.create(OWNER, {"disk_format": "raw", "container_format": "bare"}))
    image = images.page(OWNER, query()).images[0]
    images.patch(ADMIN, image.id, [Operation("replace", "visibility", "public")])
    assert [place.url for place in images.shown_locations(OWNER, image)] == [f"file:///x/{image.id}"]
    assert images.shown_locations(READER, image)
    assert images.shown_locations(OTHER, image) == ()


def test_visibility_follows_the_operators_rules(rules: Rules) -> None:
    images = rules('publicize_image: "role:member"\ncommunitize_image: "!"')
    assert images.create(OWNER, {"visibility": "public"}).visibility == "public"
    with pytest.raises(Forbidden, match="communitize_image"):
        images.create(ADMIN, {"visibility": "community"})


# -- older default rules -------------------------------------------------------------------------------------------
def test_with_the_older_defaults_owning_the_image_protects_it(rules: Rules, registry: Registry) -> None:
    images = rules(new_defaults=False)
    image = images.create(ADMIN, {"owner": "p1", "visibility": "public"})
    change = [Operation("replace", "name", "x")]
    for forbidden in (
        lambda: images.patch(OTHER, image.id, change),
        lambda: images.delete(OTHER, image.id),
        lambda: images.add_tag(OTHER, image.id, "t"),
        lambda: images.deactivate(OTHER, image.id),
        lambda: images.create(OTHER, {"owner": "p1"}),
    ):
        with pytest.raises(Forbidden):
            forbidden()
    no_role = replace(OWNER, roles=frozenset())
    assert images.patch(no_role, image.id, change).name == "x"
    images.delete(no_role, image.id)


def test_with_the_older_defaults_members_are_the_owners_affair(rules: Rules) -> None:
    images = rules(new_defaults=False)
    image = images.create(OWNER, {})
    images.members.add(OWNER, image.id, "p2")
    for forbidden in (
        lambda: images.members.add(OTHER, image.id, "p3"),
        lambda: images.members.remove(OTHER, image.id, "p2"),
        lambda: images.members.set_status(OWNER, image.id, "p2", "accepted"),
    ):
        with pytest.raises(Forbidden):
            forbidden()
    assert images.members.set_status(OTHER, image.id, "p2", "accepted").status == "accepted"


# -- callers without an identity or a project ----------------------------------------------------------------------
def test_anonymous_callers_may_only_read(rules: Rules) -> None:
    images = rules(new_defaults=False)
    image = images.create(ADMIN, {"visibility": "public"})
    assert images.show(ANONYMOUS, image.id).id == image.id
    for refused in (
        lambda: images.create(ANONYMOUS, {}),
        lambda: images.patch(ANONYMOUS, image.id, []),
        lambda: images.delete(ANONYMOUS, image.id),
        lambda: images.deactivate(ANONYMOUS, image.id),
        lambda: images.reactivate(ANONYMOUS, image.id),
        lambda: images.add_tag(ANONYMOUS, image.id, "t"),
        lambda: images.remove_tag(ANONYMOUS, image.id, "t"),
        lambda: images.members.add(ANONYMOUS, image.id, "p"),
        lambda: images.members.set_status(ANONYMOUS, image.id, "p", "accepted"),
        lambda: images.members.remove(ANONYMOUS, image.id, "p"),
    ):
        with pytest.raises(Forbidden):
            refused()


def test_who_has_no_project_owns_no_ownerless_image(rules: Rules) -> None:
    """None equals None in a check string; that must not make anybody the owner of what nobody owns."""
    images = rules()
    image = images.create(ADMIN, {"owner": None, "visibility": "public"})
    assert images.show(HOMELESS, image.id).owner is None
    with pytest.raises(Forbidden):
        images.delete(HOMELESS, image.id)
    with pytest.raises(Forbidden):
        images.create(HOMELESS, {})


# -- races ---------------------------------------------------------------------------------------------------------
class Busy:
    """A registry on which somebody else changes the image first, a number of times."""

    def __init__(self, registry: Registry, times: int) -> None:
        self._registry, self.left = registry, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)

    def change_image(self, what: Seen, change: ImageChange, actor: Actor) -> Image:
        self._interfere(what.image_id)
        return self._registry.change_image(what, change, actor)

    def delete_image(self, what: Seen, actor: Actor, keep: float | None = None) -> None:
        self._interfere(what.image_id)
        self._registry.delete_image(what, actor, keep)

    def _interfere(self, image_id: str) -> None:
        if self.left:
            self.left -= 1
            image = self._registry.image(image_id, _EVERYTHING)
            properties = {**image.properties, f"other{self.left}": "x"}
            self._registry.change_image(seen(image), ImageChange(properties=properties), Actor())


def test_change_that_lost_a_race_is_made_again_on_what_is_there_now(rules: Rules, registry: Registry) -> None:
    image = rules().create(OWNER, {"mine": "1"})
    images = rules(over=Busy(registry, 3))  # type: ignore[arg-type]  # it delegates the rest
    changed = images.patch(OWNER, image.id, [Operation("add", "new", "2")])
    assert changed.properties == {"mine": "1", "new": "2", "other0": "x", "other1": "x", "other2": "x"}


def test_rules_are_asked_again_when_a_race_was_lost(rules: Rules, registry: Registry) -> None:
    image = rules().create(OWNER, {})
    images = rules(over=Busy(registry, 1), property_quota=1)  # type: ignore[arg-type]
    with pytest.raises(LimitExceeded):
        images.patch(OWNER, image.id, [Operation("add", "new", "2")])


def test_who_never_wins_hears_of_a_conflict(rules: Rules, registry: Registry) -> None:
    image = rules().create(OWNER, {})
    images = rules(over=Busy(registry, 1000))  # type: ignore[arg-type]
    with pytest.raises(Stale):
        images.patch(OWNER, image.id, [Operation("add", "new", "2")])
    assert issubclass(Stale, Conflict)


def test_delete_that_lost_a_race_is_made_again(rules: Rules, registry: Registry) -> None:
    image = rules().create(OWNER, {})
    rules(over=Busy(registry, 2)).delete(OWNER, image.id)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        rules().show(OWNER, image.id)


# -- the rest ------------------------------------------------------------------------------------------------------
def test_states_that_cannot_be_switched(rules: Rules, registry: Registry) -> None:
    images = rules()
    image = images.create(OWNER, {"disk_format": "raw", "container_format": "bare"})
    for switch in (images.deactivate, images.reactivate):
        with pytest.raises(Forbidden, match="queued"):
            switch(OWNER, image.id)
    activate(registry, image)
    images.deactivate(OWNER, image.id)
    assert images.show(OWNER, image.id).status == "deactivated"


def test_refused_image_leaves_nothing(rules: Rules) -> None:
    images = rules(tag_quota=1, property_quota=1)
    for attributes, error in (
        ({"tags": ["a", "b"]}, LimitExceeded),
        ({"a": "x", "b": "y"}, LimitExceeded),
        ({"visibility": "public"}, Forbidden),
        ({"name": 5}, BadRequest),
        ({"status": "active"}, Forbidden),
    ):
        with pytest.raises(error):
            images.create(OWNER, attributes)
    assert images.page(ADMIN, query(visibility="all")).images == []
    assert images.create(OWNER, {"tags": ["a", "a"]}).tags == ("a",)


def test_id_is_never_used_twice(rules: Rules) -> None:
    images = rules()
    chosen = {"id": "11111111-2222-4333-8444-555555555555"}
    images.create(OWNER, chosen)
    with pytest.raises(Duplicate):
        images.create(OTHER, chosen)
    images.delete(OWNER, chosen["id"])
    with pytest.raises(Duplicate):
        images.create(OWNER, chosen)


def test_page_is_seen_with_the_callers_eyes_whatever_the_query_says(rules: Rules) -> None:
    images = rules()
    images.create(OWNER, {"visibility": "private"})
    assert len(images.page(OWNER, query()).images) == 1
    assert len(images.page(OTHER, replace(query(), viewer=_EVERYTHING)).images) == 0
