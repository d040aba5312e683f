"""Every refusal of the contract, asked of a running service; and after each, nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server import contract
from tests.server.api import Api
from tests.server.contract import Case
from tests.server.states import QUOTAS, image_in
from tests.serving import running_server


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_server(tmp_path_factory.mktemp("refusals"), auth="headers", config=QUOTAS) as server:
        yield Api(server.endpoint)


def refusal_id(case: Case) -> str:
    return f"{case.method} {case.path[:40]} {case.why} by {case.caller}: {case.status}"


def everything(api: Api, image_id: str) -> tuple[Any, ...]:
    """What there is to be changed: the image, its members, and which images there are."""
    members = api.call("GET", f"/v2/images/{image_id}/members", caller="admin")
    return api.show(image_id), members.raw, api.ids("visibility=all&limit=1000", caller="admin")


@pytest.mark.parametrize("case", contract.REFUSALS, ids=refusal_id)
def test_refusal_has_its_status_and_changes_nothing(api: Api, case: Case) -> None:
    image_id = image_in(api, case.state)
    before = everything(api, image_id)
    answer = api.call(
        case.method,
        case.path.replace("{id}", image_id),
        {"id": image_id} if case.body == {"id": "{id}"} else case.body,
        caller=case.caller,
        headers={"Accept": "application/json", **case.headers},
    )
    assert answer.status == case.status, answer.raw
    assert everything(api, image_id) == before
    if case.method != "HEAD":
        assert answer.json["code"].startswith(str(case.status))
        assert answer.json["message"].strip()
    if case.status == 405:
        assert answer.headers["allow"]
    if case.status == 415 and case.method == "PATCH":
        assert answer.headers["accept-patch"].split(", ") == [contract.V20, contract.V21]


def test_a_refusal_names_the_field_that_is_wrong(api: Api) -> None:
    answer = api.call("POST", "/v2/images", {"min_ram": "much"}, headers={"Accept": "application/json"})
    assert "min_ram" in answer.json["message"]
