"""Property protections: who may create, read, update and delete which custom properties."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence

import msgspec

from glancetui.config.protections import EVERYBODY, NOBODY, Action, Protection, read_protections
from glancetui.config.settings import ProtectionSettings
from glancetui.errors import ConfigError, Forbidden
from glancetui.images.policy import Policy
from glancetui.images.properties import RESERVED_PREFIX
from glancetui.model import Caller

logger = logging.getLogger(__name__)


class _Rule(msgspec.Struct, frozen=True):
    pattern: re.Pattern[str]
    allowed: Mapping[Action, Sequence[str]]


class Protections:
    """Callable from many threads; a reload swaps all rules at once. What the service itself notes is exempt."""

    def __init__(self, settings: ProtectionSettings | None, policy: Policy) -> None:
        """`settings` None: nothing is protected. Raises ConfigError with file and line."""
        self._settings = settings
        self._policy = policy
        self._rules = self._read()

    @property
    def active(self) -> bool:
        return self._settings is not None

    def reload(self) -> None:
        """A broken file is logged, and the old rules stay."""
        try:
            self._rules = self._read()
        except ConfigError as error:
            logger.error("The property protections stay as they were: %s", error)  # noqa: TRY400 - the sentence says it all

    def allows(self, action: Action, name: str, caller: Caller) -> bool:
        """Whether `caller` may do so to the property; no where no rule speaks of it."""
        if self._settings is None or name.startswith(RESERVED_PREFIX):
            return True
        rule = next((rule for rule in self._rules if rule.pattern.search(name)), None)
        return rule is not None and self._passes(rule.allowed[action], caller)

    def enforce(self, action: Action, name: str, caller: Caller) -> None:
        """Raises Forbidden."""
        if not self.allows(action, name, caller):
            raise Forbidden(
                f"Property {name} is protected: you may not {action} it. Leave it out, or ask the operator for the "
                "role that may."
            )

    def readable(self, properties: Mapping[str, str | None], caller: Caller) -> Mapping[str, str | None]:
        """Those that the caller may know of."""
        if self._settings is None:
            return properties
        return {name: value for name, value in properties.items() if self.allows("read", name, caller)}

    def enforce_setting(self, name: str, before: Mapping[str, str | None], caller: Caller) -> None:
        """That the caller gives the property a value, whatever it is now. Raises Forbidden.

        One that is there and that the caller may not read is not told from one that is not; both must be allowed then,
        or whoever may create it would overwrite what others wrote.
        """
        there = name in before
        if not there or not self.allows("read", name, caller):
            self.enforce("create", name, caller)
        if there:
            self.enforce("update", name, caller)

    def _passes(self, allowed: Sequence[str], caller: Caller) -> bool:
        if NOBODY in allowed or not allowed:
            return False
        if EVERYBODY in allowed:
            return True
        if self._settings is not None and self._settings.rule_format == "policies":
            rule = allowed[0]
            return self._policy.knows(rule) and self._policy.allows(rule, caller, {})
        return not caller.roles.isdisjoint(allowed) or not caller.service_roles.isdisjoint(allowed)

    def _read(self) -> tuple[_Rule, ...]:
        if self._settings is None:
            return ()
        found = read_protections(self._settings.file, self._settings.rule_format)
        for protection in found:
            self._check_policies(protection, self._settings)
        return tuple(_Rule(re.compile(each.pattern), each.allowed) for each in found)

    def _check_policies(self, protection: Protection, settings: ProtectionSettings) -> None:
        """A rule that the policy does not have would mean what `default` says, which lets everybody pass."""
        if settings.rule_format != "policies":
            return
        for action, names in protection.allowed.items():
            for name in names:
                if name not in {EVERYBODY, NOBODY} and not self._policy.knows(name):
                    raise ConfigError(
                        f"[{protection.pattern}] {action}: the policy has no rule {name}. Add it to the policy file.",
                        file=str(settings.file),
                        line=protection.line,
                    )
