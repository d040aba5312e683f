import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glancetui.client.text import cells, clean, cut, cut_middle, fit

ANY_TEXT = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=60)


@given(ANY_TEXT)
def test_clean_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    for character in clean(text):
        assert ord(character) >= 0x20
        assert not 0x7F <= ord(character) <= 0x9F
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(ANY_TEXT)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(ANY_TEXT, st.integers(0, 80))
def test_what_is_cut_fits_and_what_fits_is_not_cut(text: str, columns: int) -> None:
    shown = clean(text)
    for cutter in (cut, cut_middle):
        assert cells(cutter(shown, columns)) <= columns
        if cells(shown) <= columns:
            assert cutter(shown, columns) == shown


@given(ANY_TEXT, st.integers(1, 80), st.booleans())
def test_fitted_text_takes_exactly_its_columns(text: str, columns: int, right: bool) -> None:
    assert cells(fit(clean(text), columns, right=right)) == columns


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("a\nb\tc", "a␊b␉c"),
        ("\x7f\x9b2J", "␡␦2J"),
        ("evil\u202etxt.exe", "evil␦txt.exe"),
        ("z\u200bw", "z␦w"),
        ("half \ud83d", "half \ufffd"),
        ("日本", "日本"),
        ("e\u0301", "e\u0301"),
        ("❤\ufe0f", "❤"),
    ],
)
def test_pictures_of_hostile_names(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(("text", "columns"), [("ab", 2), ("日本", 4), ("e\u0301", 1), ("👍", 2), ("", 0)])
def test_width_counts_cells(text: str, columns: int) -> None:
    assert cells(text) == columns


def test_ids_are_cut_in_the_middle() -> None:
    assert cut_middle("3f2a6c1e-9d0b-4c52-8f1e-0c7a2b9d4e11", 11) == "3f2a6…d4e11"
