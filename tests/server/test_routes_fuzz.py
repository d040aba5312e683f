"""Whatever is sent to a route, it is never answered by a 5xx, and an error always says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from tests.server.api import Api
from tests.server.openapi import FIXED, PATCH_20, PATCH_21, document
from tests.server.openapi.metadefs import NAMESPACE, paths
from tests.serving import Server, running_server

for media_type in (PATCH_20, PATCH_21):
    schemathesis.serializer.alias(media_type, "application/json")
schema = schemathesis.openapi.from_dict(document())
definitions = schemathesis.openapi.from_dict({**document(), "paths": paths()})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("fuzz"), auth="none") as running:
        api = Api(running.endpoint)
        for image_id in FIXED:
            api.make(id=image_id, mine="x", protected=True, disk_format="raw", container_format="bare")
        api.upload(FIXED[0], b"0123456789")
        api.call("POST", "/v2/metadefs/namespaces", {"namespace": NAMESPACE, "protected": True})
        yield running


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_that_is_sent_breaks_a_route(case: schemathesis.Case, server: Server) -> None:
    check(case, server)


@definitions.parametrize()
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_that_is_sent_breaks_a_route_of_metadata_definitions(case: schemathesis.Case, server: Server) -> None:
    check(case, server)


def check(case: schemathesis.Case, server: Server) -> None:
    response = case.call(base_url=server.endpoint, headers={"Accept": "application/json"})
    case.validate_response(response, checks=[not_a_server_error])
    assert response.status_code != 501 or case.method not in {"GET", "PUT", "POST", "DELETE", "PATCH"}
    if response.status_code >= 400 and case.method != "HEAD":
        assert json.loads(response.content)["message"]


def test_nothing_went_wrong_behind_the_answers(server: Server) -> None:
    """Runs last in the module: the log holds no traceback of what came before."""
    log = server.log.read_text(errors="replace")
    assert "Traceback" not in log
    assert "unexpectedly" not in log
