"""Each error of ours has a status, and looks as clients parse it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from glancetui import errors as all_errors
from glancetui.errors import ConfigError, GlancetuiError, RegistryUnavailable, StoreUnavailable
from glancetui.server.errors import STATUS_OF, answer, preference, rendered


def classes(of: type[GlancetuiError]) -> list[type[GlancetuiError]]:
    return [of, *(cls for child in of.__subclasses__() for cls in classes(child))]


@pytest.mark.parametrize("error", [cls for cls in classes(GlancetuiError) if cls.__module__ == all_errors.__name__])
def test_every_error_has_a_status(error: type[GlancetuiError]) -> None:
    if error in (GlancetuiError, ConfigError):  # the base; and what only stops a start
        return
    assert any(cls in STATUS_OF for cls in error.__mro__)


@given(st.text(), st.sampled_from(["text/html", "application/json", "text/plain"]))
def test_any_message_is_carried_without_markup_of_its_own(message: str, accept: str) -> None:
    body, kind = rendered(accept, 404, message.encode("utf-8", "replace").decode())
    assert kind.startswith(accept)
    if accept == "text/html":
        inside = body.partition(b"</h1>")[2].partition(b"<br />")[0]
        assert b"<" not in inside
    if accept == "application/json":
        assert json.loads(body)["title"] == "Not Found"


@given(st.text())
def test_no_accept_header_surprises(accept: str) -> None:
    assert 0 <= preference(accept, "text", "html") <= 1


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailable("file", "its folder /srv/hidden cannot be opened"),
        RegistryUnavailable("no answer from db-hidden.internal"),
        RuntimeError("hidden"),
    ],
)
def test_places_of_the_service_are_for_its_log_and_not_for_callers(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    request = Request({"type": "http", "method": "GET", "path": "/v2/images", "query_string": b"", "headers": []})
    heard = answer(request, error)
    assert heard.status_code in {500, 503}
    assert b"hidden" not in heard.body
    assert heard.status_code == 500 or "hidden" in caplog.text


def test_quotes_reach_clients_as_quotes() -> None:
    assert b"There is no store 'x'." in rendered("*/*", 400, "There is no store 'x'.")[0]
