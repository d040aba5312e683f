"""Whatever comes over the wire: whole frames, or nothing."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glancetui.registry.service import frames
from glancetui.registry.service.frames import PREFIX, BrokenFrame, Frames, framed

MOST = 64
CONTENTS = st.lists(st.binary(max_size=MOST), max_size=5)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


@given(CONTENTS, st.lists(st.integers(0, 500), max_size=8))
def test_frames_come_out_whole_however_they_were_cut(contents: list[bytes], cuts: list[int]) -> None:
    cutter, found = Frames(MOST), []
    for piece in pieces(b"".join(map(framed, contents)), cuts):
        cutter.feed(piece)
        while (content := cutter.next()) is not None:
            found.append(content)
    assert found == contents
    assert len(cutter) == 0


@given(st.binary(max_size=400), st.lists(st.integers(0, 500), max_size=8))
def test_garbage_yields_bounded_frames_or_is_refused(data: bytes, cuts: list[int]) -> None:
    cutter, taken = Frames(MOST), 0
    for piece in pieces(data, cuts):
        cutter.feed(piece)
        try:
            while (content := cutter.next()) is not None:
                assert len(content) <= MOST
                taken += PREFIX + len(content)
        except BrokenFrame:
            assert int.from_bytes(data[taken : taken + PREFIX]) > MOST
            return
    assert taken + len(cutter) == len(data)


@given(st.binary(min_size=1, max_size=MOST), st.integers(1, 80))
def test_a_frame_that_is_cut_off_is_none(content: bytes, missing: int) -> None:
    cutter = Frames(MOST)
    cutter.feed(framed(content)[:-missing] if missing < PREFIX + len(content) else b"")
    assert cutter.next() is None


def test_a_length_beyond_the_bound_is_refused_before_its_bytes_come() -> None:
    cutter = Frames(MOST)
    cutter.feed((MOST + 1).to_bytes(PREFIX))
    with pytest.raises(BrokenFrame, match="more than 64"):
        cutter.next()


@given(st.binary(max_size=200))
def test_messages_that_are_none_are_refused_as_such(data: bytes) -> None:
    for decode in (frames.decode_hello, frames.decode_request, frames.decode_answer):
        try:
            decode(data)
        except msgspec.DecodeError:
            continue
