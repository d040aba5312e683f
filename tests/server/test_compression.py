"""Which clients are sent gzip. That they are is asked of a service in test_cache.py."""

from __future__ import annotations

import gzip

import pytest

from glancetui.server.compression import takes_gzip, zipped


@pytest.mark.parametrize(
    "accepted",
    [
        "gzip",
        "GZIP",
        "gzip, deflate",
        "br;q=1.0, gzip;q=0.2",
        "deflate , gzip ; q=1",
        "*",
        "gzip;q=0.001",
        "br, *;q=0.1",
    ],
)
def test_who_names_gzip_or_anything_takes_it(accepted: str) -> None:
    assert takes_gzip(accepted)


@pytest.mark.parametrize(
    "accepted", ["", "identity", "deflate", "gzip;q=0", "gzip;q=0.0, br", "*;q=0", "notgzip", "gzip;q=0, *", "gzip;q=x"]
)
def test_others_do_not(accepted: str) -> None:
    assert not takes_gzip(accepted)


def test_the_same_answer_is_the_same_bytes() -> None:
    assert zipped(b"[]" * 100) == zipped(b"[]" * 100)
    assert gzip.decompress(zipped(b"[]" * 100)) == b"[]" * 100
