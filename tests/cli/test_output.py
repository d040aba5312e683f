import io
import json

import pytest

from glancetui.cli.output import Column, Printer, Style, size_text
from glancetui.cli.progress import JsonLines, Watch, sentence
from glancetui.cli.verbs import UsageError, seconds
from glancetui.client.text import cells
from glancetui.client.transfer import Progress, Rate

COLUMNS = (Column("name", "NAME"), Column("size", "SIZE", size_text, right=True))
ROWS = [{"name": "日本語", "size": 5 << 30}, {"name": "e\u0301a\x1b[1m", "size": None}, {"name": "x", "size": 7}]


def printed(style: Style, rows=ROWS) -> str:
    stream = io.StringIO()
    Printer(style, stream).rows(COLUMNS, rows, ("name", "size"))
    return stream.getvalue()


def test_columns_of_a_table_line_up_whatever_the_script() -> None:
    lines = printed(Style()).splitlines()
    assert lines[1:] == ["日本語  5.0 GiB", "e\u0301a␛[1m        —", "x           7 B"]
    assert {cells(line) for line in lines} == {15}


def test_a_table_that_grows_past_its_first_page_still_shows_everything() -> None:
    rows = [{"name": "a", "size": 1}] * 1000 + [{"name": "longer than before", "size": 1}]
    assert "longer than before" in printed(Style(), rows)


def test_a_table_is_cut_to_a_width_only_when_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "8")
    rows = [{"name": "a long name", "size": 1}]
    assert "a long name" in printed(Style(), rows)
    assert printed(Style(fit_width=True, header=False), rows) == "a long …\n"


def test_empty_lists_are_valid_in_every_format() -> None:
    assert json.loads(printed(Style(format="json"), [])) == []
    assert printed(Style(format="yaml"), []) == "[]\n"
    assert printed(Style(format="value"), []) == ""
    assert printed(Style(format="csv"), []) == "name,size\n"
    assert printed(Style(), []) == "NAME  SIZE\n"


def test_a_column_that_is_not_there_is_a_usage_error_for_one_thing_and_empty_in_a_list() -> None:
    with pytest.raises(UsageError, match="name, size"):
        Printer(Style(columns=("nope",)), io.StringIO()).item({"name": "a", "size": 1})
    assert printed(Style(format="csv", columns=("NAME", "os_distro"))).splitlines()[0] == "name,os_distro"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (612 << 20, "612 MiB"), (None, "—"), (3 << 60, "3072 PiB")],
)
def test_sizes_are_readable(size: int | None, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("15m", 900), ("2h", 7200), ("0.5s", 0.5)])
def test_durations_are_understood(text: str, value: float) -> None:
    assert seconds(text) == value


def test_progress_is_told_once_a_second_and_at_each_change_of_phase(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch(JsonLines("i1"))
    for done in range(50):
        watch.report(Progress(phase="sending", done=done, total=50))
    watch.report(Progress(phase="done", done=50, total=50))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["phase"] for line in lines] == ["sending", "done"]
    watch.tell(10, None)
    assert "done 50 B of 50 B" in capsys.readouterr().err


def test_the_line_on_sigusr1_says_how_long_it_will_take() -> None:
    now = [0.0]
    rate = Rate(lambda: now[0])
    for second in (0, 1):
        now[0] = float(second)
        rate.add(second << 20)
    assert (
        sentence(Progress(phase="sending", done=1 << 20, total=3 << 20), rate)
        == "sending 1.0 MiB of 3.0 MiB, 1.0 MiB/s, 2 s left"
    )
