"""An image's detail: tabs of facts about the one image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rich.style import Style
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult

from glancetui.client.values import RemoteImage, RemoteMember
from glancetui.errors import BadRequest, GlancetuiError, NotFound
from glancetui.tui import figures
from glancetui.tui.actions import BY_ID, Action
from glancetui.tui.boxes.base import given
from glancetui.tui.boxes.confirm import Question
from glancetui.tui.boxes.line import LineBox
from glancetui.tui.boxes.pick import Choice, Pick
from glancetui.tui.session import Session
from glancetui.tui.views.properties import PropertyChanging
from glancetui.tui.views.scrolling import Scrolling
from glancetui.tui.widgets import facts
from glancetui.tui.widgets.chrome import spread
from glancetui.tui.widgets.line import Line
from glancetui.tui.widgets.pane import Pane
from glancetui.tui.widgets.sheet import Sheet

LONGEST_PROJECT = 255
LONGEST_URL = 255
TABS = ("Overview", "Properties", "Locations", "Members", "Tasks", "Raw")


class ImageView(PropertyChanging, Scrolling):
    name_of_view = "image"
    title_of_view = "Images"

    DEFAULT_CSS = """
    ImageView #tabs { height: 1; background: $bar; }
    ImageView Pane { padding: 1 2; }
    ImageView Sheet { display: none; margin-top: 1; }
    ImageView #meaning { display: none; height: 8; padding: 0 2; border-top: solid $ink-faint; }
    ImageView.described Sheet, ImageView.described #meaning { display: block; }
    ImageView.described #facts { display: none; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.image: RemoteImage | None = None
        self.tab = 0
        self.members: Sequence[RemoteMember] | None = None
        self.gone = False
        self.read_at: float | None = None
        self.prepare_properties(session)
        self.pane = Pane(id="facts")
        self.tabs = Line(self._tabs, id="tabs")

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield self.pane
        yield self.sheet
        yield self.meaning

    def disconnected(self) -> None:
        self.image = None
        self._given.clear()
        self.forget_definitions()

    def show_image(self, image: RemoteImage) -> None:
        self.image, self.members, self.gone = image, None, False
        self.read_at = self.session.clock()
        self._draw()
        self.pane.scroll_home(animate=False)
        self.meaning.scroll_home(animate=False)
        self.sheet.move_to("")
        if self.on_properties:
            self.describe()

    def shown(self) -> None:
        (self.sheet if self.on_properties else self.pane).focus()
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        self._draw()

    def _tabs(self, width: int) -> Text:  # noqa: ARG002  # the six always fit
        palette, image = self.session.palette(), self.image
        line = Text(" ", no_wrap=True, end="")
        counts = {"Properties": len(image.properties) if image else 0}
        if self.members is not None:
            counts["Members"] = len(self.members)
        if image is not None and (tasks := self.session.imports.tasks(image)) is not None:
            counts["Tasks"] = len(tasks)
        for number, name in enumerate(TABS):
            label = f" {name} {counts[name]} " if name in counts else f" {name} "
            style = palette.cursor + palette.ink + Style(bold=True) if number == self.tab else palette.soft
            line.append(label, style + Style(meta={"act": f"tab.{number}"})).append(" ")
        return line

    def on_line_pressed(self, message: Line.Pressed) -> None:
        name, _, number = message.action_id.partition(".")
        if name == "tab":
            message.stop()
            self.open_tab(int(number))

    @property
    def on_properties(self) -> bool:
        return TABS[self.tab] == "Properties"

    def open_tab(self, number: int) -> None:
        self.tab = number % len(TABS)
        self.tabs.refresh()
        self._draw()
        self.pane.scroll_home(animate=False)
        (self.sheet if self.on_properties else self.pane).focus()
        self.post_message(self.Changed())
        if self.on_properties:
            self.describe()
        if TABS[self.tab] == "Members":
            self._read_members()
        self.session.connection.hurry(self.session.clock())

    def _draw(self) -> None:
        image = self.image
        if image is None or not self.is_mounted:
            return
        palette, scene, room = self.session.palette(), self.session.scene(), self.pane.room
        reason, tasks = self.session.reason_of(image), self.session.imports.tasks(image)
        texts = {
            "Overview": lambda: facts.overview(image, scene, palette, room, reason),
            "Locations": lambda: facts.locations(image, palette, room),
            "Members": lambda: facts.members(self.members, palette, scene, room),
            "Tasks": lambda: facts.tasks(tasks, palette, scene, room),
            "Raw": lambda: facts.raw(image.document, palette),
        }
        self.set_class(self.on_properties, "described")
        if self.on_properties:
            self.draw_properties()
            return
        text = texts[TABS[self.tab]]()
        if self.gone:
            text = Text("This image is deleted. What follows is how it last was.\n\n", palette.bad).append_text(text)
        self.pane.put(text)

    @work(exclusive=True, group="members", exit_on_error=False)
    async def _read_members(self) -> None:
        service, image = self.session.service, self.image
        if service is None or image is None:
            return
        try:
            found = await self.session.pool.run(service.members, image.id)
        except GlancetuiError as error:
            self.post_message(self.Failed(error))
            return
        if self.image is not None and self.image.id == image.id:
            self.members = found
            self.tabs.refresh()
            self._draw()

    async def poll(self) -> bool:
        service, image = self.session.service, self.image
        if service is None or image is None or self.gone:
            return False
        try:
            fresh = await self.session.pool.run(service.image, image.id)
        except NotFound:
            self.gone = True
            self._draw()
            self.post_message(self.Changed())
            return True
        if self.image is not image:
            return True
        self.read_at = self.session.clock()
        if TABS[self.tab] == "Members":
            self._read_members()
        if self.on_properties:
            self.describe()
        if fresh.document != image.document:
            self.replaced(fresh)
        await self._hear_of_imports(fresh)
        return True

    async def _hear_of_imports(self, image: RemoteImage) -> None:
        session = self.session
        if session.service is None:
            return
        if TABS[self.tab] == "Tasks" and session.imports.tasks(image) is None:
            session.imports.hear(image, await session.pool.run(session.service.tasks, image.id))
        elif not await session.imports.ask(session.service, session.pool, [image]):
            return
        self.tabs.refresh()
        self._draw()

    def tick(self) -> None:
        self.post_message(self.Changed())

    def crumbs(self) -> Sequence[str]:
        return ("Images", (self.image.name or self.image.id) if self.image else "")

    def chips(self, width: int) -> Text:
        palette = self.session.palette()
        age = None if self.read_at is None else self.session.clock() - self.read_at
        shown = "" if age is None else f"{figures.span(age)} old" if age >= 3 else "now"
        state = [(f"{self.session.glyphs.bad} deleted", palette.bad)] if self.gone else []
        if self.given:
            state.append((f"* {len(self.given)} not sent {self.session.glyphs.server} ctrl+s sends", palette.busy))
        return spread(state, [(shown, palette.soft)], width)

    # Acting

    def chosen(self) -> list[RemoteImage]:
        return [] if self.image is None or self.gone else [self.image]

    def replaced(self, image: RemoteImage) -> None:
        self.image = image
        self._draw()
        self.tabs.refresh()
        self.post_message(self.Changed())

    def act_add(self) -> None:
        if TABS[self.tab] == "Locations":
            self._ask_location(self.chosen()[0])
            return
        if TABS[self.tab] != "Members":
            self.add_property(self.chosen()[0])
            return
        if self.image is not None and self.image.visibility != "shared":
            self.desk.say("Add: only a shared image has members; V makes it shared.", "warning")
            return
        note = "The project's id. It must accept before the image is in its lists."
        self.app.push_screen(LineBox("Offer this image to", project, note=note), given(self._offer))

    def _ask_location(self, image: RemoteImage) -> None:
        note = "A URL that the endpoint may read. What lies there becomes the data of a queued image, or another copy."
        box = LineBox("Where the data lies", address, note=note)
        self.app.push_screen(box, given(partial(self._add_location, image)))

    def _add_location(self, image: RemoteImage, url: str) -> None:
        service = self.session.service
        if service is not None:
            self._change_copies(
                image,
                lambda: service.add_location(image, url),
                "The location is added to {}",
                "No location was added to {}",
            )

    def _offer(self, project_id: str) -> None:
        if self.session.service is not None:
            self._change_members(self.session.service.add_member, project_id, "offered to")

    @on(Sheet.Moved)
    def _on_another(self, message: Sheet.Moved) -> None:
        message.stop()
        self.meaning.scroll_home(animate=False)
        self.explain()
        self.post_message(self.Changed())

    @on(Sheet.Pressed)
    def _pressed(self, message: Sheet.Pressed) -> None:
        message.stop()
        self.desk.act(BY_ID["go.open"])

    def off(self, action: Action) -> str | None:
        if action.id == "property.send" and not self.given:
            return "nothing is marked as changed"
        if action.id == "go.open" and not self.on_properties:
            return "only in the tab of properties there is something to open"
        if action.id == "go.open" and self.session.read_only:
            return "this session is read-only"
        if self.on_properties and action.id in {"go.open", "image.delete"} and self.sheet.current is None:
            return "the image has no property"
        return super().off(action)

    def back(self) -> bool:
        return self.on_properties and self.drop_property()

    def act_open(self) -> None:
        self.change_property()

    def act_delete(self) -> None:
        """The image; in the tabs of members, properties and locations, one of these."""
        if self.on_properties:
            self.remove_property()
        elif TABS[self.tab] == "Locations":
            self._pick_copy()
        elif TABS[self.tab] == "Members" and self.members:
            self._pick_member(self.members)
        else:
            super().act_delete()

    def _pick_copy(self) -> None:
        image = self.image
        if image is None or len(image.stores) < 2:
            self.desk.say(
                "Delete: a copy can go only where there is another. D in the overview deletes all.", "warning"
            )
            return
        choices = [Choice(store, store) for store in dict.fromkeys(image.stores)]
        self.app.push_screen(Pick("Remove the copy in", choices), given(self._ask_remove_copy))

    def _ask_remove_copy(self, store: str) -> None:
        image = self.image
        if image is None:
            return
        question = Question(
            title=f"Remove one copy of {image.name or image.id}?",
            sentence="Its bytes in that store are deleted. The image stays, in the other stores.",
            facts=(("Store", store), ("Others", ", ".join(each for each in image.stores if each != store))),
            yes="Remove",
        )
        self.ask_first(question, lambda: self._remove_copy(image, store))

    def _remove_copy(self, image: RemoteImage, store: str) -> None:
        service = self.session.service
        if service is not None:
            self._change_copies(
                image,
                lambda: service.remove_copy(image, store),
                f"The copy of {{}} in {store} is removed",
                f"The copy of {{}} in {store} was not removed",
            )

    @work(exclusive=False, group="acting", exit_on_error=False)
    async def _change_copies(self, image: RemoteImage, call: Callable[[], None], done: str, failed: str) -> None:
        service, name = self.session.service, image.name or image.id
        if service is None:
            return
        try:
            await self.session.pool.run(call)
            fresh = await self.session.pool.run(service.image, image.id)
        except GlancetuiError as error:
            self.desk.say(f"{failed.replace('{}', name)}: {error}", "error", seconds=60)
            return
        self.desk.say(done.replace("{}", name))
        if self.image is not None and self.image.id == fresh.id:
            self.replaced(fresh)

    def _pick_member(self, members: Sequence[RemoteMember]) -> None:
        choices = [Choice(member.member_id, f"{member.member_id}  {member.status}") for member in members]
        self.app.push_screen(Pick("Withdraw this image from", choices), given(self._ask_withdraw))

    def _ask_withdraw(self, project_id: str) -> None:
        service, image = self.session.service, self.image
        if service is None or image is None:
            return
        question = Question(
            title=f"Withdraw {image.name or image.id}?",
            sentence="The project cannot use it any more.",
            facts=(("Project", project_id),),
            yes="Withdraw",
        )
        self.ask_first(question, lambda: self._change_members(service.remove_member, project_id, "withdrawn from"))

    @work(exclusive=False, group="acting", exit_on_error=False)
    async def _change_members(self, call: Callable[[str, str], None], project_id: str, done: str) -> None:
        image = self.image
        if image is None:
            return
        try:
            await self.session.pool.run(call, image.id, project_id)
        except GlancetuiError as error:
            self.desk.say(f"{image.name or image.id} was not {done} {project_id}: {error}", "error", seconds=60)
            return
        self.desk.say(f"{image.name or image.id} {done} {project_id}")
        self._read_members()

    def act_next_tab(self) -> None:
        self.open_tab(self.tab + 1)

    def act_previous_tab(self) -> None:
        self.open_tab(self.tab - 1)

    act_right, act_left, act_next_pane, act_previous_pane = (
        act_next_tab,
        act_previous_tab,
        act_next_tab,
        act_previous_tab,
    )

    def move(self, by: int) -> None:
        if self.on_properties:
            self.sheet.move(by)
        else:
            super().move(by)

    @property
    def page(self) -> int:
        return max(2, self.sheet.size.height) if self.on_properties else super().page

    @property
    def rows(self) -> int:
        return len(self.sheet.rows) if self.on_properties else super().rows


def address(typed: str) -> str:
    """A location's URL. Raises BadRequest."""
    found = typed.strip()
    if "://" not in found or len(found) > LONGEST_URL or any(character.isspace() for character in found):
        raise BadRequest(f"A URL such as https://host/path, of at most {LONGEST_URL} characters, without blanks.")
    return found


def project(typed: str) -> str:
    """A project's id. Raises BadRequest."""
    found = typed.strip()
    if len(found) > LONGEST_PROJECT or any(character.isspace() for character in found):
        raise BadRequest(f"A project's id has at most {LONGEST_PROJECT} characters and no blank.")
    return found
