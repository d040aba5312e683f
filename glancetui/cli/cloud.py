"""`glancetui cloud …`: the clouds of clouds.yaml."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping

from glancetui.cli.context import Context
from glancetui.cli.failures import UNREACHABLE
from glancetui.cli.output import Column, text_or_dash
from glancetui.cli.verbs import Verb
from glancetui.client.clouds import Cloud, cloud_of_variables, clouds, connect
from glancetui.client.masking import masked_url
from glancetui.client.transport import Limits
from glancetui.errors import GlancetuiError, NotFound

COLUMNS = tuple(
    Column(key, key.upper(), text_or_dash)
    for key in ("name", "auth_type", "region", "interface", "place", "source", "state", "version", "ms")
)
LISTED = ("name", "auth_type", "region", "interface", "place", "source")
CHECKED = ("name", "state", "version", "ms", "place")
CHECK_LIMITS = Limits(connect=5.0, read=10.0)


def known_clouds() -> list[Cloud]:
    from_variables = cloud_of_variables(os.environ)
    return [*clouds().values(), *([from_variables] if from_variables else [])]


def row_of(cloud: Cloud) -> dict[str, object]:
    place = cloud.endpoint or cloud.auth.get("endpoint") or cloud.auth.get("auth_url")
    return {
        "name": cloud.name,
        "auth_type": cloud.auth_type,
        "region": cloud.region,
        "interface": cloud.interface,
        "place": masked_url(place) if place else None,
        "source": cloud.source,
    }


def list_clouds(context: Context) -> None:
    """List the clouds of clouds.yaml, and the one that OS_* variables make."""
    context.printer.rows(COLUMNS, map(row_of, known_clouds()), LISTED)


def check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="*", help="by default all")


def check_clouds(context: Context) -> int:
    """Sign in at each cloud, and say whether its Image API answers."""
    names = context.arguments.names
    known = {cloud.name: cloud for cloud in known_clouds()}
    missing = [name for name in names if name not in known]
    if missing:
        raise NotFound(f"There is no cloud {missing[0]!r}; there are: {', '.join(known) or 'none'}.")
    failed: list[str] = []

    def rows() -> Iterator[Mapping[str, object]]:
        for cloud in (known[name] for name in names or known):
            row = checked(cloud)
            failed.extend([cloud.name] if row["state"] != "ok" else [])
            yield row

    context.printer.rows(COLUMNS, rows(), CHECKED)
    return UNREACHABLE if failed else 0


def checked(cloud: Cloud) -> Mapping[str, object]:
    started = time.monotonic()
    try:
        with connect(cloud, limits=CHECK_LIMITS) as client:
            version: str | None = client.versions()[0].id
            client.schema("image")  # the cheapest call that needs credentials
        state = "ok"
    except (GlancetuiError, IndexError) as error:
        version, state = None, str(error)
    return row_of(cloud) | {"state": state, "version": version, "ms": round((time.monotonic() - started) * 1000)}


VERBS: Mapping[str, Verb] = {
    "list": Verb(__name__, "list_clouds"),
    "check": Verb(__name__, "check_clouds", "check_arguments"),
}
