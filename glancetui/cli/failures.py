"""What a failure prints and which exit code it gives: decided here, for all commands."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TextIO

import msgspec

from glancetui import errors
from glancetui.client.cancel import Cancelled
from glancetui.client.problems import problem_of
from glancetui.client.text import clean

DONE, FAILED, USAGE, NOT_FOUND, DENIED, CONFLICT, UNREACHABLE = range(7)
INTERRUPTED, PIPE_CLOSED = 130, 141

CODES: Mapping[type[BaseException], int] = {
    errors.NotFound: NOT_FOUND,
    errors.Unauthenticated: DENIED,
    errors.Forbidden: DENIED,
    errors.Conflict: CONFLICT,
    errors.Unavailable: UNREACHABLE,
    Cancelled: INTERRUPTED,
}
HINTS: Mapping[int, str] = {
    DENIED: "check the credentials and their role: --cloud, OS_* variables, or clouds.yaml",
    UNREACHABLE: "`glancetui doctor` looks into it; --endpoint URL or --cloud NAME choose another",
}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a failure; with -f json in this form."""

    error: str
    code: int  # the exit code
    status: int | None = None  # of HTTP
    request_id: str | None = None
    hint: str | None = None


def code_of(error: BaseException) -> int:
    """The exit code for an error."""
    if isinstance(error, errors.BadRequest) and problem_of(error) is None:
        return USAGE  # our own verdict on what was typed; the endpoint's 400 is a plain failure
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), FAILED)


def failure_of(error: BaseException, hint: str | None = None) -> Failure:
    code = code_of(error)
    problem = problem_of(error)
    return Failure(
        error=clean(sentence_of(error)) or type(error).__name__,
        code=code,
        status=problem.status if problem else None,
        request_id=clean(problem.request_id) if problem and problem.request_id else None,
        hint=hint or HINTS.get(code),
    )


def sentence_of(error: BaseException) -> str:
    """What the operating system says without its numbers, and of which file."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return str(error)


def report(failure: Failure, *, as_json: bool, stream: TextIO | None = None) -> None:
    """One sentence, one hint, the request id; or an object."""
    out = stream or sys.stderr
    if as_json:
        out.write(msgspec.json.encode(failure).decode() + "\n")
        return
    out.write(f"glancetui: {failure.error}\n")
    if failure.hint:
        out.write(f"  hint: {failure.hint}\n")
    if failure.request_id:
        out.write(f"  request: {failure.request_id}\n")


def combined(codes: list[int]) -> int:
    """The exit code for several targets: of the failures if all failed alike, else 1."""
    if not any(codes):
        return DONE
    return codes[0] if len(set(codes)) == 1 else FAILED
