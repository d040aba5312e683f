"""What may be done to metadata definitions and by whom. Decides; the registry writes, and nothing here knows HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from glancetui.definitions import documents
from glancetui.errors import BadRequest, Forbidden, NotFound
from glancetui.images.access import actor_of, refuse_read_only, viewer_of
from glancetui.images.policy import Policy
from glancetui.metadefs.documents import (
    OWNER,
    Document,
    association_of,
    fields_of,
    namespace_of,
    object_of,
    stored_property,
)
from glancetui.model import Caller
from glancetui.registry.metadefs import (
    Association,
    ItemKind,
    ItemQuery,
    MetadefObject,
    MetadefProperty,
    Metadefs,
    MetadefTag,
    Namespace,
    NamespaceContents,
    NamespaceQuery,
    ResourceType,
)

_REMOVE_RULE = {
    "property": "remove_metadef_property",
    "object": "delete_metadef_object",
    "tag": "delete_metadef_tag",
}


class NamespacePage(msgspec.Struct, frozen=True, kw_only=True):
    """`next_marker`: name to continue after; None where the page is the last."""

    namespaces: Sequence[Namespace]
    next_marker: str | None


class Definitions:
    """The rules of metadata definitions. Callable from many threads; holds no definition between calls."""

    def __init__(self, registry: Metadefs, policy: Policy, most: int) -> None:
        """`most`: properties, objects or tags of one namespace."""
        self._registry, self._policy, self._most = registry, policy, most

    # -- namespaces --------------------------------------------------------------------------------------------------

    def namespaces(self, caller: Caller, query: NamespaceQuery) -> NamespacePage:
        """One page through the caller's eyes, whatever viewer the query names. Raises Forbidden, NotFound."""
        target = _project_target(caller)
        self._ask("get_metadef_namespaces", caller, target)
        self._ask("list_metadef_resource_types", caller, target)
        query = msgspec.structs.replace(query, viewer=viewer_of(caller))
        found = self._registry.metadef_namespaces(query)
        next_marker = found[-1].name if found and len(found) == query.limit else None
        if self._policy.changed_by_operator("get_metadef_namespace"):
            allows = self._policy.allows
            found = [each for each in found if allows("get_metadef_namespace", caller, _target(each))]
        return NamespacePage(namespaces=found, next_marker=next_marker)

    def show(self, caller: Caller, name: str) -> NamespaceContents:
        """Everything in it. Raises NotFound, Forbidden."""
        found = self._registry.metadef_contents(name, viewer_of(caller))
        target = _target(found.namespace)
        self._ask("get_metadef_namespace", caller, target)
        for rule in ("list_metadef_resource_types", "get_metadef_objects", "get_metadef_properties"):
            self._ask(rule, caller, target)
        self._ask("get_metadef_tags", caller, target)
        return found

    def create(self, caller: Caller, document: Document) -> NamespaceContents:
        """All or nothing. Raises BadRequest, Duplicate, Forbidden, LimitExceeded."""
        refuse_read_only(caller)
        target = _project_target(caller)
        self._ask("add_metadef_namespace", caller, target)
        for kind, rule in (
            ("resource_type_associations", "add_metadef_resource_type_association"),
            ("objects", "add_metadef_object"),
            ("properties", "add_metadef_property"),
            ("tags", "add_metadef_tag"),
        ):
            if document.get(kind):
                self._ask(rule, caller, target)
        documents.check_new("namespace", document)
        new = namespace_of(document, _owner_of(caller, document), self._most)
        return self._registry.create_metadef_namespace(new, actor_of(caller))

    def change(self, caller: Caller, name: str, document: Document) -> Namespace:
        """The namespace's own attributes as a whole: what the document leaves out falls back. Raises NotFound,
        Forbidden, BadRequest, Duplicate."""
        self._writable("modify_metadef_namespace", caller, name)
        documents.check_new("namespace", document)
        documents.check_namespace({**document, "properties": {}, "objects": [], "tags": []}, most=self._most)
        fields = fields_of(document, _owner_of(caller, document))
        return self._registry.change_metadef_namespace(name, fields, actor_of(caller))

    def delete(self, caller: Caller, name: str) -> None:
        """Raises NotFound, Forbidden."""
        self._writable("delete_metadef_namespace", caller, name)
        self._registry.delete_metadef_namespace(name, actor_of(caller))

    # -- resource types ----------------------------------------------------------------------------------------------

    def resource_types(self, caller: Caller, limit: int | None, marker: str | None) -> Sequence[ResourceType]:
        """Raises Forbidden, NotFound."""
        self._ask("list_metadef_resource_types", caller, _project_target(caller))
        return self._registry.metadef_resource_types(limit, marker)

    def associations(self, caller: Caller, name: str) -> Sequence[Association]:
        """Raises NotFound, Forbidden."""
        namespace = self._readable("list_metadef_resource_types", caller, name)
        return namespace.associations if self._shows("get_metadef_resource_type", caller, namespace) else ()

    def associate(self, caller: Caller, name: str, document: Document) -> Association:
        """Raises NotFound, Forbidden, BadRequest, Duplicate."""
        self._writable("add_metadef_resource_type_association", caller, name)
        documents.check_new("resource_type", document)
        documents.check_association(document)
        return self._registry.add_metadef_association(name, association_of(document), actor_of(caller))

    def dissociate(self, caller: Caller, name: str, resource_type: str) -> None:
        """Raises NotFound, Forbidden."""
        self._writable("remove_metadef_resource_type_association", caller, name)
        self._registry.remove_metadef_association(name, resource_type, actor_of(caller))

    # -- properties --------------------------------------------------------------------------------------------------

    def properties(self, caller: Caller, query: ItemQuery) -> Sequence[MetadefProperty]:
        """Raises NotFound, Forbidden."""
        self._readable("get_metadef_properties", caller, query.namespace)
        return self._registry.metadef_properties(query)

    def property_named(self, caller: Caller, namespace: str, name: str, resource_type: str | None) -> MetadefProperty:
        """`name` as it is spelled on `resource_type`, prefix included, where one is given. Raises NotFound."""
        found = self._readable("get_metadef_property", caller, namespace)
        if resource_type:
            self._ask("get_metadef_resource_type", caller, _target(found))
            name = _without_prefix(found, resource_type, name)
        return self._registry.metadef_property(namespace, name)

    def add_property(self, caller: Caller, namespace: str, document: Document) -> MetadefProperty:
        """Raises NotFound, Forbidden, BadRequest, Duplicate, LimitExceeded."""
        self._writable("add_metadef_property", caller, namespace)
        new = _property_of(document)
        self._registry.add_metadef_property(namespace, new, self._most, actor_of(caller))
        return new

    def change_property(self, caller: Caller, namespace: str, name: str, document: Document) -> MetadefProperty:
        """As a whole, and perhaps under another name. Raises NotFound, Forbidden, BadRequest, Duplicate."""
        self._writable("modify_metadef_property", caller, namespace)
        new = _property_of(document)
        self._registry.change_metadef_property(namespace, name, new, actor_of(caller))
        return new

    # -- objects -----------------------------------------------------------------------------------------------------

    def objects(self, caller: Caller, query: ItemQuery) -> Sequence[MetadefObject]:
        """Raises NotFound, Forbidden."""
        namespace = self._readable("get_metadef_objects", caller, query.namespace)
        found = self._registry.metadef_objects(query)
        return found if self._shows("get_metadef_object", caller, namespace) else ()

    def object_named(self, caller: Caller, namespace: str, name: str) -> MetadefObject:
        """Raises NotFound, Forbidden."""
        self._readable("get_metadef_object", caller, namespace)
        return self._registry.metadef_object(namespace, name)

    def add_object(self, caller: Caller, namespace: str, document: Document) -> MetadefObject:
        """Raises NotFound, Forbidden, BadRequest, Duplicate, LimitExceeded."""
        self._writable("add_metadef_object", caller, namespace)
        documents.check_new("object", document)
        new = object_of(document, self._most)
        return self._registry.add_metadef_object(namespace, new, self._most, actor_of(caller))

    def change_object(self, caller: Caller, namespace: str, name: str, document: Document) -> MetadefObject:
        """As a whole, and perhaps under another name. Raises NotFound, Forbidden, BadRequest, Duplicate."""
        self._writable("modify_metadef_object", caller, namespace)
        documents.check_new("object", document)
        new = object_of(document, self._most)
        return self._registry.change_metadef_object(namespace, name, new, actor_of(caller))

    # -- tags --------------------------------------------------------------------------------------------------------

    def tags(self, caller: Caller, query: ItemQuery) -> Sequence[MetadefTag]:
        """Raises NotFound, Forbidden."""
        self._readable("get_metadef_tags", caller, query.namespace)
        return self._registry.metadef_tags(query)

    def tag_named(self, caller: Caller, namespace: str, name: str) -> MetadefTag:
        """Raises NotFound, Forbidden."""
        self._readable("get_metadef_tag", caller, namespace)
        return self._registry.metadef_tag(namespace, name)

    def add_tag(self, caller: Caller, namespace: str, name: str) -> MetadefTag:
        """Raises NotFound, Forbidden, BadRequest, Duplicate, LimitExceeded."""
        self._writable("add_metadef_tag", caller, namespace)
        documents.check_name(name, "name")
        return self._registry.add_metadef_tags(namespace, [name], False, self._most, actor_of(caller))[0]

    def add_tags(self, caller: Caller, namespace: str, document: Document, *, append: bool) -> Sequence[MetadefTag]:
        """In place of those that are there, unless `append`; none at all changes nothing. All or nothing.

        Raises NotFound, Forbidden, BadRequest, Duplicate, LimitExceeded."""
        self._writable("add_metadef_tags", caller, namespace)
        documents.check_new("tags", document)
        names = [tag["name"] for tag in document["tags"]]
        documents.check_count(len(names), "tags", self._most)
        for place, name in enumerate(names):
            documents.check_name(name, f"tags.{place}.name")
        documents.check_once(names, "tags")
        if not names:
            return ()
        return self._registry.add_metadef_tags(namespace, names, not append, self._most, actor_of(caller))

    def rename_tag(self, caller: Caller, namespace: str, name: str, document: Document) -> MetadefTag:
        """Raises NotFound, Forbidden, BadRequest, Duplicate."""
        self._writable("modify_metadef_tag", caller, namespace)
        documents.check_new("tag", document)
        documents.check_name(document["name"], "name")
        return self._registry.rename_metadef_tag(namespace, name, document["name"], actor_of(caller))

    # -- removing ----------------------------------------------------------------------------------------------------

    def remove(self, caller: Caller, namespace: str, kind: ItemKind, name: str) -> None:
        """Raises NotFound; Forbidden also in a protected namespace."""
        self._writable(_REMOVE_RULE[kind], caller, namespace)
        self._registry.remove_metadef_item(namespace, kind, name, actor_of(caller))

    def remove_all(self, caller: Caller, namespace: str, kind: ItemKind) -> None:
        """Raises NotFound; Forbidden also in a protected namespace."""
        found = self._writable("delete_metadef_namespace", caller, namespace)
        if kind == "tag":
            self._ask("delete_metadef_tags", caller, _target(found))
        self._registry.remove_metadef_items(namespace, kind, actor_of(caller))

    # -- details -----------------------------------------------------------------------------------------------------

    def _writable(self, rule: str, caller: Caller, name: str) -> Namespace:
        refuse_read_only(caller)
        return self._readable(rule, caller, name)

    def _readable(self, rule: str, caller: Caller, name: str) -> Namespace:
        """Raises NotFound where the caller may not see the namespace; Forbidden where only `rule` refuses."""
        namespace = self._registry.metadef_namespace(name, viewer_of(caller))
        self._ask(rule, caller, _target(namespace))
        return namespace

    def _ask(self, rule: str, caller: Caller, target: dict[str, object]) -> None:
        """As Glance: a refusal is told to those who may see namespaces here, all others find nothing."""
        if self._policy.allows(rule, caller, target):
            return
        if rule == "get_metadef_namespace" or not self._policy.allows("get_metadef_namespace", caller, target):
            raise NotFound("There is no such metadata namespace that you may see.")
        raise Forbidden(f"The policy rule {rule} does not let you do this. Ask an administrator for the role it needs.")

    def _shows(self, rule: str, caller: Caller, namespace: Namespace) -> bool:
        return self._policy.allows(rule, caller, _target(namespace))


def _target(namespace: Namespace) -> dict[str, object]:
    return {"project_id": namespace.owner, "owner": namespace.owner, "visibility": namespace.visibility}


def _project_target(caller: Caller) -> dict[str, object]:
    return {} if caller.project is None else {"project_id": caller.project}


def _owner_of(caller: Caller, document: Document) -> str:
    """Whose a namespace becomes that names no owner. Raises BadRequest."""
    owner = document.get("owner") or caller.project
    if owner:
        return str(owner)
    if caller.is_admin:  # of no project, where nobody is asked who they are
        return OWNER
    raise BadRequest("A namespace has an owner: name one, or use a token of a project.")


def _property_of(document: Document) -> MetadefProperty:
    documents.check_new("property", document)
    name = document["name"]
    return stored_property(name, documents.property_of(name, document, name))


def _without_prefix(namespace: Namespace, resource_type: str, name: str) -> str:
    """Raises NotFound."""
    association = next((each for each in namespace.associations if each.name == resource_type), None)
    if association is None:
        raise NotFound(f"Namespace {namespace.name} is not associated with resource type {resource_type}.")
    if not association.prefix or not name.startswith(association.prefix):
        raise NotFound(f"On {resource_type} a property of {namespace.name} is spelled {association.prefix or ''}NAME.")
    return name[len(association.prefix) :]
