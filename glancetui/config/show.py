"""Options in force and their definitions, as text for people and rows for programs. Secrets are masked here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from glancetui.config.kinds import Kind, written
from glancetui.config.load import Setting
from glancetui.config.masking import MASK, mask_urls
from glancetui.config.option import Option, Section
from glancetui.config.options import KINDS_OF_STORE, SECTIONS, SECTIONS_OF_LIBRARIES
from glancetui.config.sections.stores import BACKEND

URL_OPTIONS = frozenset(
    {"connection", "slave_connection", "asyncio_connection", "asyncio_slave_connection", "transport_url"}
)


class Shown(msgspec.Struct, frozen=True):
    section: str
    option: str
    value: str
    source: str
    effect: str


def shown(settings: Sequence[Setting], *, only_set: bool = False) -> list[Shown]:
    """Rows for a table; `only_set` leaves out what nobody has set."""
    return [
        Shown(each.section, each.option.name, masked(each.option, each.value), str(each.source), effect(each.option))
        for each in settings
        if not only_set or each.source.kind != "default"
    ]


def masked(option: Option, value: object) -> str:
    """The value as text; of a database or broker URL all but the password, of any other secret nothing."""
    if value is None:
        return "" if option.shown_default is None else f"({option.shown_default})"
    if option.secret and option.name not in URL_OPTIONS:
        return MASK
    return mask_urls(written(value))


def effect(option: Option) -> str:
    return "honoured" if option.no_effect is None else f"no effect here, because {option.no_effect}"


def reference() -> str:
    """The reference of all options in Markdown, from their definitions."""
    return "\n".join(reference_lines()) + "\n"


def reference_lines() -> Iterator[str]:
    yield from INTRODUCTION.splitlines()
    for section in SECTIONS:
        if section.name == "glance_store":
            section = Section(section.name, section.help, section.options[:3])  # noqa: PLW2901  # drivers' options follow
        yield from section_lines(f"[{section.name}]", section)
    for kind, section in KINDS_OF_STORE.items():
        where = "one of [glance_store] or of a backend's own section"
        yield from section_lines(
            f"Stores of kind `{kind}`", Section(kind, f"{section.help} These options are {where}.", section.options)
        )
    yield from section_lines("Each backend's own section", BACKEND)
    yield from (
        "",
        "## Sections of libraries",
        "",
        "| section | who reads it, or why it has no effect |",
        "|---|---|",
    )
    yield from (f"| `[{name}]` | {reason} |" for name, reason in SECTIONS_OF_LIBRARIES.items())


def section_lines(title: str, section: Section) -> Iterator[str]:
    yield from ("", f"## {title}", "", section.help, "")
    honoured = [option for option in section.options if option.no_effect is None]
    ignored = [option for option in section.options if option.no_effect is not None]
    if honoured:
        yield from ("| option | kind | default | meaning |", "|---|---|---|---|")
        yield from (row(f"`{each.name}`", kind_of(each), default_of(each), cell(each.help)) for each in honoured)
    if honoured and ignored:
        yield ""
    if ignored:
        yield from (
            "Accepted, without effect here:",
            "",
            "| option | with Glance | why it has no effect |",
            "|---|---|---|",
        )
        yield from (row(f"`{each.name}`", cell(each.help), cell(each.no_effect or "")) for each in ignored)


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def kind_of(option: Option) -> str:
    if option.choices:
        return " or ".join(f"`{choice}`" for choice in option.choices)
    bounds = [
        f"{word} {bound:g}" for word, bound in (("≥", option.minimum), ("≤", option.maximum)) if bound is not None
    ]
    kind = "size in bytes, or with KB, MB, GB, TB" if option.kind is Kind.SIZE else option.kind.value
    return cell(" ".join([kind, *bounds]))


def default_of(option: Option) -> str:
    if option.shown_default is not None:
        return cell(option.shown_default)
    text = "" if option.default is None else written(option.default)
    return f"`{cell(text)}`" if text else ""


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


INTRODUCTION = """\
# Configuration

<!-- Written by `glancetui config docs`. Change the definitions in glancetui/config/sections/, then run `make docs`. -->

No file is needed: the defaults serve this machine. Otherwise the service reads Glance's own files, with Glance's names
of sections and options, as oslo.config reads them:

- `--config-file FILE` (repeatable; later ones win), then the `*.conf` files of `--config-dir FOLDER`, by name;
- the environment goes before files: `OS_<SECTION>__<OPTION>`, for instance `OS_DATABASE__CONNECTION`;
- the command line goes before both;
- `$option` stands for the value of an option of the same section or of [DEFAULT], `$$` for a dollar sign;
- lists are `a,b` or `[a,b]`, and `[]` is the empty list; pairs are `key:value,key:value`.

`glancetui config show` prints what is in force and where it comes from; `glancetui config validate` names every mistake
with its file and line. A name that nobody knows is a warning with the nearest known one; a bad value stops a start."""
