"""7 Cache, and warming an image from the list."""

from __future__ import annotations

from glancetui.errors import Forbidden, NotFound
from glancetui.tui.boxes.confirm import Confirm
from tests.tui.fakes import ListService, Screen, screen

GIB = 1 << 30


def caching(*sizes: int) -> tuple[ListService, list[str]]:
    """A service whose first active images are cached, the later the read the later in the list."""
    service = ListService(30)
    ids = [image.id for image in service.images.values() if image.status == "active"][: len(sizes)]
    for number, (image_id, size) in enumerate(zip(ids, sizes, strict=True)):
        service.cache.hold(image_id, size, hits=number)
    return service, ids


def names(at: Screen) -> list[str | None]:
    return [entry.name for entry in at.desk.cache.entries.rows]


async def opened(at: Screen, rows: int) -> None:
    await at.press("7")
    await at.until(lambda: len(at.desk.cache.entries.rows) == rows and all(names(at)))


async def consent(at: Screen, *keys: str) -> None:
    await at.until(lambda: isinstance(at.app.screen, Confirm) and not at.app.screen.deaf)
    await at.press(*keys)


async def test_what_is_cached_is_listed_by_name_the_latest_read_first() -> None:
    service, ids = caching(2 * GIB, 3 * GIB)
    waits = next(image for image in service.images.values() if image.status == "active" and image.id not in ids)
    service.cache.queued.append(waits.id)
    async with screen(service, (120, 40)) as at:
        await opened(at, 3)
        assert names(at) == [waits.name, service.images[ids[1]].name, service.images[ids[0]].name]
        await at.sees("queued", "cached", "2.0 GiB", "3.0 GiB", "2 cached, 5.0 GiB", "1 hits", "1 queued")
        await at.press("j", "enter")
        await at.until(lambda: at.desk.view.name_of_view == "image")


async def test_marked_entries_are_evicted_after_asking() -> None:
    service, ids = caching(GIB, GIB, GIB)
    async with screen(service, (120, 40)) as at:
        await opened(at, 3)
        await at.press("space", "space", "D")
        await at.sees("Evict 2 images?", "2.0 GiB are freed")
        await consent(at, "y")
        await at.until(lambda: list(service.cache.cached) == [ids[0]])
        await at.until(lambda: len(at.desk.cache.entries.rows) == 1)
        await at.hears("2 images evicted")


async def test_the_cache_is_pruned_and_cleaned_from_the_menu_and_cleared_only_by_its_number() -> None:
    service, _ = caching(GIB, GIB, GIB)
    async with screen(service, (120, 40)) as at:
        await opened(at, 3)
        await at.press("T", "p")
        await at.hears("pruned 1 entries, 1.0 GiB")
        await at.press("T", "l")
        await at.hears("cleaned")
        await at.until(lambda: len(at.desk.cache.entries.rows) == 2)
        await at.press("T", "c")
        await consent(at, "9", "enter")
        assert len(service.cache.cached) == 2
        await at.press("backspace", "2", "enter")
        await at.until(lambda: not service.cache.cached)
        await at.hears("cleared the cache")


async def test_an_image_is_warmed_from_the_list() -> None:
    service, _ = caching()
    async with screen(service, (120, 40)) as at:
        await at.press("W")
        active = at.table.current.status == "active"
        await at.press(*([] if active else ["j", "j", "W"]))
        await at.until(lambda: service.cache.queued)
        await at.hears("queued for the cache")
        assert service.images[service.cache.queued[0]].status == "active"


async def test_a_failure_is_told_and_nothing_is_lost() -> None:
    service, ids = caching(GIB)
    async with screen(service, (120, 40)) as at:
        await opened(at, 1)
        service.cache.evict = refuse  # type: ignore[method-assign]
        await at.press("D")
        await consent(at, "y")
        await at.hears("was not evicted: not yours")
        assert list(service.cache.cached) == ids


async def test_a_node_without_a_cache_and_a_caller_without_the_right_are_told_so() -> None:
    service, _ = caching()
    service.cache.lacking = NotFound("no cache")
    async with screen(service, (120, 40)) as at:
        await at.press("7")
        await at.sees("has no image cache", "image_cache_dir")
        await at.press("T")
        await at.hears("no cache that could be tended")
        service.cache.lacking = Forbidden("no")
        await at.press("ctrl+r")
        await at.sees("Only administrators")


async def test_a_read_only_session_changes_nothing() -> None:
    service, _ = caching(GIB)
    async with screen(service, (120, 40), read_only=True) as at:
        await opened(at, 1)
        await at.press("D", "T", "W")
        await at.hears("read-only")
        assert not isinstance(at.app.screen, Confirm)
        assert not [call for call in service.calls if call.startswith("cache") and call != "cache state"]


def refuse(_image_id: str) -> None:
    raise Forbidden("not yours")
