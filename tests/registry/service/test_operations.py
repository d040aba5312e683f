"""The transport is the interface: what is annotated crosses, both ways, and nothing has to be said twice."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glancetui import errors
from glancetui.errors import BadRequest, GlancetuiError, LimitExceeded, RegistryUnavailable
from glancetui.registry.interface import Actor, NewImage, Registry
from glancetui.registry.marks import local, repeatable
from glancetui.registry.service import frames
from glancetui.registry.service.faults import RegistryFailed, error_of, fault_of
from glancetui.registry.service.operations import operations_of
from tests.registry.service.serving import both

OPERATIONS = operations_of(Registry)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    datetime: st.datetimes(),
    type(None): st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
}
PLAIN = st.one_of(st.none(), *(SCALARS[kind] for kind in (str, int, float, bool)))
SCALARS[Any] = st.recursive(  # what a location's metadata hold: JSON
    PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2), max_leaves=4
)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in SCALARS:
        return SCALARS[hint]
    if hint is None:
        return st.none()
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in {typing.Union, types.UnionType}:
        return st.one_of([values_of(each) for each in inner])
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(values_of(inner[0]), values_of(inner[1]), max_size=3)
    if origin is tuple:
        return st.lists(values_of(inner[0]), max_size=3).map(tuple)
    if origin is not None and issubclass(origin, Sequence):
        return st.lists(values_of(inner[0]), max_size=3)
    fields = typing.get_type_hints(hint)
    return st.fixed_dictionaries({name: values_of(each) for name, each in fields.items()}).map(lambda f: hint(**f))


class Target:
    """Answers every operation with `result`, or raises it, and keeps what it was called with."""

    def __init__(self) -> None:
        self.result: Any = None
        self.given: dict[str, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        def method(**arguments: Any) -> Any:
            self.given = arguments
            if isinstance(self.result, Exception):
                raise self.result
            return self.result

        return method


def test_every_method_of_the_interface_is_an_operation_but_the_local_ones() -> None:
    methods = {name for name, _ in inspect.getmembers(Registry, inspect.isfunction) if not name.startswith("_")}
    assert methods - OPERATIONS.keys() == {"close"}


def test_only_what_may_be_done_twice_is_marked_as_repeatable() -> None:
    """Reads, and the writes in the second line, of which doing again what was done changes nothing."""
    assert {name for name, operation in OPERATIONS.items() if operation.repeatable} == {
        "image", "page", "count", "bytes_stored", "usage", "expired_intents", "intents_of", "stuck_images",
        "knows_object", "members", "is_location", "member", "events_after", "last_event", "check", "running_jobs",
        "job", "live_job_of", "intents_of_job", "stranded_imports", "tasks", "task", "tasks_of_image", "notifications",
        "metadef_namespace", "metadef_namespaces", "metadef_contents", "metadef_resource_types",
        "metadef_properties", "metadef_property", "metadef_objects", "metadef_object", "metadef_tags", "metadef_tag",
        "renew_intent", "abandon_upload", "finish_outbox", "acquire_lease", "release_lease", "renew_job",
        "forget_expired_tasks", "finish_notifications", "cache_entries", "put_cache_entry", "drop_cache_entries",
        "nodes_caching",
    }  # fmt: skip


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Any:
    target = Target()
    with both(tmp_path_factory.mktemp("s") / "s", target) as caller:
        yield target, caller


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_operation_crosses_both_ways(crossing: Any, name: str, data: st.DataObject) -> None:
    target, caller = crossing
    operation = OPERATIONS[name]
    hints = typing.get_type_hints(operation.arguments)
    arguments = {parameter: data.draw(values_of(hint)) for parameter, hint in hints.items()}
    target.result = data.draw(values_of(operation.result))
    assert getattr(caller, name)(*arguments.values()) == target.result
    assert target.given == arguments
    assert getattr(caller, name)(**arguments) == target.result


class Greeter(Protocol):
    def greet(self, name: str, times: int = 1) -> Sequence[str]: ...

    @repeatable
    def greetings(self) -> int: ...

    @local
    def hang_up(self) -> None: ...


class Polite:
    def __init__(self) -> None:
        self.count = 0

    def greet(self, name: str, times: int = 1) -> list[str]:
        self.count += 1
        return [f"hello {name}"] * times

    def greetings(self) -> int:
        return self.count


def test_a_method_of_any_interface_needs_nothing_but_its_annotations(tmp_path: Path) -> None:
    with both(tmp_path / "s", Polite(), Greeter) as caller:
        assert caller.greet("you") == ["hello you"]  # type: ignore[attr-defined]
        assert caller.greet("you", times=2) == ["hello you"] * 2  # type: ignore[attr-defined]
        assert caller.greetings() == 2  # type: ignore[attr-defined]
        assert not hasattr(caller, "hang_up")
        with pytest.raises(TypeError):
            caller.greet()  # type: ignore[attr-defined]


class Careless(Protocol):
    def greet(self, name, times: int): ...  # type: ignore[no-untyped-def]


class Endless(Protocol):
    def greet(self, *names: str) -> None: ...


class Undecidable(Protocol):
    def greet(self, who: Actor | NewImage) -> None: ...


@pytest.mark.parametrize(
    ("interface", "why"), [(Careless, "name, return"), (Endless, "cannot cross"), (Undecidable, "tagged")]
)
def test_what_cannot_cross_is_found_when_the_program_starts(interface: type, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        operations_of(interface)


def plain(kind: type[GlancetuiError]) -> GlancetuiError:
    """Whatever its constructor wants."""
    error = kind.__new__(kind, "a sentence")
    error.args = ("a sentence",)
    return error


ERRORS = [
    errors.StoreFull("s1"),
    errors.ObjectNotFound("s1", "o1"),
    errors.UnsupportedMedia("no", accept_patch=True),
    errors.RangeNotSatisfiable("no", 17),
    errors.StoreUnavailable("s1", "down"),
    errors.ShortRead("s1", "o1", 3, 4),
    errors.ConfigError("wrong", file="f", line=3),
]
ERRORS += [
    plain(kind)
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, GlancetuiError) and kind not in {type(each) for each in ERRORS}
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_cross_as_what_they_are(crossing: Any, error: GlancetuiError) -> None:
    target, caller = crossing
    target.result = error
    with pytest.raises(type(error)) as raised:
        caller.last_event()
    assert type(raised.value) is type(error)
    assert (str(raised.value), vars(raised.value)) == (str(error), vars(error))


def test_an_error_of_a_newer_release_is_its_nearest_known_ancestor() -> None:
    class Overfull(errors.StoreFull):
        pass

    fault = fault_of(Overfull("s1"))
    assert type(error_of(msgspec.structs.replace(fault, kinds=("Overfull", *fault.kinds)))) is errors.StoreFull


def test_a_defect_of_the_service_is_told_without_its_details(crossing: Any, caplog: pytest.LogCaptureFixture) -> None:
    target, caller = crossing
    target.result = ZeroDivisionError("secret details")
    with pytest.raises(RegistryFailed) as raised:
        caller.check()
    assert "secret" not in str(raised.value)
    assert "secret details" in caplog.text
    target.result = None
    caller.check()


def test_what_no_database_can_hold_is_the_callers_mistake(crossing: Any) -> None:
    with pytest.raises(BadRequest, match="Unicode"):
        crossing[1].create_image(NewImage(id="i", owner=None, name="\ud800"), Actor())
    with pytest.raises(BadRequest, match="64 bits"):
        crossing[1].create_image(NewImage(id="i", owner=None, min_ram=2**70), Actor())


def test_sizes_are_bounded_both_ways_by_a_sentence(crossing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    target, caller = crossing
    monkeypatch.setattr(frames, "LARGEST_REQUEST", 1000)
    with pytest.raises(LimitExceeded, match="create_image"):
        caller.create_image(NewImage(id="i" * 2000, owner=None), Actor())
    target.result = ["x" * 2000]
    with pytest.raises(RegistryUnavailable, match="cannot be understood"):  # it is no member
        caller.members("i")
    monkeypatch.setattr(frames, "LARGEST_ANSWER", 1000)
    with pytest.raises(LimitExceeded, match="fewer"):
        caller.members("i")


def test_actors_without_a_node_get_the_callers(tmp_path: Path) -> None:
    from tests.registry.service.serving import remote, service

    target = Target()
    with service(tmp_path / "s", target):
        caller = remote(tmp_path / "s", node="node-7")
        caller.remove_tag("i", "t", Actor(user="u"))  # type: ignore[attr-defined]
        assert target.given is not None
        assert target.given["actor"] == Actor(user="u", node="node-7")
        caller.remove_tag("i", "t", actor=Actor(node="other"))  # type: ignore[attr-defined]
        assert target.given["actor"].node == "other"
        caller.close()
