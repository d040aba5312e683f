"""Many at once: each success is true afterwards, the others hear that they lost. A kill leaves nothing half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glancetui.errors import Conflict, Duplicate, LimitExceeded, RegistryUnavailable, Stale
from glancetui.registry.interface import ImageChange, ImageQuery
from glancetui.registry.sql import SqlRegistry, open_registry, schema
from tests.registry.making import ACTOR, ADMIN, begun, made, published, seen, settings
from tests.registry.places import Place

WRITERS = 32


def at_once(step: Callable[[int], object]) -> list[object]:
    """What each of WRITERS threads got or raised, all starting together."""
    barrier = threading.Barrier(WRITERS)

    def one(number: int) -> object:
        barrier.wait()
        try:
            return step(number)
        except Conflict as error:
            return error
        except LimitExceeded as error:
            return error

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(one, range(WRITERS)))


def test_of_many_changes_of_one_state_one_wins_and_is_true(registry: SqlRegistry) -> None:
    image = made(registry)
    got = at_once(lambda number: registry.change_image(seen(image), ImageChange(name=f"n{number}"), ACTOR))
    won = [each for each in got if not isinstance(each, Stale)]
    assert won == [registry.image(image.id, ADMIN)]


def test_no_confirmed_change_is_lost_when_losers_try_again(registry: SqlRegistry) -> None:
    image = made(registry)

    def add(number: int) -> None:
        while True:
            now = registry.image(image.id, ADMIN)
            change = ImageChange(properties={**now.properties, f"p{number}": "x"})
            try:
                registry.change_image(seen(now), change, ACTOR)
            except Stale:
                continue
            return

    at_once(add)
    assert set(registry.image(image.id, ADMIN).properties) == {f"p{number}" for number in range(WRITERS)}


def test_of_many_uploads_one_begins(registry: SqlRegistry) -> None:
    image = made(registry)
    got = at_once(lambda number: begun(registry, image, owner=f"w{number}"))
    [intent] = [each for each in got if not isinstance(each, Conflict)]
    assert registry.publish_upload(intent, published(image.id), ACTOR).status == "active"


def test_of_many_same_members_and_ids_one_is_added(registry: SqlRegistry) -> None:
    image = made(registry)
    got = at_once(lambda _: registry.add_member(image.id, "q", -1, ACTOR))
    assert len([each for each in got if not isinstance(each, Duplicate)]) == 1
    got = at_once(lambda _: made(registry, id="same"))
    assert len([each for each in got if not isinstance(each, Duplicate)]) == 1


def test_quotas_hold_however_many_come_at_once(registry: SqlRegistry) -> None:
    image = made(registry)
    at_once(lambda number: registry.add_member(image.id, f"q{number}", 5, ACTOR))
    at_once(lambda number: registry.add_tag(image.id, f"t{number}", 7, ACTOR))
    assert len(registry.members(image.id)) == 5
    assert len(registry.image(image.id, ADMIN).tags) == 7


COUNTING = """
import sys
from glancetui.errors import Stale
from glancetui.registry.interface import ImageChange
from tests.registry.making import ACTOR, ADMIN, seen
from tests.registry.places import Place
registry = Place(kind="", url=sys.argv[1]).open()
done = 0
while done < int(sys.argv[3]):
    image = registry.image(sys.argv[2], ADMIN)
    try:
        registry.change_image(seen(image), ImageChange(min_ram=image.min_ram + 1), ACTOR)
    except Stale:
        continue
    done += 1
"""


def test_processes_that_count_together_lose_no_step(registry: SqlRegistry, place: Place) -> None:
    image = made(registry)
    words = [sys.executable, "-c", COUNTING, place.url, image.id, "20"]
    children = [subprocess.Popen(words) for _ in range(4)]
    assert [child.wait(60) for child in children] == [0] * 4
    assert registry.image(image.id, ADMIN).min_ram == 80


WRITING = """
import sys
from glancetui.registry.interface import ImageChange
from tests.registry.making import ACTOR, active, begun, made, seen
from tests.registry.places import Place
registry = Place(kind="", url=sys.argv[1]).open()
while True:
    image = made(registry, properties={"a": "b", "c": "d"}, tags=("x", "y"))
    print(image.id, flush=True)
    done = active(registry, properties={"a": "b"})
    registry.change_image(seen(image), ImageChange(properties={"e": "f"}, tags=("z",)), ACTOR)
    registry.delete_image(seen(done), ACTOR)
"""


def test_a_kill_at_any_moment_leaves_a_whole_database_with_all_that_was_acknowledged(place: Place) -> None:
    told: list[str] = []
    for round_ in range(4):
        child = subprocess.Popen([sys.executable, "-c", WRITING, place.url], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        told.append(child.stdout.readline().strip())
        time.sleep(0.05 + 0.037 * round_)  # any moment will do; this is not a wait for something
        child.send_signal(signal.SIGKILL)
        told += child.stdout.read().split()
        child.wait()
        child.stdout.close()
    registry = place.open()
    assert schema.damage(place.settings()) == []
    for image_id in told:
        image = registry.image(image_id, ADMIN)
        assert (image.properties, image.tags) in (({"a": "b", "c": "d"}, ("x", "y")), ({"e": "f"}, ("z",)))
    for image in registry.page(ImageQuery(viewer=ADMIN, limit=1000)):
        assert (image.status == "active") == bool(image.locations)
    registry.close()


def test_a_writer_waits_only_so_long_for_another_process(tmp_path: Path) -> None:
    holder = open_registry(settings(tmp_path), "n")
    other = open_registry(settings(tmp_path, busy=0.2), "n")
    with holder._database.writing(), pytest.raises(RegistryUnavailable, match="busy"):
        made(other)
    assert other.page(ImageQuery(viewer=ADMIN, limit=1)) == []
    assert made(other).status == "queued"
    holder.close()
    other.close()


def test_a_fork_uses_connections_of_its_own(registry: SqlRegistry) -> None:
    image = made(registry)
    child = os.fork()
    if child == 0:
        try:
            registry.change_image(seen(registry.image(image.id, ADMIN)), ImageChange(name="child"), ACTOR)
        except BaseException:  # the child of a test must never come back into pytest
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert registry.image(image.id, ADMIN).name == "child"
    made(registry)
