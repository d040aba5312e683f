"""What the endpoint imports by itself, as the list and the detail show it, and how a failed one is begun again."""

from __future__ import annotations

from typing import Any

from glancetui.tui.boxes.publish import PublishForm
from tests.tui.fakes import EPOCH, ListService, document, screen

NEWEST = str(document(3)["id"])
WHY = "web.example ended after 10 of 24 bytes. Try again, or use another source, say one nearer to the service."


def work(status: str, **more: Any) -> dict[str, object]:
    request = {"method": {"name": "web-download", "uri": "http://web.example/a.raw"}}
    return {
        "id": "8c11",
        "type": "api_image_import",
        "status": status,
        "created_at": EPOCH.isoformat(),
        "input": {"image_id": NEWEST, "import_req": request, "backend": ["fast"]},
        "message": "",
        **more,
    }


def importing(service: ListService, done: int) -> None:
    progress = {"phase": "storing", "done": done << 20, "total": 24 << 20, "rate": 1 << 20}
    service.worked[NEWEST] = [work("processing", progress=progress)]


def failed(service: ListService) -> None:
    service.worked[NEWEST] = [work("failure", message=WHY)]
    service.change(
        NEWEST, status="queued", size=None, updated_at="2026-11-02T12:30:00Z", os_glance_failed_import="fast"
    )


def service_that_imports() -> ListService:
    service = ListService(4)
    service.change(NEWEST, status="importing", size=None, os_glance_import_task="8c11")
    importing(service, 6)
    return service


async def test_an_import_shows_how_far_it_is_then_why_it_failed() -> None:
    service = service_that_imports()
    async with screen(service) as at:
        await at.sees("importing", "25 % 18s", "storing 6.0 MiB of 24 MiB · 25 % · 1.0 MiB/s · 18s left")
        importing(service, 12)
        await at.sees("50 % 12s")
        failed(service)
        service.images[NEWEST].properties.pop("os_glance_import_task")  # type: ignore[attr-defined]
        await at.sees("✕ queued", "web.example ended after 10 of 24 bytes.")
        assert "50 %" not in at.text()


async def test_the_detail_tells_the_whole_reason_and_lists_what_was_done() -> None:
    service = ListService(4)
    failed(service)
    async with screen(service) as at:
        await at.sees("✕ queued")
        await at.press("enter")
        await at.sees("ended after 10 of 24 bytes.", "nearer to the service.")
        await at.press("[", "[")
        await at.sees("Tasks 1", "✕ failure", "web-download to fast", "nearer to the service.")


async def test_an_image_without_tasks_says_so() -> None:
    async with screen(ListService(4)) as at:
        await at.press("enter", "[", "[")
        await at.sees("No tasks")


async def test_images_of_which_there_is_nothing_to_hear_are_not_asked_for() -> None:
    service = ListService(4)
    async with screen(service) as at:
        polled = len(service.pages)
        await at.until(lambda: len(service.pages) + service.unchanged > polled)
        await at.calm()
        assert [call for call in service.calls if call.startswith("tasks")] == []


async def test_a_failed_download_is_begun_again_from_its_image() -> None:
    service = ListService(4)
    failed(service)
    async with screen(service) as at:
        await at.sees("✕ queued")
        await at.press("n")
        await at.until(lambda: isinstance(at.app.screen, PublishForm))
        await at.sees("http://web.example/a.raw", "The endpoint fetches it", "image 00000003")
        form = at.app.screen
        assert isinstance(form, PublishForm)
        publication = form.publication()
        assert publication.again() == ("image", "import", "--uri", "http://web.example/a.raw", "--wait")
        assert publication.image_id == NEWEST


async def test_a_form_with_a_url_wants_the_format_said() -> None:
    async with screen(ListService(2)) as at:
        await at.press("n")
        await at.until(lambda: isinstance(at.app.screen, PublishForm))
        form = at.app.screen
        assert isinstance(form, PublishForm)
        form.query_one("#path").value = "https://web.example/pub/disk%201.qcow2?x=1"  # type: ignore[attr-defined]
        await at.until(lambda: form.value("disk_format") == "qcow2")
        assert form.value("name") == "disk 1"
        made = form.publication()
        assert made.arguments()[:5] == ("image", "create", "--uri", made.path, "--wait")
        form.query_one("#disk_format").value = ""  # type: ignore[attr-defined]
        await at.sees("Disk format: say it")
        form.query_one("#path").value = "https://me:secret@web.example/disk.qcow2"  # type: ignore[attr-defined]
        await at.sees("name or password")
