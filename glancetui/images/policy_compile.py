"""oslo.policy's parsed checks, turned into plain functions of (caller, target).

oslo.policy's own evaluation inspects signatures and copies credentials at each step; a listing asks too often for that.
Each check class known here becomes a closure with the same answer; any other class is asked itself, through `foreign`.
Where oslo.policy would raise in the middle of a check, the answer here is no.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from oslo_policy import _checks as oslo  # the classes are public by their registered names only

from glancetui.model import Caller

Target = Mapping[str, object]
Predicate = Callable[[Caller, Target], bool]
Check = Any  # oslo.policy's check objects; extensions need not share a base class
Foreign = Callable[[Check, Caller, Target, str | None], bool]


class CyclicRules(RecursionError):
    """A rule that refers to itself has no answer; asking it is refused."""


# What a check may compare of the caller, under the names that oslo.context gives them. Their older spellings, such as
# `tenant`, are gone there: a rule that still has one grants nothing in Glance, and must not begin to here.
CREDENTIALS: Mapping[str, Callable[[Caller], object]] = {
    "user_id": lambda caller: caller.user,
    "user_domain_id": lambda caller: caller.user_domain,
    "project_id": lambda caller: caller.project,
    "project_domain_id": lambda caller: caller.project_domain,
    "domain_id": lambda caller: caller.domain,
    "system_scope": lambda caller: caller.system_scope,
    "roles": lambda caller: sorted(caller.roles),
    "service_roles": lambda caller: sorted(caller.service_roles),
    "is_admin_project": lambda _caller: True,
    "service_user_id": lambda _caller: None,
    "service_user_domain_id": lambda _caller: None,
    "service_project_id": lambda _caller: None,
    "service_project_domain_id": lambda _caller: None,
}


def credentials(caller: Caller) -> dict[str, Any]:  # Any: oslo.policy's own type for credentials
    """The caller as oslo.policy's dictionary of credentials."""
    creds = {name: value_of(caller) for name, value_of in CREDENTIALS.items()}
    if caller.system_scope:
        creds["system"] = caller.system_scope
    return creds


class Compiler:
    """Turns one set of rules into functions. `rules` answers names as oslo.policy does, its default rule included."""

    def __init__(self, rules: Mapping[str, Check], foreign: Foreign) -> None:
        self._rules, self._foreign = rules, foreign
        self._done: dict[str, Predicate] = {}
        self._open: set[str] = set()

    def rule(self, name: str) -> Predicate:
        """The function of a named rule. A name that no rule and no default rule answers is always refused."""
        if name in self._done:
            return self._done[name]
        if name in self._open:
            return _cyclic(name)
        try:
            check = self._rules[name]
        except KeyError:
            return _never
        self._open.add(name)
        predicate = self.check(check, name)
        self._open.remove(name)
        # Inside a cycle the function depends on where the walk began: it is built anew for each rule that asks.
        if not self._open:
            self._done[name] = predicate
        return predicate

    def check(self, check: Check, current_rule: str | None) -> Predicate:
        kind = type(check)
        if kind is oslo.TrueCheck:
            return _always
        if kind is oslo.FalseCheck:
            return _never
        if kind is oslo.NotCheck:
            return _negation(self.check(check.rule, current_rule))
        if kind is oslo.AndCheck:
            return _all([self.check(part, current_rule) for part in check.rules])
        if kind is oslo.OrCheck:
            return _any([self.check(part, current_rule) for part in check.rules])
        if kind is oslo.RuleCheck:
            return self.rule(check.match)
        if kind is oslo.RoleCheck:
            return _role(check.match)
        if kind is oslo.GenericCheck:
            return _generic(check.kind, check.match)
        foreign = self._foreign
        return lambda caller, target: foreign(check, caller, target, current_rule)


def inner_checks(check: Check) -> list[Check]:
    """The checks that an `and`, `or`, `not` is made of; none for any other."""
    if isinstance(check, oslo.NotCheck):
        return [check.rule]
    return list(check.rules) if isinstance(check, oslo.AndCheck | oslo.OrCheck) else []


def _always(_caller: Caller, _target: Target) -> bool:
    return True


def _never(_caller: Caller, _target: Target) -> bool:
    return False


def _cyclic(name: str) -> Predicate:
    def refuse(_caller: Caller, _target: Target) -> bool:
        raise CyclicRules(name)

    return refuse


def _negation(inner: Predicate) -> Predicate:
    return lambda caller, target: not inner(caller, target)


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 2:
        first, second = parts
        return lambda caller, target: first(caller, target) and second(caller, target)

    def every(caller: Caller, target: Target) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the checks
            if not part(caller, target):
                return False
        return True

    return every


def _any(parts: list[Predicate]) -> Predicate:
    if len(parts) == 2:
        first, second = parts
        return lambda caller, target: first(caller, target) or second(caller, target)

    def some(caller: Caller, target: Target) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the checks
            if part(caller, target):
                return True
        return False

    return some


def _role(match: str) -> Predicate:
    if "%" not in match:
        role = match.lower()
        return lambda caller, _target: role in caller.roles

    def has(caller: Caller, target: Target) -> bool:
        wanted = _filled(match, target)
        return wanted is not None and wanted.lower() in caller.roles

    return has


def _filled(match: str, target: Target) -> str | None:
    """`match` with the target's attributes in it; None where the target lacks one or the pattern is no pattern."""
    try:
        return match % target
    except (KeyError, ValueError, TypeError):
        return None


def _generic(kind: str, match: str) -> Predicate:
    try:
        literal = str(ast.literal_eval(kind))
    except ValueError:
        return _credential(kind, match)
    except (SyntaxError, TypeError, MemoryError, RecursionError):
        return _never
    attribute = _sole_attribute(match)
    if attribute is None:
        return lambda _caller, target: _filled(match, target) == literal

    def literal_is_attribute(_caller: Caller, target: Target) -> bool:
        try:
            return str(target[attribute]) == literal
        except KeyError:
            return False

    return literal_is_attribute


def _credential(kind: str, match: str) -> Predicate:
    if kind == "system":
        return lambda caller, target: bool(caller.system_scope) and _filled(match, target) == caller.system_scope
    value_of = CREDENTIALS.get(kind)
    if value_of is None:
        return _never  # also a dotted path: no credential of ours has parts
    if kind in {"roles", "service_roles"}:
        return lambda caller, target: _filled(match, target) in value_of(caller)  # type: ignore[operator]  # a list
    attribute = _sole_attribute(match)
    if attribute is None:
        return lambda caller, target: _filled(match, target) == str(value_of(caller))

    def credential_is_attribute(caller: Caller, target: Target) -> bool:
        try:
            return str(target[attribute]) == str(value_of(caller))
        except KeyError:
            return False

    return credential_is_attribute


def _sole_attribute(match: str) -> str | None:
    """NAME where `match` is %(NAME)s and nothing else."""
    name = match[2:-2]
    plain = match.startswith("%(") and match.endswith(")s") and "(" not in name and ")" not in name and "%" not in name
    return name if plain else None
