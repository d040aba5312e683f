import pytest

from glancetui import errors
from glancetui.client.problems import Ambiguous, ServerFault, error_of, message_of, problem_of

MESSAGE = "No image found with ID nope"
HTML = (
    b"<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n"
    b"  No image found with ID nope<br /><br />\n\n\n\n </body>\n</html>"
)
RENDERINGS = [
    ("application/json", b'{"message": "No image found with ID nope<br /><br />\\n\\n\\n", "code": "404 Not Found"}'),
    ("text/html; charset=UTF-8", HTML),
    ("text/plain; charset=UTF-8", b"404 Not Found\n\nNo image found with ID nope\n\n   "),
    ("application/json", b'{"error": {"code": 404, "message": "No image found with ID nope", "title": "Not Found"}}'),
]


@pytest.mark.parametrize(("kind", "body"), RENDERINGS)
def test_the_servers_sentence_is_found_in_every_rendering(kind: str, body: bytes) -> None:
    assert message_of(kind, body) == MESSAGE


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthenticated),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (410, errors.Gone),
        (412, errors.Stale),
        (413, errors.LimitExceeded),
        (415, errors.UnsupportedMedia),
        (416, errors.RangeNotSatisfiable),
        (418, errors.BadRequest),
        (431, errors.HeadTooLarge),
        (500, ServerFault),
        (503, errors.Unavailable),
        (599, ServerFault),
    ],
)
def test_each_status_has_its_type_and_its_facts(status: int, kind: type[errors.GlancetuiError]) -> None:
    error = error_of(status, {"x-openstack-request-id": "req-1"}, b"", "GET", "http://h/v2/images/x")
    assert isinstance(error, kind)
    assert str(error)
    problem = problem_of(error)
    assert problem is not None
    assert (problem.status, problem.request_id) == (status, "req-1")


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b'{"message": 3}', b"[1]", b"<html><body><script>x</script>", b"{" * 9]
)
@pytest.mark.parametrize("kind", ["", "application/json", "text/html", "text/plain"])
def test_odd_bodies_give_a_sentence_all_the_same(kind: str, body: bytes) -> None:
    assert str(error_of(502, {"content-type": kind}, body, "GET", "http://h/"))


def test_escape_sequences_of_a_server_do_not_survive() -> None:
    assert "\x1b" not in message_of("application/json", b'{"message": "\\u001b[2Jgone"}')


def test_an_ambiguous_name_tells_the_candidates() -> None:
    assert "a, b" in str(Ambiguous("image", "x", ("a", "b")))
