"""`glancetui doctor`: is the endpoint there, does it know us, do the clocks agree, does a store take and give bytes?"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime

import msgspec

from glancetui.cli.context import Context
from glancetui.cli.failures import FAILED, code_of
from glancetui.cli.output import Column, text_or_dash
from glancetui.cli.verbs import Verb
from glancetui.client import transfer
from glancetui.client.masking import masked_url
from glancetui.client.problems import Unreachable
from glancetui.client.query import ImageQuery
from glancetui.errors import GlancetuiError

COLUMNS = (
    Column("check", "CHECK", text_or_dash),
    Column("result", "RESULT", text_or_dash),
    Column("detail", "DETAIL", text_or_dash),
)
DEFAULT = ("check", "result", "detail")
SKEW_SECONDS = 5.0  # tokens and signatures begin to fail when clocks differ by more
PROBE_BYTES = 1 << 16
OK, WARNING, BAD = "ok", "warning", "failed"


class Finding(msgspec.Struct, frozen=True):
    result: str
    detail: str


def doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--write", action="store_true", help="also upload, download and delete a small image")


def look(context: Context) -> int:
    """Look at the endpoint, and say in plain sentences what is wrong.

    The configuration of a service of your own is checked by `glancetui config validate`.
    """
    codes: list[int] = []
    context.printer.rows(COLUMNS, examined(context, codes), DEFAULT)
    return 0 if not codes else codes[0] if len(set(codes)) == 1 else FAILED


def examined(context: Context, codes: list[int]) -> Iterator[Mapping[str, object]]:
    """One row a check. What depends on a failed check is not tried."""
    for name, check in checks(context):
        try:
            finding = check(context)
        except GlancetuiError as error:
            codes.append(code_of(error))
            yield {"check": name, "result": BAD, "detail": str(error)}
            if name in {"configuration", "endpoint", "sign-in"}:
                return
            continue
        codes.extend([FAILED] if finding.result == BAD else [])
        yield {"check": name, "result": finding.result, "detail": finding.detail}


def checks(context: Context) -> Iterator[tuple[str, Callable[[Context], Finding]]]:
    yield "configuration", configuration
    yield "endpoint", endpoint
    yield "clock", clock
    yield "sign-in", sign_in
    yield "listing", listing
    yield "stores", stores
    if context.arguments.write:
        yield "round trip", round_trip


def configuration(context: Context) -> Finding:
    cloud = context.cloud
    names = {"default": "nothing is configured; the local endpoint is tried", "environment": "from OS_* variables"}
    where = names.get(cloud.source, f"from {cloud.source}")
    return Finding(OK, f"{f'cloud {cloud.name!r} ' if cloud.name else ''}{where}, auth type {cloud.auth_type}")


def endpoint(context: Context) -> Finding:
    try:
        address = context.client.address()
        started = time.monotonic()
        versions = context.client.versions()
    except Unreachable as error:
        hint = context.hint_for_unreachable()
        raise Unreachable(f"{error} {hint or ''}".strip()) from error
    if not versions:
        return Finding(BAD, f"{masked_url(str(address))} lists no versions of the Image API")
    took = (time.monotonic() - started) * 1000
    return Finding(OK, f"{masked_url(str(address))} speaks {versions[0].id}, answered in {took:.0f} ms")


def clock(context: Context) -> Finding:
    """Compare the Date of an answer with our own time, half the round trip taken off."""
    client = context.client
    before = time.time()
    answer = client.transport.request("GET", client.address(), "/versions")
    after = time.time()
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        return Finding(OK, "the endpoint does not tell its time, so clocks cannot be compared")
    skew = theirs + 0.5 - (before + after) / 2  # a Date has whole seconds only
    if abs(skew) <= SKEW_SECONDS:
        return Finding(OK, f"differs by less than {max(1, round(abs(skew)))} s")
    side = "ahead" if skew > 0 else "behind"
    return Finding(WARNING, f"the endpoint's clock is {abs(skew):.0f} s {side}; check NTP on both sides")


def sign_in(context: Context) -> Finding:
    caller = context.client.caller()
    context.client.schema("image")
    who = f"{caller.user or 'nobody in particular'}, project {caller.project or caller.project_id or 'unknown'}"
    roles = f", roles {', '.join(caller.roles)}" if caller.roles else ""
    return Finding(OK, f"the endpoint takes us: {who}{roles}")


def listing(context: Context) -> Finding:
    started = time.monotonic()
    page = context.client.page(ImageQuery(), limit=25)
    took = (time.monotonic() - started) * 1000
    count = len(page.images) if page else 0
    return Finding(
        OK, f"{count}{' or more' if page and page.more else ''} images are visible, {took:.0f} ms for a page"
    )


def stores(context: Context) -> Finding:
    found = context.client.stores()
    if not found:
        return Finding(OK, "one store, without a name")
    return Finding(OK, ", ".join(f"{store.id}{' (default)' * store.default}" for store in found))


def round_trip(context: Context) -> Finding:
    """A small image there and back, and away again."""
    client, data = context.client, os.urandom(PROBE_BYTES)
    attributes = {"name": "glancetui-doctor", "visibility": "private", "disk_format": "raw", "container_format": "bare"}
    started = time.monotonic()
    made = client.create(attributes).image
    try:
        transfer.upload(client, made.id, io.BytesIO(data))
        received = bytearray()
        transfer.stream(client, client.image(made.id), received.extend)
    finally:
        client.delete(made.id)
    if bytes(received) != data:
        return Finding(BAD, "what came back is not what was sent, though no hash tells so")
    took = (time.monotonic() - started) * 1000
    return Finding(OK, f"{PROBE_BYTES >> 10} KiB stored, read back, verified, deleted in {took:.0f} ms")


VERBS: Mapping[str, Verb] = {"": Verb(__name__, "look", "doctor_arguments")}
