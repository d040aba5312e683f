"""Definitions carried between files and the endpoint: what an import would change is shown before it is sent."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
from textual import work

from glancetui.definitions import files
from glancetui.definitions.difference import Loading, Step, changed_words, steps, whole
from glancetui.errors import GlancetuiError, NotFound
from glancetui.tui.boxes.base import given
from glancetui.tui.boxes.confirm import Confirm, Question
from glancetui.tui.boxes.definitions import ExportBox, ImportForm, is_folder, refusal
from glancetui.tui.files import expand
from glancetui.tui.ports import Definitions, Document
from glancetui.tui.shelf import Node, counted
from glancetui.tui.views.base import View

if TYPE_CHECKING:
    Base = View
else:
    Base = object


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """One namespace of a file: what there is, what shall be, and the steps between."""

    before: Document | None
    after: Mapping[str, Any]
    steps: Sequence[Step]

    @property
    def name(self) -> str:
        return str(self.after["namespace"])


class Carrying(Base):
    """What the view of definitions inherits to import and to export."""

    documents: dict[str, Document]

    @property
    @abstractmethod
    def current(self) -> Node | None:
        """What the cursor is on."""

    @abstractmethod
    def reread(self) -> None:
        """Much was changed from here: read everything again."""

    # In

    def act_import(self) -> None:
        self.import_from("", "new")

    @work(exclusive=True, group="carrying", exit_on_error=False)
    async def import_from(self, path: str, how: str) -> None:
        """Until it is sent, or the form is closed. With a path, the form opens only if that cannot be done."""
        problem = await self._bring(path, how) if path else ""
        while problem or not path:
            values = await self.app.push_screen_wait(ImportForm(path, how, problem))
            if values is None:
                return
            path, how = values["path"].strip(), values["how"]
            problem = await self._bring(path, how) if path else "Name a file or a folder."

    async def _bring(self, path: str, how: str) -> str:
        """The sentence to go on from; empty: done, or there was nothing to do."""
        service, run = self.session.service, self.session.pool.run
        if service is None:
            return "there is no endpoint now."
        try:
            coming = await run(_compared, service.definitions, expand(path), cast("Loading", how))
        except OSError as error:
            return f"{error.filename} cannot be read: {error.strerror}."
        except GlancetuiError as error:
            return str(error)
        if not coming:
            self.desk.say("The endpoint holds all of that already; nothing was sent.")
            return ""
        if not await self.app.push_screen_wait(Confirm(_asked(coming))):
            return "you said No; change it further."
        done = 0
        try:
            for each in coming:
                await run(_take, service.definitions, each)
                done += 1
        except GlancetuiError as error:
            return f"{done} of {len(coming)} are done; then {coming[done].name}: {error}"
        finally:
            self.desk.image.forget_definitions()
            self.reread()
        self.desk.say(f"imported: {_names(coming)}")
        return ""

    # Out

    def act_save(self) -> None:
        """`f`: the namespace under the cursor to a file, or all to a folder."""
        node = self.current
        if node is None:
            return
        path = Path.cwd() / files.file_name(node.namespace)
        box = ExportBox(self.session.pool, path, node.namespace, len(self.documents))
        self.app.push_screen(box, given(self.export_to))

    @work(exclusive=True, group="carrying", exit_on_error=False)
    async def export_to(self, typed: str) -> None:
        node, service, problem = self.current, self.session.service, refusal(typed)
        if problem or node is None or service is None:
            self.desk.say(f"Export: {problem or 'there is nothing to write.'}", "warning")
            return
        names = list(self.documents) if is_folder(typed) else [node.namespace]
        try:
            await self.session.pool.run(_written, service.definitions, names, expand(typed), is_folder(typed))
        except (OSError, GlancetuiError) as error:
            self.desk.say(f"Export: {error}", "error", seconds=60)
            return
        what = f"{len(names)} namespaces" if len(names) > 1 else names[0]
        self.desk.say(f"{what} written to {typed}")


def _compared(definitions: Definitions, path: Path, how: Loading) -> list[Coming]:
    """Namespaces for which there is something to do. All files are read and checked first. Raises as they do."""
    found = []
    for after in list(files.read_namespaces([path])):
        try:
            before: Document | None = definitions.namespace(str(after["namespace"]))
        except NotFound:
            before = None
        found.append(Coming(before=before, after=after, steps=steps(before, after, how)))
    return [each for each in found if each.steps]


def _take(definitions: Definitions, coming: Coming) -> None:
    """To the namespace as it was when the steps were shown. Raises Stale, Conflict."""
    if coming.before is not None:
        definitions.unchanged(coming.before)
    definitions.apply(coming.after, coming.steps)


def _written(definitions: Definitions, names: Sequence[str], path: Path, many: bool) -> None:
    if many:
        path.mkdir(parents=True, exist_ok=True)
    for name in names:
        files.write(path / files.file_name(name) if many else path, whole(definitions.namespace(name)))


def _asked(coming: Sequence[Coming]) -> Question:
    """A new namespace in one line, of one that is there each step."""
    facts: list[tuple[str, str]] = []
    for each in coming:
        if each.before is None:
            facts.append(("add", f"{each.name}: {counted(step.kind for step in each.steps) or '—'}"))
            continue
        facts.append(("", each.name))
        for step in each.steps:
            words = list(changed_words(step))
            facts.append((f"  {step.action}", f"{step.kind} {step.name}"))
            facts += [("", f"  {word}") for word in words]
    title = f"Import {_names(coming)}?"
    danger = any(step.action == "remove" for each in coming for step in each.steps)
    return Question(title=title, sentence="This is what will be done.", facts=facts, yes="Send", danger=danger)


def _names(coming: Sequence[Coming]) -> str:
    return coming[0].name if len(coming) == 1 else f"{len(coming)} namespaces"
