"""One release apart works, or says why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import pytest

from glancetui.errors import RegistryUnavailable
from glancetui.registry.interface import Registry
from glancetui.registry.service import access
from glancetui.registry.service.operations import operations_of
from glancetui.registry.service.signature import Interface, fingerprint, incompatible, interface_of
from tests.registry.service.serving import remote, service


def struct(name: str, *fields: Any) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True)


def interface(*fields: Any, result: Any = None, more: bool = False, parameter: tuple[Any, ...] = ()) -> type:
    """With one operation, `store`, of a Thing with such fields."""
    thing = struct("Thing", ("id", str), *fields)

    class Made(Protocol):
        def store(self, thing: Any) -> Any: ...

    Made.store.__annotations__ = {"thing": thing, "return": result}
    if parameter:
        Made.store = _with(parameter[0], parameter[1:], thing)  # type: ignore[method-assign]
    if more:
        Made.more = _with("n", (), thing)  # type: ignore[attr-defined]
    return Made


def _with(name: str, default: Sequence[Any], thing: type) -> Callable[..., Any]:
    source = f"def store(self, thing, {name}{'=default[0]' if default else ''}): ..."
    scope: dict[str, Any] = {"default": default}
    exec(source, scope)
    method: Callable[..., Any] = scope["store"]
    method.__annotations__ = {"thing": thing, name: int, "return": None}
    return method


def described(made: type) -> Interface:
    """As it comes over the wire."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(interface_of(operations_of(made))), type=Interface)


BASE = described(interface())
FITTING = {
    "an operation added": interface(more=True),
    "a field with a default added": interface(("size", int, 0)),
    "a parameter with a default added": interface(parameter=("size", 0)),
}
UNFITTING = {
    "a field that must be given": (interface(("size", int)), r"operation store: Thing\.size is known there only"),
    "a parameter that must be given": (interface(parameter=("size",)), "operation store: parameter size"),
    "another result": (interface(result=int), "operation store: its result is None here and int there"),
}


@pytest.mark.parametrize("theirs", FITTING.values(), ids=FITTING)
def test_what_has_a_default_may_be_added_on_either_side(theirs: type) -> None:
    assert fingerprint(described(theirs)) != fingerprint(BASE)
    assert incompatible(BASE, described(theirs)) is None
    assert incompatible(described(theirs), BASE) is None


@pytest.mark.parametrize(("theirs", "why"), UNFITTING.values(), ids=UNFITTING)
def test_what_cannot_work_is_told_by_the_name_of_its_operation(theirs: type, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(incompatible(BASE, described(theirs)))
    assert incompatible(described(theirs), BASE) is not None


def test_another_type_of_a_field_is_told() -> None:
    ours, theirs = described(interface(("size", int, 0))), described(interface(("size", str, "")))
    assert incompatible(ours, theirs) == "operation store: Thing.size is int here and str there"


def test_a_literal_may_gain_words() -> None:
    ours, theirs = (described(interface(("kind", kind, "a"))) for kind in (Literal["a"], Literal["a", "b"]))
    assert fingerprint(ours) == fingerprint(theirs)


def test_the_interface_fits_itself_and_its_fingerprint_is_the_same_in_every_process() -> None:
    ours = described(Registry)
    assert incompatible(ours, ours) is None
    assert fingerprint(ours) == fingerprint(described(Registry))
    assert "Image" in ours.operations["page"].values
    assert "ImageLocation" in ours.operations["page"].values


class Store:
    def store(self, **given: Any) -> None:
        pass


@pytest.mark.parametrize("theirs", FITTING.values(), ids=FITTING)
def test_releases_that_fit_work_together_in_both_roles(tmp_path: Path, theirs: type) -> None:
    for ours, other in ((interface(), theirs), (theirs, interface())):
        with service(tmp_path / "s", Store(), other):
            caller = remote(tmp_path / "s", ours)
            thing = next(iter(operations_of(ours)["store"].arguments.__annotations__.values()))
            caller.store(thing(id="x"))  # type: ignore[attr-defined]
            caller.close()


def test_a_caller_of_an_operation_that_the_service_does_not_have_hears_its_name(tmp_path: Path) -> None:
    with service(tmp_path / "s", Store(), interface()):
        ours = interface(more=True)
        caller = remote(tmp_path / "s", ours)
        thing = operations_of(ours)["more"].arguments.__annotations__["thing"]
        with pytest.raises(RegistryUnavailable, match="does not know the operation more"):
            caller.more(thing(id="x"), 1)  # type: ignore[attr-defined]
        caller.close()


@pytest.mark.parametrize(("theirs", "why"), UNFITTING.values(), ids=UNFITTING)
def test_a_release_that_does_not_fit_is_told_on_both_sides(
    tmp_path: Path, theirs: type, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with service(tmp_path / "s", Store(), theirs):
        caller = remote(tmp_path / "s", interface())
        with pytest.raises(RegistryUnavailable, match=why):
            caller.store(struct("Thing", ("id", str))(id="x"))  # type: ignore[attr-defined]
        caller.close()
    assert "does not fit this registry: operation store" in caplog.text


def test_another_protocol_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with service(tmp_path / "s", Store(), interface()):
        caller = remote(tmp_path / "s", interface())
        real = access._word
        monkeypatch.setattr(
            access,
            "_word",
            lambda status: access._WORD.pack(b"GTREG", 9, status) and real(status)[:5] + bytes([9, status]),
        )
        with pytest.raises(RegistryUnavailable, match="speaks protocol 9"):
            caller.store(struct("Thing", ("id", str))(id="x"))  # type: ignore[attr-defined]
        caller.close()
