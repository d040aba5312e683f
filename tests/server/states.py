"""Images in each state that a test may ask for, made through the API alone."""

from __future__ import annotations

from tests.server.api import Api

# Small quotas, so that reaching one takes little; and a peer that is trusted to say who calls.
QUOTAS = """\
[DEFAULT]
image_property_quota = 5
image_tag_quota = 4
image_member_quota = 3
[glancetui]
trusted_peers = 127.0.0.1
"""


def image_in(api: Api, state: str) -> str:
    """The id of a new image of project p1."""
    formats = {"disk_format": "raw", "container_format": "bare"}
    if state == "tagged":
        return api.make(name=state, tags=["a", "b", "c", "d"])
    if state == "public":
        return api.make(caller="admin", owner="p1", name=state, visibility="public")
    if state == "protected":
        return api.make(name=state, protected=True)
    if state == "private":
        return api.make(name=state, visibility="private")
    image_id = api.make(name=state, mine="yes", **formats)
    if state == "staged":
        octets = {"Content-Type": "application/octet-stream"}
        assert api.call("PUT", f"/v2/images/{image_id}/stage", b"data", headers=octets).status == 204
    if state in {"active", "deactivated"}:
        api.upload(image_id)
    if state == "deactivated":
        assert api.call("POST", f"/v2/images/{image_id}/actions/deactivate").status == 204
    if state in {"shared", "crowded"}:
        for project in ("p2", "p3", "p4")[: 2 if state == "shared" else 3]:
            assert api.call("POST", f"/v2/images/{image_id}/members", {"member": project}).status == 200
    return image_id
