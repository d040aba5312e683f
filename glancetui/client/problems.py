"""Answers and failures of an endpoint, as errors of ours.

Whatever goes wrong is raised as a type of `glancetui.errors`; the facts (status, request id, which request) hang on it
as its cause, a `RemoteProblem`, and `problem_of` finds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from glancetui import errors
from glancetui.client.text import clean

LONGEST_MESSAGE = 2000


class Unreachable(errors.Unavailable):
    """No answer: refused, timed out, no such host, TLS, or cut off."""


class ServerFault(errors.GlancetuiError):
    """The endpoint answered 500, or something that is no HTTP or no Image API."""


class ReadOnly(errors.Forbidden):
    """This session must not change anything."""

    def __init__(self, method: str) -> None:
        super().__init__(f"This session is read-only: {method} was not sent. Leave out --read-only to change things.")


class Ambiguous(errors.Conflict):
    """Several images have the name. `candidates` are their ids."""

    def __init__(self, kind: str, name: str, candidates: tuple[str, ...]) -> None:
        listed = ", ".join(candidates)
        super().__init__(f"{len(candidates)} {kind}s are named {clean(name)!r}; use an id: {listed}")
        self.candidates = candidates


class RemoteProblem(Exception):
    """An answer that was not the wanted one."""

    def __init__(self, status: int, message: str, request_id: str | None, method: str, url: str) -> None:
        super().__init__(f"{status} to {method} {url}")
        self.status, self.message, self.request_id, self.method, self.url = status, message, request_id, method, url


TYPES: Mapping[int, type[errors.GlancetuiError]] = {
    400: errors.BadRequest,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.BadRequest,
    409: errors.Conflict,
    410: errors.Gone,
    412: errors.Stale,
    413: errors.LimitExceeded,
    415: errors.UnsupportedMedia,
    416: errors.RangeNotSatisfiable,
    429: errors.Overloaded,
    431: errors.HeadTooLarge,
    500: ServerFault,
    501: errors.BadRequest,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.Unavailable,
}
SENTENCES: Mapping[int, str] = {
    401: "The endpoint wants to know who you are: the credentials are missing, wrong or expired.",
    403: "You are not allowed to do this.",
    404: "Not found, or not visible to you.",
    405: "The endpoint does not offer this.",
    413: "Too large, or over a quota.",
    500: "The endpoint failed inside; its log says why.",
    503: "The endpoint or its store cannot serve this now; try again later.",
}


def error_of(status: int, headers: Mapping[str, str], body: bytes, method: str, url: str) -> errors.GlancetuiError:
    """The error that an answer means. Its sentence is the server's own where it gave one. Cause: a RemoteProblem."""
    fallback = next((TYPES[code] for code in (status, status // 100 * 100) if code in TYPES), ServerFault)
    message = message_of(headers.get("content-type") or "", body) or SENTENCES.get(status) or f"HTTP status {status}."
    error = fallback(message)
    error.__cause__ = RemoteProblem(status, message, headers.get("x-openstack-request-id"), method, url)
    return error


def problem_of(error: BaseException) -> RemoteProblem | None:
    """The answer that an error came from, if it came from one."""
    cause = error.__cause__
    return cause if isinstance(cause, RemoteProblem) else None


def message_of(content_type: str, body: bytes) -> str:
    """The sentence in an error's body: any of the Image API's three renderings, or Keystone's. One line, clean."""
    text = body[: LONGEST_MESSAGE * 4].decode("utf-8", "replace")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        text = json_message(body)
    elif kind == "text/html" or text.lstrip()[:1] == "<":
        text = html_message(text)
    else:
        text = re.sub(r"\A\s*\d{3} [^\n]*\n\n", "", text)  # the status line that WebOb puts above the sentence
    text = re.sub(r"<br\s*/?>", " ", text)
    return clean(" ".join(text.split()))[:LONGEST_MESSAGE]


def json_message(body: bytes) -> str:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    inner = document.get("error", document) if isinstance(document, dict) else {}
    message = inner.get("message") if isinstance(inner, dict) else inner
    return message if isinstance(message, str) else ""


def html_message(text: str) -> str:
    """The body of WebOb's page, without its heading; entities resolved."""
    import html

    body = re.sub(r"(?is)<(head|h1|script|style)\b.*?</\1>", " ", text)
    return html.unescape(re.sub(r"(?s)<[^>]*>", " ", body))
