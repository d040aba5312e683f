"""What an image and its newest task say of imports."""

from __future__ import annotations

import pytest

from glancetui.client.imports import UNTOLD, failed_stores, failure, is_worked_on
from glancetui.client.values import RemoteImage, RemoteTask

WHY = "The web server went away."


def image(status: str, **properties: str) -> RemoteImage:
    return RemoteImage.from_document({"id": "i", "status": status, **properties})


def task(status: str, message: str | None = WHY) -> RemoteTask:
    return RemoteTask(id="t", type="api_image_import", status=status, message=message)


@pytest.mark.parametrize(
    ("seen", "last", "why"),
    [
        (image("queued"), task("failure"), WHY),
        (image("uploading"), task("failure"), WHY),
        (image("queued"), task("failure", None), UNTOLD),
        (image("queued"), task("success"), ""),
        (image("queued"), task("processing"), ""),
        (image("queued"), None, ""),
        (image("queued", os_glance_import_task="t"), task("failure"), ""),
        (image("active", stores="a", os_glance_failed_import="b"), task("success", "b: full."), "Not in b: b: full."),
        (image("active", stores="a,b", os_glance_failed_import="b"), task("failure"), ""),
        (image("active", stores="a", os_glance_failed_import=""), task("failure"), ""),
    ],
)
def test_a_failure_is_told_while_it_is_one(seen: RemoteImage, last: RemoteTask | None, why: str) -> None:
    assert failure(seen, last) == why


def test_a_store_that_was_reached_later_has_not_failed() -> None:
    assert failed_stores(image("active", stores="a", os_glance_failed_import="a,b,c")) == ("b", "c")


def test_what_is_locked_is_worked_on() -> None:
    assert is_worked_on(image("importing"))
    assert is_worked_on(image("active", os_glance_import_task="t"))
    assert not is_worked_on(image("active"))


def test_the_rest_of_a_task_takes_as_long_as_its_rate_says() -> None:
    told = {"phase": "storing", "done": 25, "total": 100, "rate": 5}
    assert RemoteTask.from_document({"id": "t", "progress": told}).remaining == 15.0
    for odd in ({"rate": 0}, {"rate": -1}, {"rate": "x"}, {"rate": None}, {"total": None}):
        assert RemoteTask.from_document({"id": "t", "progress": {**told, **odd}}).remaining is None
