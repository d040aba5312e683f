"""The part of the metadata interface that keeps metadata definitions. Every method is one transaction.

Definitions cross as the JSON text that the database holds: what it means is known to `glancetui.definitions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from glancetui.definitions.difference import Action, Kind
from glancetui.definitions.difference import Loading as Loading  # noqa: PLC0414 - part of the interface
from glancetui.model import Viewer
from glancetui.registry.marks import repeatable
from glancetui.registry.values import Actor

NamespaceKey = Literal["namespace", "display_name", "visibility", "protected", "owner", "created_at", "updated_at"]
ItemKey = Literal["name", "created_at", "updated_at"]
ItemKind = Literal["property", "object", "tag"]
SortDirection = Literal["asc", "desc"]


class ResourceType(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    created_at: datetime
    updated_at: datetime | None = None


class Association(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of resource that a namespace's properties go on, each behind `prefix`."""

    name: str
    prefix: str | None = None
    properties_target: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """`updated_at` None: what Glance's loader wrote and nobody changed."""

    name: str
    owner: str
    created_at: datetime
    updated_at: datetime | None = None
    display_name: str | None = None
    description: str | None = None
    visibility: str = "private"
    protected: bool = False
    associations: tuple[Association, ...] = ()


class MetadefProperty(msgspec.Struct, frozen=True, kw_only=True):
    """`definition` is JSON text."""

    name: str
    definition: str


class MetadefObject(msgspec.Struct, frozen=True, kw_only=True):
    """`properties` is the JSON text of definitions by name."""

    name: str
    created_at: datetime
    updated_at: datetime | None = None
    description: str | None = None
    required: tuple[str, ...] = ()
    properties: str = "{}"


class MetadefTag(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    created_at: datetime
    updated_at: datetime | None = None


class NamespaceContents(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace and all that lies in it, each kind by name."""

    namespace: Namespace
    properties: tuple[MetadefProperty, ...] = ()
    objects: tuple[MetadefObject, ...] = ()
    tags: tuple[MetadefTag, ...] = ()


class NamespaceFields(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace's own attributes, all of them."""

    name: str
    owner: str
    display_name: str | None = None
    description: str | None = None
    visibility: str = "private"
    protected: bool = False


class NewAssociation(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    prefix: str | None = None
    properties_target: str | None = None


class NewObject(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str | None = None
    required: tuple[str, ...] = ()
    properties: str = "{}"


class NewNamespace(msgspec.Struct, frozen=True, kw_only=True):
    fields: NamespaceFields
    associations: tuple[NewAssociation, ...] = ()
    properties: tuple[MetadefProperty, ...] = ()
    objects: tuple[NewObject, ...] = ()
    tags: tuple[str, ...] = ()


class NamespaceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One page. created_at and id follow as tie-breakers, in the same direction; null is the smallest value."""

    viewer: Viewer
    limit: int
    key: NamespaceKey = "created_at"
    direction: SortDirection = "desc"
    marker: str | None = None  # a namespace's name; unknown or invisible: NotFound
    visibility: Literal["public", "private"] | None = None
    resource_types: tuple[str, ...] | None = None  # associated with any of these


class ItemQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what a namespace holds of one kind. `limit` None: all."""

    namespace: str
    limit: int | None = None
    key: ItemKey = "name"
    direction: SortDirection = "asc"
    marker: str | None = None  # a name; unknown: NotFound


class MetadefChange(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that loading a document does, or would do."""

    action: Action
    kind: Kind
    name: str


class Metadefs(Protocol):
    """Where `namespace` is an argument, NotFound is raised if there is none of that name, whoever may see it: callers
    have looked through `metadef_namespace` before. What removes something raises Forbidden in a protected namespace.
    `most` bounds how many of its kind a namespace may hold; beyond it LimitExceeded is raised."""

    # -- namespaces --------------------------------------------------------------------------------------------------
    @repeatable
    def metadef_namespace(self, name: str, viewer: Viewer) -> Namespace:
        """Raises NotFound if absent, or private and another's."""

    @repeatable
    def metadef_namespaces(self, query: NamespaceQuery) -> Sequence[Namespace]: ...

    @repeatable
    def metadef_contents(self, name: str, viewer: Viewer) -> NamespaceContents:
        """One view of the whole. Raises NotFound as `metadef_namespace` does."""

    def create_metadef_namespace(self, new: NewNamespace, actor: Actor) -> NamespaceContents:
        """All or nothing. Raises Duplicate."""

    def change_metadef_namespace(self, namespace: str, fields: NamespaceFields, actor: Actor) -> Namespace:
        """Raises Duplicate where the new name is taken."""

    def delete_metadef_namespace(self, namespace: str, actor: Actor) -> None:
        """With all that lies in it."""

    def load_metadef_namespace(
        self, new: NewNamespace, how: Loading, dry_run: bool, actor: Actor
    ) -> Sequence[MetadefChange]:
        """What was changed so that the database holds the document; what would be, with `dry_run`.

        Done twice, the second time changes nothing. Protection does not count: this is the operator's own tool.
        """

    def unload_metadefs(self, names: Sequence[str] | None, dry_run: bool, actor: Actor) -> Sequence[str]:
        """Names of the namespaces that were removed, protected or not; None: all, and all resource types."""

    # -- resource types ----------------------------------------------------------------------------------------------
    @repeatable
    def metadef_resource_types(self, limit: int | None, marker: str | None) -> Sequence[ResourceType]:
        """Oldest first, beyond the one named `marker`. Raises NotFound for a marker that is none."""

    def add_metadef_association(self, namespace: str, new: NewAssociation, actor: Actor) -> Association:
        """Makes the resource type where there is none. Raises Duplicate."""

    def remove_metadef_association(self, namespace: str, resource_type: str, actor: Actor) -> None:
        """Raises NotFound."""

    # -- what lies in a namespace ------------------------------------------------------------------------------------
    @repeatable
    def metadef_properties(self, query: ItemQuery) -> Sequence[MetadefProperty]: ...

    @repeatable
    def metadef_property(self, namespace: str, name: str) -> MetadefProperty:
        """Raises NotFound."""

    def add_metadef_property(self, namespace: str, new: MetadefProperty, most: int, actor: Actor) -> None:
        """Raises Duplicate, LimitExceeded."""

    def change_metadef_property(self, namespace: str, name: str, new: MetadefProperty, actor: Actor) -> None:
        """Raises NotFound; Duplicate where the new name is taken."""

    @repeatable
    def metadef_objects(self, query: ItemQuery) -> Sequence[MetadefObject]: ...

    @repeatable
    def metadef_object(self, namespace: str, name: str) -> MetadefObject:
        """Raises NotFound."""

    def add_metadef_object(self, namespace: str, new: NewObject, most: int, actor: Actor) -> MetadefObject:
        """Raises Duplicate, LimitExceeded."""

    def change_metadef_object(self, namespace: str, name: str, new: NewObject, actor: Actor) -> MetadefObject:
        """Raises NotFound; Duplicate where the new name is taken."""

    @repeatable
    def metadef_tags(self, query: ItemQuery) -> Sequence[MetadefTag]: ...

    @repeatable
    def metadef_tag(self, namespace: str, name: str) -> MetadefTag:
        """Raises NotFound."""

    def add_metadef_tags(
        self, namespace: str, names: Sequence[str], replace: bool, most: int, actor: Actor
    ) -> Sequence[MetadefTag]:
        """All or nothing; with `replace` they are all the tags there are. Raises Duplicate, LimitExceeded."""

    def rename_metadef_tag(self, namespace: str, name: str, new_name: str, actor: Actor) -> MetadefTag:
        """Raises NotFound; Duplicate where the new name is taken."""

    def remove_metadef_item(self, namespace: str, kind: ItemKind, name: str, actor: Actor) -> None:
        """Raises NotFound."""

    def remove_metadef_items(self, namespace: str, kind: ItemKind, actor: Actor) -> None:
        """All of that kind."""
