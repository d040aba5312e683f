"""What a project may have, held against what it has in the transaction that takes more."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from glancetui.errors import LimitExceeded
from glancetui.model import Image
from glancetui.registry.interface import Allowance, NewImage, Usage
from glancetui.registry.sql import SqlRegistry
from tests.registry.making import ACTOR, ADMIN, active, begun, made, new_job, published, seen

MIB = 1 << 20


def staged(registry: SqlRegistry, size: int = 5, quota: int | None = None, **allowance: int) -> Image:
    given = Allowance(**allowance)
    image = made(registry)
    intent = registry.begin_stage(seen(image), "staging", image.id, "w", 60, ACTOR, given)
    return registry.finish_stage(intent, size, None, ACTOR, quota, given)


def uploaded(registry: SqlRegistry, size: int, **allowance: int) -> Image:
    given, image = Allowance(**allowance), made(registry)
    intent = registry.begin_upload(seen(image), "file", image.id, "w", 60, ACTOR, given)
    found = msgspec.structs.replace(published(image.id, size), allowance=given)
    return registry.publish_upload(intent, found, ACTOR)


def succeeds(call: Callable[[], object]) -> bool:
    try:
        call()
    except LimitExceeded:
        return False
    return True


def at_once(many: int, call: Callable[[], object]) -> int:
    """How many of them were allowed."""
    with ThreadPoolExecutor(8) as threads:
        return sum(threads.map(lambda _: succeeds(call), range(many)))


def test_staged_data_count_until_they_are_the_images_copy(registry: SqlRegistry) -> None:
    active(registry)
    image = staged(registry)
    assert registry.bytes_stored("p") == 10
    assert registry.bytes_stored("p", image.id) == 5
    job = registry.begin_import(seen(image), new_job(method="glance-direct", before="uploading"), ACTOR)
    assert registry.bytes_stored("p") == 10
    intent = registry.begin_copy(job, "a", image.id, "w1", 60)
    registry.add_copy(job, intent, published(image.id, quota=10), None, activate=True)
    assert registry.bytes_stored("p") == 10


def test_of_data_staged_at_once_only_as_much_stays_as_the_quota_allows(registry: SqlRegistry) -> None:
    active(registry)
    assert at_once(8, lambda: staged(registry, quota=17)) == 2
    assert registry.bytes_stored("p") == 15


def test_images_are_counted_as_they_are_made(registry: SqlRegistry) -> None:
    active(registry, owner="q")
    gone = active(registry)
    registry.delete_image(seen(gone), ACTOR)

    def make() -> Image:
        number = next(numbers)
        return registry.create_image(NewImage(id=number, owner="p"), ACTOR, Allowance(count_total=3))

    numbers = iter([f"{number:08d}-0000-4000-8000-000000000000" for number in range(8)])
    assert at_once(8, make) == 3
    assert registry.usage("p").images == 3


def test_images_that_take_data_are_counted(registry: SqlRegistry) -> None:
    taking = begun(registry, made(registry))
    assert at_once(6, lambda: staged(registry, count_uploading=3)) == 2
    assert not succeeds(lambda: uploaded(registry, 5, count_uploading=3))
    registry.publish_upload(taking, published(taking.image_id), ACTOR)
    assert succeeds(lambda: uploaded(registry, 5, count_uploading=3))
    importing = made(registry)
    given = Allowance(count_uploading=3)
    registry.begin_import(seen(importing), new_job(), ACTOR, given)
    image = made(registry)
    with pytest.raises(LimitExceeded, match="image_count_uploading"):
        registry.begin_import(seen(image), new_job(), ACTOR, given)
    after = registry.image(image.id, ADMIN)
    assert (after.status, registry.live_job_of(image.id)) == ("queued", None)


def test_a_copy_being_made_counts_as_an_upload_and_as_staged(registry: SqlRegistry) -> None:
    image = active(registry)
    assert registry.usage("p") == Usage(stored=5, staged=0, images=1, uploading=0)
    registry.begin_import(seen(image), new_job("b", method="copy-image", before="active"), ACTOR)
    assert registry.usage("p") == Usage(stored=5, staged=5, images=1, uploading=1)


def test_one_upload_of_unknown_size_may_exceed_the_limit_and_no_more(registry: SqlRegistry) -> None:
    """Also of those that end at once."""
    assert at_once(8, lambda: uploaded(registry, MIB, size_total=2)) == 3
    assert registry.usage("p").stored == 3 * MIB


def test_uploads_of_a_declared_size_keep_to_the_limit(registry: SqlRegistry) -> None:
    assert at_once(8, lambda: uploaded(registry, MIB, size_total=3, declared=MIB)) == 3
    assert registry.usage("p").stored == 3 * MIB


def test_staged_data_keep_to_their_own_limit(registry: SqlRegistry) -> None:
    assert at_once(8, lambda: staged(registry, MIB, stage_total=3, declared=MIB)) == 3
    uploaded(registry, MIB, stage_total=0, size_total=5)
    image = made(registry)
    with pytest.raises(LimitExceeded, match="image_stage_total"):
        registry.begin_import(seen(image), new_job(), ACTOR, Allowance(stage_total=2))
    used = registry.usage("p")
    assert (used.stored, used.staged, used.images) == (MIB, 3 * MIB, 10)


def test_nobodys_images_have_no_limit_of_a_project(registry: SqlRegistry) -> None:
    image = made(registry, owner=None)
    given = Allowance(size_total=0, count_uploading=0, count_total=0, stage_total=0, declared=MIB)
    intent = registry.begin_upload(seen(image), "file", image.id, "w", 60, ACTOR, given)
    found = msgspec.structs.replace(published(image.id), allowance=given)
    assert registry.publish_upload(intent, found, ACTOR).status == "active"
