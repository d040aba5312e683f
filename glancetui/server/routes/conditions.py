"""If-Match: a change asked for only while the image is what the client last saw. Ours; Glance knows no ETag."""

from __future__ import annotations

from starlette.requests import Request

from glancetui.errors import ConditionFailed
from glancetui.images.rules import Condition
from glancetui.model import Image
from glancetui.server import wire


def if_match(request: Request, view: wire.View) -> Condition:
    """Holds for an image that, shown to this caller, has one of the tags (RFC 9110, 13.1.1); else raises.

    Tags compare strongly: one marked weak never matches.
    """
    given = request.headers.getlist("if-match")
    tags = {tag.strip() for line in given for tag in line.split(",")}

    def check(image: Image) -> None:
        if not given or "*" in tags or wire.etag(wire.image_json(image, view)) in tags:
            return
        raise ConditionFailed(f"Image {image.id} is not what If-Match says: it was changed. Read it again, then retry.")

    return check
