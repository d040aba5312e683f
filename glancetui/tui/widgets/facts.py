"""An image in words: labelled facts, laid out for a width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from rich.style import Style
from rich.text import Text

from glancetui.client.masking import masked_document, masked_url
from glancetui.client.text import cells, clean, cut, cut_middle
from glancetui.client.values import RemoteImage, RemoteMember, RemoteTask
from glancetui.tui import figures
from glancetui.tui.columns import Scene
from glancetui.tui.imports import fraction, sentence
from glancetui.tui.palette import Palette

LABEL = 13  # cells for the names of facts
WHAT = 36  # cells for what a task does
MOST_LINES = 6  # of a reason
Fact = tuple[str, Text]


def overview(image: RemoteImage, scene: Scene, palette: Palette, width: int, reason: str = "") -> Text:
    """The first tab: what an operator asks about an image, one fact to a line, two where there is room."""
    page = Text(no_wrap=True, end="")
    task = scene.imports.running(image)
    if task is not None:
        drawn = figures.bar(fraction(task), max(10, min(40, width)), ascii_only=scene.glyphs.ascii_only)
        page.append(f"{drawn}\n{cut(sentence(task), width)}\n\n", palette.busy)
    elif reason:
        page.append(f"{scene.glyphs.bad} {wrapped(reason, width - 2)}\n\n", palette.bad)
    for group in _groups(image, scene, palette, width):
        _lay(page, group, palette, width)
        page.append("\n")
    return page


def _groups(image: RemoteImage, scene: Scene, palette: Palette, width: int) -> Iterable[Sequence[Fact]]:
    room = width - LABEL
    yield (
        ("Name", Text(cut(clean(image.name or "(no name)"), room), palette.ink + Style(bold=True))),
        ("ID", Text(image.id and clean(image.id), palette.soft)),
    )
    yield (
        ("Status", _status(image, scene, palette)),
        ("Visibility", Text(clean(image.visibility), palette.ink)),
        ("Protected", _truth(palette, value=image.protected)),
        ("Hidden", _truth(palette, value=image.os_hidden)),
    )
    yield (
        ("Size", _size(image, palette)),
        ("Format", Text(_formats(image), palette.ink)),
        ("Min disk", Text(f"{image.min_disk} GiB", palette.ink if image.min_disk else palette.faint)),
        ("Min RAM", Text(f"{image.min_ram} MiB", palette.ink if image.min_ram else palette.faint)),
    )
    yield (
        ("Owner", Text(cut_middle(clean(image.owner or figures.UNKNOWN), room), palette.ink)),
        ("Stores", Text(cut(clean(", ".join(image.stores) or figures.UNKNOWN), room), palette.ink)),
        ("Created", _moment(image.created_at, scene, palette)),
        ("Updated", _moment(image.updated_at, scene, palette)),
    )
    yield (
        (clean(image.os_hash_algo or "hash"), _digest(image.os_hash_value, palette, room)),
        ("md5", _digest(image.checksum, palette, room)),
    )
    yield (("Tags", Text(cut(clean("  ".join(image.tags) or figures.UNKNOWN), room), palette.busy)),)


def _lay(page: Text, facts: Sequence[Fact], palette: Palette, width: int) -> None:
    """Facts side by side while two fit into `width`."""
    half = width // 2
    line = 0
    for label, value in facts:
        fits = line and line <= half - 2 and half + LABEL + cells(value.plain) <= width
        if fits:
            page.append(" " * (half - line))
        elif line:
            page.append("\n")
            line = 0
        page.append(f"{label:<{LABEL}}", palette.soft).append_text(value)
        line = width if fits else line + LABEL + cells(value.plain)
    page.append("\n")


def _status(image: RemoteImage, scene: Scene, palette: Palette) -> Text:
    return Text(f"{scene.glyphs.status(image.status)} {clean(image.status)}", palette.status(image.status))


def _truth(palette: Palette, *, value: bool) -> Text:
    return Text("yes", palette.warn) if value else Text("no", palette.soft)


def _size(image: RemoteImage, palette: Palette) -> Text:
    text = Text(figures.size(image.size), palette.ink)
    if image.size is not None:
        text.append(f"  {figures.count(image.size)} bytes", palette.faint)
    if image.virtual_size:
        text.append(f"  virtual {figures.size(image.virtual_size)}", palette.soft)
    return text


def _formats(image: RemoteImage) -> str:
    return clean(f"{image.disk_format or figures.UNKNOWN} / {image.container_format or figures.UNKNOWN}")


def _moment(then: datetime | None, scene: Scene, palette: Palette) -> Text:
    if then is None:
        return Text(figures.UNKNOWN, palette.faint)
    return Text(figures.moment(then), palette.ink).append(f"  {figures.ago(then, scene.now)}", palette.soft)


def _digest(value: str | None, palette: Palette, room: int) -> Text:
    if value is None:
        return Text(figures.UNKNOWN, palette.faint)
    return Text(cut_middle(clean(value), min(room, 64)), palette.soft)


def properties(image: RemoteImage, palette: Palette, width: int) -> Text:
    """Custom properties by name; the detail describes them."""
    if not image.properties:
        return Text("No properties.", palette.soft, end="")
    label = min(max(LABEL, *(cells(clean(name)) + 2 for name in image.properties)), max(14, width // 2))
    page = Text(no_wrap=True, end="")
    for name, value in sorted(image.properties.items()):
        shown = cut(clean(name), label - 2)
        page.append(shown + " " * (label - cells(shown)), palette.soft)
        if value is None:
            page.append("null\n", palette.faint)
            continue
        page.append(cut(clean(value), max(4, width - label)) + "\n", palette.ink)
    return page


def locations(image: RemoteImage, palette: Palette, width: int) -> Text:
    """Where the copies lie, as far as the endpoint says."""
    page = Text(no_wrap=True, end="")
    listed = image.document.get("locations")
    if image.status == "queued" and (image.stores or listed):
        page.append("Refused: what was tried last, not the image's data.\n\n", palette.soft)
    for store in image.stores:
        page.append("store     ", palette.soft).append(cut(clean(store), width - 10) + "\n", palette.ink)
    if image.direct_url:
        page.append("direct    ", palette.soft).append(
            cut(clean(masked_url(image.direct_url)), width - 10) + "\n", palette.ink
        )
    for entry in listed if isinstance(listed, list) else ():
        url = entry.get("url") if isinstance(entry, Mapping) else None
        if isinstance(url, str):
            page.append("location  ", palette.soft).append(cut(clean(masked_url(url)), width - 10) + "\n", palette.ink)
    if not page.plain:
        page.append(
            "The endpoint does not say where the copies lie.\n\n"
            "It does with show_multiple_locations or show_image_direct_url in its\n"
            "configuration, to those whom its policy lets see them.",
            palette.soft,
        )
    return page


def members(found: Sequence[RemoteMember] | None, palette: Palette, scene: Scene, width: int) -> Text:
    if found is None:
        return Text(f"asking the endpoint {scene.glyphs.ellipsis}", palette.soft, end="")
    if not found:
        return Text("No members: no other project was offered this image.", palette.soft, end="")
    page = Text(no_wrap=True, end="")
    page.append(f"{'PROJECT':<36}  {'ANSWER':<10}  SINCE\n", palette.head)
    styles = {"accepted": palette.good, "rejected": palette.bad}
    for member in found:
        page.append(f"{cut(clean(member.member_id), 36):<36}  ", palette.ink)
        page.append(f"{clean(member.status):<10}  ", styles.get(member.status, palette.soft))
        since = member.updated_at or member.created_at
        page.append((figures.ago(since, scene.now) if since else figures.UNKNOWN) + "\n", palette.soft)
    page.truncate(max(1, width) * (len(found) + 2))
    return page


def tasks(found: Sequence[RemoteTask] | None, palette: Palette, scene: Scene, width: int) -> Text:
    """What the endpoint did for the image, the newest first, with what it says of it."""
    if found is None:
        return Text(f"asking the endpoint {scene.glyphs.ellipsis}", palette.soft, end="")
    if not found:
        return Text("No tasks: nothing was imported or copied, or it was long ago.", palette.soft, end="")
    page = Text(no_wrap=True, end="")
    signs = {"success": (scene.glyphs.good, palette.good), "failure": (scene.glyphs.bad, palette.bad)}
    for task in found:
        sign, style = signs.get(task.status, (scene.glyphs.importing, palette.busy))
        page.append(f"{sign} {clean(task.status):<11}", style).append(f"{what(task):<{WHAT}}", palette.ink)
        page.append(
            f"  {figures.ago(task.created_at, scene.now) if task.created_at else figures.UNKNOWN}", palette.soft
        )
        page.append(f"  {clean(task.id)}\n" if width >= 90 else "\n", palette.faint)  # the id where there is room
        said = (task.message or "") if task.is_over else sentence(task)
        if said:
            page.append("  " + wrapped(said, width - 2) + "\n", style)
        page.append("\n")
    return page


def what(task: RemoteTask) -> str:
    """`web-download to fast, slow`."""
    asked = task.document.get("input")
    stores = asked.get("backend") if isinstance(asked, Mapping) else None
    place = ", ".join(str(store) for store in stores if store) if isinstance(stores, list) else ""
    return cut(clean(str(task.method.get("name") or task.type) + (f" to {place}" if place else "")), WHAT)


def wrapped(text: str, width: int) -> str:
    """On as many lines as it takes, each after the first two cells in; an import's reason is never cut short."""
    return "\n  ".join(textwrap.wrap(clean(text), max(20, width))[:MOST_LINES])


def spelled(document: Mapping[str, object]) -> str:
    """The document as indented JSON, credentials masked."""
    return msgspec.json.format(msgspec.json.encode(masked_document(dict(document))), indent=2).decode()


def raw(document: Mapping[str, object], palette: Palette) -> Text:
    """The document as JSON, its own characters only."""
    text = spelled(document)
    page = Text(no_wrap=True, end="")
    for line in text.split("\n"):
        name, colon, value = line.partition('": ')
        if colon:
            page.append(clean(name) + '"', palette.busy).append(": ", palette.soft).append(
                clean(value) + "\n", palette.ink
            )
        else:
            page.append(clean(line) + "\n", palette.soft)
    return page
