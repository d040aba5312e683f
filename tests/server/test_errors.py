"""Each error of ours has a status, and looks as clients parse it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glancetui import errors as all_errors
from glancetui.errors import ConfigError, GlancetuiError
from glancetui.server.errors import STATUS_OF, preference, rendered


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
