"""What an endpoint says of its cache, also where it says nonsense."""

from __future__ import annotations

from datetime import datetime

import pytest

from glancetui.client.caching import CachedImage, moment

WHOLE = {
    "id": 7,
    "image_id": "a",
    "size": 5,
    "hits": 2,
    "last_accessed": 1_767_323_045.5,
    "last_modified": 1_767_323_045,
    "checksum": "c" * 32,
}


def test_an_entry_is_read_with_its_times() -> None:
    entry = CachedImage.from_document(WHOLE)
    assert entry == CachedImage(
        image_id="a",
        size=5,
        hits=2,
        last_accessed=datetime(2026, 1, 2, 3, 4, 5, 500_000),  # noqa: DTZ001 - the model holds UTC without zone
        last_modified=datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001
        checksum="c" * 32,
    )


def test_what_is_missing_or_of_another_kind_is_left_out() -> None:
    assert CachedImage.from_document({}) == CachedImage(image_id="")
    strange = {"image_id": 5, "size": True, "hits": "many", "last_accessed": [], "checksum": 1}
    assert (CachedImage.from_document(strange).size, CachedImage.from_document(strange).hits) == (0, 0)
    assert CachedImage.from_document(strange).last_accessed is None


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e300, -1e300, True, None, "1"])
def test_a_time_that_is_none_is_none(value: object) -> None:
    assert moment(value) is None
