from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg, types

from glancetui.config.ini import scan
from glancetui.config.kinds import parse_boolean, parse_integer, parse_list, parse_mapping, parse_size
from glancetui.config.load import examine
from glancetui.errors import ConfigError

WORDS = (
    st.text("abcXYZ019_-./+é' ", min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda word: word and word[0] not in "'\"[{")
)
NAMES = st.text("abcXYZ019_-", min_size=1, max_size=12)


@given(st.lists(WORDS))
def test_list_reads_back_with_and_without_brackets(items: list[str]) -> None:
    text = ", ".join(items)
    assert parse_list(text) == items
    assert parse_list(f"[{text}]") == items


@given(st.lists(WORDS))
def test_plain_list_is_what_oslo_config_makes_of_it(items: list[str]) -> None:
    text = ",".join(items)
    assert parse_list(text) == [item for item in types.List()(text) if item]


@given(st.dictionaries(NAMES, WORDS))
def test_pairs_read_back_with_and_without_braces(pairs: dict[str, str]) -> None:
    text = ",".join(f"{key}:{value}" for key, value in pairs.items())
    assert parse_mapping(text) == pairs
    assert parse_mapping(f"{{{text}}}") == pairs
    assert parse_mapping(text) == (types.Dict()(text) if text else {})


def test_quoted_items_keep_their_commas() -> None:
    assert parse_list("['a, b', \"c\"]") == ["a, b", "c"]
    assert parse_list("it's, fine") == ["it's", "fine"]


@pytest.mark.parametrize("text", ["", " ", "[]", "[ ]", ",", "[,]"])
def test_empty_list(text: str) -> None:
    assert parse_list(text) == []


@given(st.text(max_size=40))
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    for parse in (parse_list, parse_mapping, parse_boolean, parse_integer, parse_size):
        with suppress(ValueError):
            parse(text)


@given(st.sampled_from(["true", "1", "yes", "on"]), st.booleans())
def test_booleans_in_any_case(word: str, upper: bool) -> None:
    assert parse_boolean(word.upper() if upper else word.title())


@given(st.integers(0, 1 << 60), st.sampled_from(["", "B"]))
def test_bytes_read_back(size: int, unit: str) -> None:
    assert parse_size(f"{size}{unit}") == size


LINES = st.lists(st.text("[]=:#; \tabAB1\"'\\$\r", max_size=14), max_size=8)


@given(LINES)
def test_lines_are_read_as_oslo_config_reads_them(lines: list[str]) -> None:
    """The scan that knows line numbers agrees with oslo.config on what is refused, and on every value."""
    with NamedTemporaryFile("w", suffix=".conf", newline="") as file:
        file.write("[DEFAULT]\n" + "\n".join(lines))
        file.flush()
        try:
            found = scan([Path(file.name)])
        except ConfigError:
            found = None
        sections: dict[str, dict[str, list[str]]] = {}
        try:
            cfg.ConfigParser(file.name, sections).parse()
        except cfg.ParseError:
            assert found is None
            return
    assert found is not None
    read: dict[tuple[str, str], list[str]] = {}
    for assignment in found.assignments:
        read.setdefault((assignment.section, assignment.name), []).append(assignment.text)
    assert read == {(section, name): texts for section, names in sections.items() for name, texts in names.items()}


@given(LINES)
def test_no_file_brings_loading_down(lines: list[str]) -> None:
    with NamedTemporaryFile("w", suffix=".conf", newline="") as file:
        file.write("\n".join(lines))
        file.flush()
        examined = examine([Path(file.name)], (), {}, {"GLANCETUI_DATA_DIR": "/tmp"})
        assert all(problem.file == file.name for problem in examined.problems)
        assert examined.problems or examined.loaded
