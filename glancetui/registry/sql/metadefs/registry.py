"""The operations of `glancetui.registry.metadefs.Metadefs`, which documents them, on a SQL database."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from glancetui.model import Viewer
from glancetui.registry.metadefs import (
    Association,
    ItemKind,
    ItemQuery,
    Loading,
    MetadefChange,
    MetadefObject,
    MetadefProperty,
    MetadefTag,
    Namespace,
    NamespaceContents,
    NamespaceFields,
    NamespaceQuery,
    NewAssociation,
    NewNamespace,
    NewObject,
    ResourceType,
)
from glancetui.registry.sql.change import Change
from glancetui.registry.sql.database import Database
from glancetui.registry.sql.metadefs import associations, items, loading, namespaces, notices
from glancetui.registry.sql.tables import metadef_namespaces
from glancetui.registry.values import Actor

Result = TypeVar("Result")

_ALL_NAMES = sa.select(metadef_namespaces.c.namespace).order_by(metadef_namespaces.c.namespace)


class SqlMetadefs(abc.ABC):
    """A part of SqlRegistry, which brings the database and the transactions."""

    _database: Database

    @abc.abstractmethod
    def _change(self, actor: Actor, work: Callable[[Change], Result]) -> Result: ...

    # -- namespaces ----------------------------------------------------------------------------------------------------

    def metadef_namespace(self, name: str, viewer: Viewer) -> Namespace:
        return self._database.view(lambda db: namespaces.show(db, name, viewer))

    def metadef_namespaces(self, query: NamespaceQuery) -> Sequence[Namespace]:
        return self._database.view(lambda db: namespaces.page(db, query))

    def metadef_contents(self, name: str, viewer: Viewer) -> NamespaceContents:
        return self._database.view(lambda db: namespaces.contents(db, namespaces.one(db, name, viewer)))

    def create_metadef_namespace(self, new: NewNamespace, actor: Actor) -> NamespaceContents:
        return self._change(actor, lambda change: namespaces.contents(change.db, namespaces.create(change, new)))

    def change_metadef_namespace(self, namespace: str, fields: NamespaceFields, actor: Actor) -> Namespace:
        def work(change: Change) -> Namespace:
            row = namespaces.locked(change.db, namespace)
            namespaces.alter(change, row.id, fields)
            linked = associations.of_namespaces(change.db, [row.id]).get(row.id, ())
            return namespaces.namespace_of(namespaces.locked(change.db, fields.name), linked)

        return self._change(actor, work)

    def delete_metadef_namespace(self, namespace: str, actor: Actor) -> None:
        def work(change: Change) -> None:
            row = namespaces.locked(change.db, namespace)
            namespaces.refuse_protected(row)
            namespaces.delete(change, row)

        self._change(actor, work)

    def load_metadef_namespace(
        self, new: NewNamespace, how: Loading, dry_run: bool, actor: Actor
    ) -> Sequence[MetadefChange]:
        def work(change: Change) -> list[loading.Difference]:
            namespaces.hold(change.db, new.fields.name)
            found = loading.differences(change.db, new, how)
            loading.write(change, new, found)
            return found

        found = self._database.view(lambda db: loading.differences(db, new, how))
        if found and not dry_run:  # looked at before, so that loading what is there already waits for no writer
            found = self._change(actor, work)
        return [each.change for each in found]

    def unload_metadefs(self, names: Sequence[str] | None, dry_run: bool, actor: Actor) -> Sequence[str]:
        def work(change: Change) -> list[str]:
            chosen = _chosen(change.db, names)
            for name in chosen:
                namespaces.delete(change, namespaces.locked(change.db, name))
            if names is None:
                associations.remove_types(change)
            return chosen

        if dry_run:
            return self._database.view(lambda db: _chosen(db, names))
        return self._change(actor, work)

    # -- resource types ------------------------------------------------------------------------------------------------

    def metadef_resource_types(self, limit: int | None, marker: str | None) -> Sequence[ResourceType]:
        return self._database.view(lambda db: associations.all_types(db, limit, marker))

    def add_metadef_association(self, namespace: str, new: NewAssociation, actor: Actor) -> Association:
        return self._change(
            actor,
            lambda change: associations.add(change, namespaces.locked(change.db, namespace).id, new, touched=True),
        )

    def remove_metadef_association(self, namespace: str, resource_type: str, actor: Actor) -> None:
        def work(change: Change) -> None:
            row = namespaces.locked(change.db, namespace)
            associations.remove(change, row.id, resource_type)
            namespaces.refuse_protected(row)  # last: what is not there is told as that

        self._change(actor, work)

    # -- what lies in a namespace --------------------------------------------------------------------------------------

    def metadef_properties(self, query: ItemQuery) -> Sequence[MetadefProperty]:
        return [items.property_of(row) for row in self._page("property", query)]

    def metadef_property(self, namespace: str, name: str) -> MetadefProperty:
        return items.property_of(self._one(namespace, "property", name))

    def add_metadef_property(self, namespace: str, new: MetadefProperty, most: int, actor: Actor) -> None:
        def work(change: Change) -> None:
            namespace_id = namespaces.locked(change.db, namespace).id
            items.check_room(change, namespace_id, "property", 1, most)
            items.add_properties(change, namespace_id, [new], touched=True)

        self._change(actor, work)

    def change_metadef_property(self, namespace: str, name: str, new: MetadefProperty, actor: Actor) -> None:
        self._alter(namespace, "property", name, items.property_values(new), actor)

    def metadef_objects(self, query: ItemQuery) -> Sequence[MetadefObject]:
        return [items.object_of(row) for row in self._page("object", query)]

    def metadef_object(self, namespace: str, name: str) -> MetadefObject:
        return items.object_of(self._one(namespace, "object", name))

    def add_metadef_object(self, namespace: str, new: NewObject, most: int, actor: Actor) -> MetadefObject:
        def work(change: Change) -> MetadefObject:
            namespace_id = namespaces.locked(change.db, namespace).id
            items.check_room(change, namespace_id, "object", 1, most)
            items.add_objects(change, namespace_id, [new], touched=True)
            return items.object_of(items.one(change.db, namespace_id, "object", new.name))

        return self._change(actor, work)

    def change_metadef_object(self, namespace: str, name: str, new: NewObject, actor: Actor) -> MetadefObject:
        return items.object_of(self._alter(namespace, "object", name, items.object_values(new), actor))

    def metadef_tags(self, query: ItemQuery) -> Sequence[MetadefTag]:
        return [items.tag_of(row) for row in self._page("tag", query)]

    def metadef_tag(self, namespace: str, name: str) -> MetadefTag:
        return items.tag_of(self._one(namespace, "tag", name))

    def add_metadef_tags(
        self, namespace: str, names: Sequence[str], replace: bool, most: int, actor: Actor
    ) -> Sequence[MetadefTag]:
        def work(change: Change) -> list[MetadefTag]:
            namespace_id = namespaces.locked(change.db, namespace).id
            if replace:
                items.remove_all(change, namespace_id, "tag")
            items.check_room(change, namespace_id, "tag", len(names), most)
            items.add_tags(change, namespace_id, names, touched=True)
            return [MetadefTag(name=name, created_at=change.now, updated_at=change.now) for name in names]

        return self._change(actor, work)

    def rename_metadef_tag(self, namespace: str, name: str, new_name: str, actor: Actor) -> MetadefTag:
        return items.tag_of(self._alter(namespace, "tag", name, {"name": new_name}, actor))

    def remove_metadef_item(self, namespace: str, kind: ItemKind, name: str, actor: Actor) -> None:
        def work(change: Change) -> None:
            row = namespaces.locked(change.db, namespace)
            items.remove(change, row.id, kind, name)
            namespaces.refuse_protected(row)  # last: what is not there is told as that

        self._change(actor, work)

    def remove_metadef_items(self, namespace: str, kind: ItemKind, actor: Actor) -> None:
        def work(change: Change) -> None:
            row = namespaces.locked(change.db, namespace)
            namespaces.refuse_protected(row)
            items.remove_all(change, row.id, kind)
            what = f"metadef_namespace.delete_{items.PLURAL[kind]}"
            change.tell(what)
            notices.namespace(change, what, row.id, namespaces.fields_of(row))

        self._change(actor, work)

    # -- details -------------------------------------------------------------------------------------------------------

    def _page(self, kind: ItemKind, query: ItemQuery) -> Sequence[sa.Row[Any]]:
        return self._database.view(lambda db: items.page(db, namespaces.known(db, query.namespace).id, kind, query))

    def _one(self, namespace: str, kind: ItemKind, name: str) -> sa.Row[Any]:
        return self._database.view(lambda db: items.one(db, namespaces.known(db, namespace).id, kind, name))

    def _alter(self, namespace: str, kind: ItemKind, name: str, values: dict[str, object], actor: Actor) -> sa.Row[Any]:
        def work(change: Change) -> sa.Row[Any]:
            namespace_id = namespaces.locked(change.db, namespace).id
            items.alter(change, namespace_id, kind, name, values)
            return items.one(change.db, namespace_id, kind, str(values["name"]))

        return self._change(actor, work)


def _chosen(db: sa.Connection, names: Sequence[str] | None) -> list[str]:
    found = list(db.execute(_ALL_NAMES).scalars())
    return found if names is None else [name for name in names if name in found]
