"""Numbers as people read them. Every function is pure, and has a fixed greatest width for the columns that show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

UNKNOWN = "—"

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def size(count: float | None) -> str:
    """Bytes in units of 1024, at most 8 cells: 9.1 GiB, 612 MiB, 0 B."""
    if count is None:
        return UNKNOWN
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    if unit == 0:
        return f"{int(value)} B"
    return f"{value:.1f} {_UNITS[unit]}" if value < 9.95 else f"{value:.0f} {_UNITS[unit]}"


def rate(per_second: float | None) -> str:
    return UNKNOWN if per_second is None else f"{size(per_second)}/s"


def span(seconds: float | None) -> str:
    """A duration, at most 7 cells: 42s, 1m 50s, 4h 12m, 3d."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d"


def age(then: datetime, now: datetime) -> str:
    """How long ago, at most 4 cells: now, 42s, 5m, 2h, 212d, 12y."""
    seconds = (now - then) / timedelta(seconds=1)
    return "now" if seconds < 1 else short(seconds)


def short(seconds: float) -> str:
    """A duration in one unit, at most 4 cells: 42s, 5m, 2h, 212d, 12y."""
    for length, unit, upto in ((1, "s", 60), (60, "m", 3600), (3600, "h", 86400), (86400, "d", 86400 * 1000)):
        if seconds < upto:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds // (365.25 * 86400))}y"


def ago(then: datetime, now: datetime) -> str:
    text = age(then, now)
    return "just now" if text == "now" else f"{text} ago"


def moment(then: datetime) -> str:
    """A time in UTC to the second, as the wire gives it."""
    return then.strftime("%Y-%m-%d %H:%M:%SZ")


def now() -> datetime:
    """UTC without zone, as the model holds times."""
    return datetime.now(UTC).replace(tzinfo=None)


def count(number: int) -> str:
    return f"{number:,}"


_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(fraction: float | None, width: int, *, ascii_only: bool = False) -> str:
    """A progress bar `width` cells wide, exact to an eighth of a cell."""
    if fraction is None:
        return ("." if ascii_only else "·") * width
    eighths = round(max(0.0, min(1.0, fraction)) * width * 8)
    if ascii_only:
        return ("#" * (eighths // 8)).ljust(width, ".")
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + (_EIGHTHS[rest] if rest else "")
    return drawn.ljust(width, "·")
