"""Changing definitions: a namespace as it was and as it shall be, shown as steps before they are taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from textual import work

from glancetui.client.text import picture
from glancetui.definitions import documents, texts
from glancetui.definitions.difference import Step, changed_words, steps, whole
from glancetui.errors import BadRequest, GlancetuiError
from glancetui.tui import drafts
from glancetui.tui.actions import Action
from glancetui.tui.boxes.base import given
from glancetui.tui.boxes.confirm import Confirm, Question
from glancetui.tui.boxes.definition import DefinitionForm
from glancetui.tui.boxes.document import DocumentBox
from glancetui.tui.boxes.form import Field, FormBox, Values
from glancetui.tui.boxes.pick import Choice, Pick
from glancetui.tui.ports import Definitions, Document
from glancetui.tui.shelf import Node, NodeId, children
from glancetui.tui.views.handing import TextEditing

CHANGES = frozenset({"image.new", "image.add", "image.edit", "definition.import"})  # of the small letters
NEED_NO_NODE = frozenset({"image.new", "definition.import"})
NEED_A_NODE = frozenset({"go.open", "look.copy", "look.raw", "look.save", "look.used", "image.add", "image.edit"})
MOST = 100_000  # things of a kind in one namespace: the endpoint has its own bound
OTHER = "another type …"
HEAD = "# {}\n# Save and leave: what differs is shown before it is sent. Leave without a change: nothing happens.\n"

Made = Callable[[Values], tuple[Mapping[str, Any], NodeId]]  # the namespace to be, and where the cursor goes then


class Defining(TextEditing):
    """What the view of definitions inherits to change them."""

    documents: dict[str, Document]
    whole: set[str]
    trouble: str

    @property
    def current(self) -> Node | None:
        raise NotImplementedError

    def changed(self, name: str, at: NodeId | None = None) -> None:
        """A namespace was changed from here."""
        raise NotImplementedError

    def off(self, action: Action) -> str | None:
        changes = action.id in CHANGES or (action.acts and action.id.startswith("image."))
        if changes and self.session.read_only:
            return "this session is read-only"
        if changes and (self.session.service is None or self.trouble):
            return "the endpoint has no definitions that could be changed"
        changes_this = changes and action.id not in NEED_NO_NODE
        if (action.id in NEED_A_NODE or changes_this) and self.current is None:
            return "nothing is chosen"
        if changes_this and self.before is None:
            return "the namespace is still being read"
        if action.id == "image.amend" and self.current is not None and self.current.kind == "tag":
            return "a tag is nothing but its name; D removes it, a adds another"
        return None

    @property
    def before(self) -> dict[str, Any] | None:
        """The namespace under the cursor as a document that can be sent; None: it is not read yet."""
        node = self.current
        if node is None or node.namespace not in self.whole:
            return None
        return whole(self.documents[node.namespace])

    # Sending

    async def send(self, before: Mapping[str, Any] | None, after: Mapping[str, Any], at: NodeId, question: str) -> str:
        """Show what will be done, and do it. The sentence to go on from; empty: done, or there was nothing to do.

        `question`: empty where the form that it comes from is consent enough.
        """
        service = self.session.service
        if service is None:
            return "there is no endpoint now."
        try:
            check(after)
        except GlancetuiError as error:
            return str(error)
        found = steps(before, after, "overwrite")
        name = str(after["namespace"])
        if not found:
            self.desk.say(f"{name}: nothing was changed.")
            return ""
        if question and not await self.app.push_screen_wait(Confirm(_asked(question, found))):
            return "you said No; change it further."
        try:
            await self.session.pool.run(_apply, service.definitions, before, after, found)
        except GlancetuiError as error:
            self.changed(name)
            return str(error)
        self.desk.image.forget_definitions()
        self.changed(name, at)
        self.desk.say(f"{name}: {_told(found)}")
        return ""

    @work(exclusive=False, group="defining", exit_on_error=False)
    async def _send_soon(self, after: Mapping[str, Any], at: NodeId, question: str) -> None:
        problem = await self.send(self.before, after, at, question)
        if problem and not problem.startswith("you said No"):
            self.desk.say(f"Not sent: {problem}", "error", seconds=60)

    @work(exclusive=False, group="defining", exit_on_error=False)
    async def _by_form(
        self,
        form: Callable[[Sequence[Field], str, Callable[[Values], object]], FormBox],
        fields: Sequence[Field],
        before: Mapping[str, Any] | None,
        made: Made,
        question: str = "",
    ) -> None:
        """Until what was typed is sent, or the form is closed; a form that was refused opens as it was left."""
        problem = ""
        while True:
            values = await self.app.push_screen_wait(form(fields, problem, lambda typed: check(made(typed)[0])))
            if values is None:
                return
            try:
                after, at = made(values)
                problem = await self.send(before, after, at, question)
            except BadRequest as error:
                problem = str(error)
            if not problem:
                return
            fields = [_refilled(field, values) for field in fields]

    # Making and changing, by form

    def act_new(self) -> None:
        def made(values: Values) -> tuple[Mapping[str, Any], NodeId]:
            document = drafts.namespace_from(values)
            name = document["namespace"]
            if name in self.documents:
                raise BadRequest(f"There is a namespace {name} already.")
            return document, (name, "namespace", "", name)

        self._by_form(partial(FormBox, "New namespace"), drafts.namespace_fields(), None, made)

    def act_add(self) -> None:
        node = self.current
        if node is None:
            return
        if node.kind == "object" or node.within:
            self._property_form(node.within or node.name)
            return
        kinds = (("property", "p"), ("object", "o"), ("tag", "t"), ("resource type", "r"))
        choices = [Choice(kind, f"{kind} of {node.namespace}", key) for kind, key in kinds]
        self.app.push_screen(Pick("Add", choices), given(self._add))

    def _add(self, kind: str) -> None:
        if kind == "property":
            self._property_form("")
        elif kind == "object":
            self._object_form(None)
        elif kind == "tag":
            self._tag_form()
        else:
            self._offer_types()

    def act_amend(self) -> None:
        """`E`: the thing under the cursor, by its form."""
        node = self.current
        if node is None:
            return
        if node.kind == "namespace":
            self._namespace_form(node)
        elif node.kind == "property":
            self._property_form(node.within, node)
        elif node.kind == "object":
            self._object_form(node)
        elif node.kind == "resource type":
            self._association_form(node.document)

    def _namespace_form(self, node: Node) -> None:
        before = self.before

        def made(values: Values) -> tuple[Mapping[str, Any], NodeId]:
            return drafts.namespace_from(values, before), node.id

        fields = drafts.namespace_fields(node.document)
        self._by_form(partial(FormBox, node.name), fields, before, made, f"Change {node.name}?")

    def _property_form(self, within: str, node: Node | None = None) -> None:
        before, here = self.before or {}, self.current
        if here is None:
            return
        name, document = (node.name, node.document) if node else ("", None)

        def made(values: Values) -> tuple[Mapping[str, Any], NodeId]:
            key, definition = drafts.property_from(values, document)
            found = _properties(before, within)
            if key != name and key in found:
                raise BadRequest(f"There is a property {key} already.")
            kept = {other: each for other, each in found.items() if other != name}
            after = _with_properties(before, within, {**kept, key: definition})
            return after, (here.namespace, "property", within, key)

        title = name or f"New property of {within or here.namespace}"
        question = f"Change {name}?" if node else ""
        self._by_form(partial(DefinitionForm, title), drafts.property_fields(name, document), before, made, question)

    def _object_form(self, node: Node | None) -> None:
        before, here = self.before or {}, self.current
        if here is None:
            return

        def made(values: Values) -> tuple[Mapping[str, Any], NodeId]:
            document = drafts.object_from(values, node.document if node else None)
            others = [each for each in before.get("objects") or () if node is None or each["name"] != node.name]
            after = {**before, "objects": [*others, _sendable(document)]}
            return after, (here.namespace, "object", "", document["name"])

        title = node.name if node else f"New object of {here.namespace}"
        fields = drafts.object_fields(node.document if node else None)
        self._by_form(partial(FormBox, title), fields, before, made, f"Change {node.name}?" if node else "")

    def _tag_form(self) -> None:
        before, here = self.before or {}, self.current
        if here is None:
            return

        def made(values: Values) -> tuple[Mapping[str, Any], NodeId]:
            name = values["name"].strip()
            after = {**before, "tags": [*(before.get("tags") or ()), {"name": name}]}
            return after, (here.namespace, "tag", "", name)

        fields = [Field(name="name", label="Name")]
        self._by_form(partial(FormBox, f"New tag of {here.namespace}"), fields, before, made)

    @work(exclusive=True, group="types", exit_on_error=False)
    async def _offer_types(self) -> None:
        """The types that the endpoint knows, but for those that the namespace goes on; or another."""
        service, before = self.session.service, self.before
        if service is None or before is None:
            return
        try:
            found = await self.session.pool.run(service.definitions.resource_types)
        except GlancetuiError as error:
            self.post_message(self.Failed(error))
            return
        taken = {each["name"] for each in before.get("resource_type_associations") or ()}
        names = sorted({str(each.get("name")) for each in found} - taken)
        choices = [*(Choice(name, name) for name in names), Choice(OTHER, OTHER)]
        picked = await self.app.push_screen_wait(Pick("Goes on", choices))
        if picked is not None:
            self._association_form({} if picked == OTHER else {"name": picked}, new=True)

    def _association_form(self, document: Document, *, new: bool = False) -> None:
        before, here = self.before or {}, self.current
        if here is None:
            return
        name = document.get("name") if not new else None

        def made(values: Values) -> tuple[Mapping[str, Any], NodeId]:
            association = drafts.association_from(values)
            if "name" not in association:
                raise BadRequest("Name the type of resource.")
            found = before.get("resource_type_associations") or ()
            others = [each for each in found if each["name"] != name]
            after = {**before, "resource_type_associations": [*others, association]}
            return after, (here.namespace, "resource type", "", association["name"])

        title = f"Where {here.namespace} goes"
        question = "" if new else f"Change {name}?"
        self._by_form(partial(FormBox, title), drafts.association_fields(document), before, made, question)

    # By editor

    @work(exclusive=True, group="editing", exit_on_error=False)
    async def act_edit(self) -> None:
        """`e`: the whole namespace as YAML."""
        node, before = self.current, self.before
        if node is None or before is None:
            return
        name = node.namespace

        async def send(typed: str) -> str:
            try:
                after = _typed(typed, name, yaml=True)
            except GlancetuiError as error:
                return str(error)
            return await self.send(before, after, node.id, f"Change {name}?")

        await self.edit_text(name, name, HEAD.format(f"Namespace {name}") + texts.to_yaml(before), send)

    @work(exclusive=True, group="editing", exit_on_error=False)
    async def amend_document(self) -> None:
        """`E` in the raw document: the namespace as JSON, the cursor at the thing that was looked at."""
        node, before, problem = self.current, self.before, ""
        if node is None or before is None:
            return
        name, text = node.namespace, _harmless(texts.to_json(before))
        at = f'"{node.name}"' if node.kind != "namespace" else ""
        while True:
            box = DocumentBox(f"{name} as JSON", text, lambda typed: check(_typed(typed, name)), at=at, problem=problem)
            typed = await self.app.push_screen_wait(box)
            if typed is None:
                return
            text = typed
            problem = await self.send(before, _typed(typed, name), node.id, f"Change {name}?")
            if not problem:
                self.desk.go("metadefs")
                return

    # Acts

    def act_protect(self) -> None:
        node, before = self.current, self.before
        if node is None or before is None:
            return
        on = not before.get("protected")
        word = "Protect" if on else "Unprotect"
        self._send_soon({**before, "protected": on}, node.id, f"{word} {node.namespace}?")

    def act_visibility(self) -> None:
        node, before = self.current, self.before
        if node is None or before is None:
            return
        public = before.get("visibility") == "public"
        sentence = f"Show {node.namespace} to {'its project only' if public else 'everybody'}?"
        self._send_soon({**before, "visibility": "private" if public else "public"}, node.id, sentence)

    def act_delete(self) -> None:
        node, before = self.current, self.before
        if node is None or before is None:
            return
        if before.get("protected"):
            self.desk.say(f"{node.namespace} is protected; P unprotects it, which deletes nothing.", "warning")
            return
        if node.kind == "namespace":
            self._delete_namespace(node, before)
            return
        parent = node.parent or node.id
        self._send_soon(_without(before, node), parent, f"Delete {node.kind} {node.name}?")

    @work(exclusive=False, group="defining", exit_on_error=False)
    async def _delete_namespace(self, node: Node, before: Mapping[str, Any]) -> None:
        service, inside = self.session.service, list(children(node))
        if service is None:
            return
        question = Question(
            title=f"Delete {node.name}?",
            sentence=f"{len(inside)} things in it are deleted with it. This cannot be undone.",
            facts=[(child.kind, child.name) for child in inside],
            typed=node.name if inside else "",
            typed_what="its name" if inside else "",
            yes="Delete",
            danger=True,
        )
        if not await self.app.push_screen_wait(Confirm(question)):
            return
        try:
            await self.session.pool.run(_delete, service.definitions, before)
        except GlancetuiError as error:
            self.desk.say(f"{node.name} was not deleted: {error}", "error", seconds=60)
        else:
            self.desk.image.forget_definitions()
            self.desk.say(f"{node.name} deleted")
        self.changed(node.name)


def check(document: Mapping[str, Any]) -> None:
    """A namespace that shall be sent. Raises GlancetuiError that names the place."""
    documents.check_schema("namespace", document)
    documents.check_namespace(document, most=MOST)


def _typed(text: str, name: str, *, yaml: bool = False) -> dict[str, Any]:
    """The namespace `name` as somebody typed it. Raises BadRequest."""
    document = texts.decoded(text, "the text", yaml=yaml)
    if document.get("namespace") != name:
        raise BadRequest(f"namespace: the name stays {name}.")
    return document


def _harmless(text: str) -> str:
    """The same JSON, with nothing in it that a terminal acts upon."""
    return "".join(each if each == "\n" or picture(each) == each else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]


def _apply(
    definitions: Definitions, before: Mapping[str, Any] | None, after: Mapping[str, Any], found: Sequence[Step]
) -> None:
    """What was confirmed, to the namespace as it was seen. Raises Stale, and as the endpoint does."""
    if before is not None:
        definitions.unchanged(before)
    definitions.apply(after, found)


def _delete(definitions: Definitions, before: Mapping[str, Any]) -> None:
    definitions.unchanged(before)
    definitions.delete(str(before["namespace"]))


def _asked(title: str, found: Sequence[Step]) -> Question:
    facts: list[tuple[str, str]] = []
    for step in found:
        words = list(changed_words(step))
        facts += [(f"{step.action}", f"{step.kind} {step.name}")] if not words else []
        facts += [(step.action if not number else "", f"{step.name}: {each}") for number, each in enumerate(words)]
    danger = any(step.action == "remove" for step in found)
    return Question(title=title, sentence="This is what will be done.", facts=facts, yes="Send", danger=danger)


def _told(found: Sequence[Step]) -> str:
    done = {"add": "added", "change": "changed", "remove": "deleted"}
    if len(found) > 1:
        return f"{len(found)} changes are made"
    return f"{found[0].kind} {found[0].name} {done[found[0].action]}"


def _refilled(field: Field, values: Values) -> Field:
    from msgspec.structs import replace

    return replace(field, value=values[field.name])


def _sendable(document: Mapping[str, Any]) -> dict[str, Any]:
    from glancetui.definitions.difference import object_of

    return object_of(document)


def _properties(document: Mapping[str, Any], within: str) -> Mapping[str, Any]:
    if not within:
        return document.get("properties") or {}
    return next((each.get("properties") or {} for each in document.get("objects") or () if each["name"] == within), {})


def _with_properties(document: Mapping[str, Any], within: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    if not within:
        return {**document, "properties": dict(properties)}
    objects = document.get("objects") or ()
    return {
        **document,
        "objects": [{**each, "properties": dict(properties)} if each["name"] == within else each for each in objects],
    }


def _without(document: Mapping[str, Any], node: Node) -> dict[str, Any]:
    """The namespace without what the node is."""
    if node.kind == "property":
        kept = {name: each for name, each in _properties(document, node.within).items() if name != node.name}
        return _with_properties(document, node.within, kept)
    member = {"resource type": "resource_type_associations", "object": "objects", "tag": "tags"}[node.kind]
    return {**document, member: [each for each in document.get(member) or () if each["name"] != node.name]}
