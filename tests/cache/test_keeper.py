"""What a worker does for the cache by itself: the queue, the bounds, and order between folder, books and registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.errors import BadRequest, Forbidden, NotFound, RegistryUnavailable
from tests.cache.yard import DATA, PIECE, Yard, content, node_of, settings_of, yard
from tests.images.data_path import ADMIN, OWNER, STRANGER
from tests.images.waiting import until

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Yard]:
    with yard(tmp_path, max_size=2 * len(DATA), retry_seconds=0.05) as built:
        yield built


def deleted(home: Yard, image_id: str) -> None:
    """At another node: nothing is done for this node's cache."""
    home.home.images.delete(OWNER, image_id)


# -- the queue ---------------------------------------------------------------------------------------------------------


def test_a_queued_image_is_fetched_at_once(home: Yard) -> None:
    home.node.keeper.start()
    image = home.uploaded()
    home.node.rules.queue(ADMIN, image.id)
    until(lambda: home.entries() == [image.id] and not home.node.cache.queued())
    assert (home.folder / image.id).read_bytes() == DATA
    home.node.rules.queue(ADMIN, image.id)  # it is there
    assert home.node.cache.queued() == []
    assert home.store.opened == 1


def test_the_queue_goes_on_without_a_reader_and_readers_follow_it(home: Yard) -> None:
    home.node.keeper.start()
    image = home.uploaded()
    home.store.give(2 * PIECE)
    home.node.rules.queue(ADMIN, image.id)
    until(lambda: home.files().get("incomplete") == [image.id])
    reader = home.node.deliver.open(OWNER, image.id)
    assert reader is not None
    reader.close()  # who breaks off does not end it
    home.store.give(None)
    until(lambda: home.entries() == [image.id])
    assert home.store.opened == 1


def test_what_was_queued_before_a_crash_is_fetched_after_it(home: Yard) -> None:
    image = home.uploaded()
    home.node.rules.queue(ADMIN, image.id)
    (home.folder / "incomplete" / image.id).write_bytes(DATA[:10])
    assert home.files() == {"queue": [image.id], "incomplete": [image.id]}
    home.node.keeper.start()
    until(lambda: home.files() == {".": [image.id]})


def test_a_fetch_that_fails_stays_in_the_queue_and_is_tried_again(home: Yard) -> None:
    home.store.breaks_at = PIECE
    image = home.uploaded()
    home.node.keeper.start()
    home.node.rules.queue(ADMIN, image.id)
    until(lambda: home.store.closed >= 2)
    assert home.node.cache.queued() == [image.id]
    home.store.breaks_at = None
    until(lambda: home.entries() == [image.id])


def test_what_cannot_be_cached_leaves_the_queue(home: Yard) -> None:
    gone, queued, off = home.uploaded(), home.home.new(), home.uploaded(DATA + b"x")
    deleted(home, gone.id)
    home.home.images.deactivate(OWNER, off.id)
    for image_id in (gone.id, queued.id, off.id, UNKNOWN):
        home.node.rules.queue_unseen(ADMIN, image_id)
    assert len(home.node.cache.queued()) == 4
    home.node.keeper.fetch_queued()
    assert home.files() == {}


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_pruning_evicts_what_was_not_read_for_the_longest_time(home: Yard) -> None:
    first, second, third = (home.cached(DATA + bytes([number])) for number in range(3))
    content(home.node.deliver.open(OWNER, first.id))
    pruned = home.node.rules.prune(ADMIN)
    assert (pruned.files, pruned.size) == (2, 2 * (len(DATA) + 1))  # each has a byte more than half of what may be
    assert home.entries() == [first.id]
    assert not (home.folder / second.id).exists()
    assert home.node.rules.prune(ADMIN).files == 0
    assert home.home.registry.nodes_caching(third.id) == []


def test_a_reader_of_what_is_evicted_reads_on(home: Yard) -> None:
    image = home.cached()
    delivery = home.node.deliver.open(OWNER, image.id)
    home.node.rules.drop(ADMIN, image.id)
    assert content(delivery) == DATA


def test_cleaning_leaves_valid_entries_alone(home: Yard) -> None:
    image = home.cached()
    (home.folder / "invalid" / UNKNOWN).touch()
    home.node.rules.clean(ADMIN)
    assert home.files() == {".": [image.id]}


# -- order -------------------------------------------------------------------------------------------------------------


def test_images_deleted_elsewhere_leave_the_cache(home: Yard) -> None:
    stays, goes = home.cached(), home.cached(DATA + b"x")
    deleted(home, goes.id)
    home.node.keeper.care()
    assert home.entries() == [stays.id]
    assert home.files() == {".": [stays.id]}


def test_an_image_deleted_while_it_was_cached_is_not_kept(home: Yard) -> None:
    image = home.uploaded()
    home.store.give(PIECE)
    delivery = home.node.deliver.open(OWNER, image.id)
    deleted(home, image.id)
    home.node.cache.forget(image.id)
    home.store.give(None)
    assert content(delivery) == DATA
    home.settled()
    assert (home.files(), home.home.registry.nodes_caching(image.id)) == ({}, [])


def test_a_file_that_a_crash_kept_out_of_the_books_counts_only_if_it_is_the_image(home: Yard) -> None:
    right, wrong = home.uploaded(), home.uploaded(DATA + b"x")
    (home.folder / right.id).write_bytes(DATA)
    (home.folder / wrong.id).write_bytes(DATA + b"y")
    (home.folder / UNKNOWN).write_bytes(DATA)
    assert home.entries() == []
    home.node.keeper.care()
    assert home.entries() == [right.id]
    assert home.files() == {".": [right.id]}


def test_a_row_whose_file_is_gone_is_not_shown_and_then_forgotten(home: Yard) -> None:
    image = home.cached()
    (home.folder / image.id).unlink()
    assert home.entries() == []
    home.node.keeper.care()
    assert home.home.registry.nodes_caching(image.id) == []


def test_one_worker_looks_after_the_folder_at_a_time(home: Yard) -> None:
    (home.folder / "invalid" / UNKNOWN).touch()
    with home.node.cache.folder.alone("invalid"):
        home.node.keeper.care()
        assert home.files() == {"invalid": [UNKNOWN]}
    home.node.keeper.care()
    assert home.files() == {}


@pytest.mark.parametrize("driver", ["sqlite", "xattr", "centralized_db"])
def test_entries_outlive_the_service_and_a_change_of_the_books(home: Yard, driver: str) -> None:
    image = home.cached()
    settings = settings_of(home.folder, driver=driver)
    other = node_of(home.home, settings)
    other.keeper.care()
    assert [entry.image_id for entry in other.cache.entries()] == [image.id]
    assert content(other.deliver.open(OWNER, image.id)) == DATA
    other.close()


def test_a_hit_is_not_lost_while_the_books_are_away(home: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    image = home.cached()
    registry = home.home.registry
    real = registry.count_cache_hits
    monkeypatch.setattr(registry, "count_cache_hits", _away)
    content(home.node.deliver.open(OWNER, image.id))
    with pytest.raises(RegistryUnavailable):
        home.node.cache.write_hits()
    monkeypatch.setattr(registry, "count_cache_hits", real)
    assert [entry.hits for entry in home.node.cache.entries()] == [1]


def test_hits_reach_the_books_without_being_asked_for(home: Yard) -> None:
    image = home.cached()
    home.node.keeper.start()
    content(home.node.deliver.open(OWNER, image.id))
    node = settings_of(home.folder).node
    until(lambda: [entry.hits for entry in home.home.registry.cache_entries(node)] == [1])


# -- who may -----------------------------------------------------------------------------------------------------------


def test_only_administrators_handle_the_cache(home: Yard) -> None:
    image = home.cached()
    rules = home.node.rules
    for refused in (
        lambda: rules.state(OWNER),
        lambda: rules.queue(OWNER, image.id),
        lambda: rules.drop(OWNER, image.id),
        lambda: rules.clear(OWNER, "cache"),
        lambda: rules.nodes(OWNER, image.id),
        lambda: rules.clean(OWNER),
        lambda: rules.prune(OWNER),
        lambda: rules.queue_unseen(OWNER, image.id),
        lambda: rules.evict_unseen(OWNER, image.id),
        lambda: rules.dequeue_unseen(OWNER, image.id),
    ):
        with pytest.raises(Forbidden):
            refused()
    with pytest.raises(NotFound):
        rules.queue(STRANGER, image.id)
    assert home.entries() == [image.id]


def test_an_entry_whose_image_is_gone_can_be_dropped(home: Yard) -> None:
    image = home.cached()
    deleted(home, image.id)
    home.node.rules.drop(ADMIN, image.id)
    with pytest.raises(NotFound):
        home.node.rules.drop(ADMIN, image.id)
    assert home.files() == {}


def test_only_active_images_are_queued(home: Yard) -> None:
    with pytest.raises(BadRequest):
        home.node.rules.queue(ADMIN, home.home.new().id)
    with pytest.raises(NotFound):
        home.node.rules.queue(ADMIN, UNKNOWN)


def test_each_half_is_cleared_by_itself(home: Yard) -> None:
    cached, queued = home.cached(), home.uploaded(DATA + b"x")
    home.node.rules.queue_unseen(ADMIN, queued.id)
    assert home.node.rules.clear(ADMIN, "cache") == 1
    assert home.files() == {"queue": [queued.id]}
    assert home.node.rules.clear(ADMIN, "") == 1
    assert home.files() == {}
    assert home.home.registry.nodes_caching(cached.id) == []


def _away(*_arguments: object) -> None:
    raise RegistryUnavailable("The database is away.")
