"""Who sees which images (contract of GET /v2/images and GET /v2/images/{id}).

What a viewer sees is a union of branches, disjoint from each other; each can be walked by an index of its own, in the
order of any sort key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from glancetui.registry.sql.expressions import exactly, live, of_row, walk_index
from glancetui.registry.sql.tables import image_members, images

Condition = sa.ColumnElement[bool]
Asked = Literal["public", "private", "shared", "community", "all"] | None

#: Gone, or never to be seen; a row in `pending_delete` still has `deleted` = 0.
UNLISTED = ("deleted", "killed", "pending_delete")


class Eyes(msgspec.Struct, frozen=True, kw_only=True):
    """What of a query decides which branches there are."""

    is_admin: bool
    in_project: bool
    asked: Asked
    any_member_status: bool


class Branch(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """`conditions` start with equality on the first column of the index kind `by`, which walking relies on."""

    by: Literal["owner", "visibility"]
    conditions: tuple[Condition, ...]
    memberships: bool = False  # shared with the viewer: can also be driven from its memberships
    own_community: bool = False  # can be walked by visibility as well: better where the viewer owns many images


#: What everybody may see, who is in no project included: community images only when asked for.
_OPEN_KINDS: Mapping[Asked, tuple[str, ...]] = {
    None: ("public",),
    "public": ("public",),
    "community": ("community",),
    "all": ("public", "community"),
    "private": (),
    "shared": (),
}
_BY_IMAGE = "ix_image_members_image_id_member"
PROJECT: sa.BindParameter[str] = sa.bindparam("project")
MEMBER_STATUS: sa.BindParameter[str] = sa.bindparam("member_status")


def word(text: str) -> sa.ColumnElement[Any]:
    """A literal of ours (never of a caller) in the text of the statement."""
    return sa.literal_column(f"'{text}'", sa.String)


def _is(visibility: str) -> Condition:
    return images.c.visibility == word(visibility)


# To the letter: for MySQL's collation projects `dev` and `Dev` are one, and each would see the other's images.
_MINE = exactly(images.c.owner, PROJECT)
_NOT_MINE = sa.or_(images.c.owner.is_(None), sa.not_(_MINE))
_MEMBER_IS_ME = exactly(image_members.c.member, PROJECT)
_NOBODYS = images.c.owner.is_(None)


def branches(eyes: Eyes) -> list[Branch]:
    if eyes.is_admin:
        return _admin_branches(eyes)
    if not eyes.in_project:
        return [_by_visibility(kind) for kind in _OPEN_KINDS[eyes.asked]]
    return _project_branches(eyes)


def _admin_branches(eyes: Eyes) -> list[Branch]:
    """Everything, but others' community images only when asked for."""
    if eyes.asked == "all":
        return [_by_visibility(kind) for kind in ("private", "shared", "public", "community")]
    if eyes.asked is not None:
        return [_by_visibility(eyes.asked)]
    own = Branch(by="owner", conditions=(_owned(eyes), _is("community")), own_community=True)
    return [*(_by_visibility(kind) for kind in ("private", "shared", "public")), own]


def _owned(eyes: Eyes) -> Condition:
    return _MINE if eyes.in_project else _NOBODYS


def owned(eyes: Eyes) -> sa.Select[Any]:
    """The viewer's own images; without a project those of nobody."""
    return sa.select(images.c.id).where(_owned(eyes))


def _project_branches(eyes: Eyes) -> list[Branch]:
    own = Branch(by="owner", conditions=(_MINE,))
    match eyes.asked:
        case "public" | "community":
            return [_by_visibility(eyes.asked)]
        case "private":
            return [Branch(by="owner", conditions=(_MINE, _is("private")))]
        case "shared":
            return [Branch(by="owner", conditions=(_MINE, _is("shared"))), _shared_with_me(eyes)]
        case "all":
            return [own, _others("public"), _shared_with_me(eyes), _others("community")]
        case None:
            return [own, _others("public"), _shared_with_me(eyes)]


def _by_visibility(kind: str) -> Branch:
    return Branch(by="visibility", conditions=(_is(kind),))


def _others(kind: str) -> Branch:
    return Branch(by="visibility", conditions=(_is(kind), _NOT_MINE))


def _shared_with_me(eyes: Eyes) -> Branch:
    member = _member_of_image(walk_index(_membership(eyes), image_members, _BY_IMAGE))
    return Branch(
        by="visibility",
        conditions=(_is("shared"), _NOT_MINE, member),
        memberships=True,
    )


def memberships(eyes: Eyes) -> sa.Select[Any]:
    """The ids of images that the project is a member of."""
    return walk_index(_membership(eyes), image_members, "gt_ix_image_members_member")


def _membership(eyes: Eyes) -> sa.Select[Any]:
    statuses: list[sa.ColumnElement[Any]] = [MEMBER_STATUS]
    if eyes.any_member_status:
        statuses = [word("accepted"), word("pending"), word("rejected")]
    return sa.select(image_members.c.image_id).where(
        _MEMBER_IS_ME,
        image_members.c.status.in_(statuses),
        live(image_members),
    )


def _member_of_image(members: sa.Select[Any]) -> Condition:
    return members.where(image_members.c.image_id == images.c.id).correlate(images).exists()


def seen_by(eyes: Eyes) -> Condition:
    """The branches as one condition, for rows found in another way."""
    return sa.or_(sa.false(), *(sa.and_(*branch.conditions) for branch in branches(eyes)))


def shown_to_admin() -> Condition:
    return sa.and_(of_row(images.c.deleted, sa.false()), images.c.status != word("pending_delete"))


def shown_to_project() -> Condition:
    """By id a project also sees community images, and those shared with it whatever it answered."""
    anyhow = sa.select(image_members.c.id).where(_MEMBER_IS_ME, live(image_members))
    member = _member_of_image(walk_index(anyhow, image_members, _BY_IMAGE))
    return sa.and_(
        shown_to_admin(),
        sa.or_(_MINE, _is("public"), _is("community"), sa.and_(_is("shared"), member)),
    )


def shown_to_anybody() -> Condition:
    public, community = (of_row(images.c.visibility, word(kind)) for kind in ("public", "community"))
    return sa.and_(shown_to_admin(), sa.or_(public, community))
