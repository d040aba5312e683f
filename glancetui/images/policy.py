"""Who may do what. Rules come from oslo.policy (policy.yaml, policy.d), answers from functions compiled of them."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import yaml
from oslo_config import cfg
from oslo_policy import policy as oslo_policy

from glancetui.config.settings import PolicySettings
from glancetui.errors import ConfigError, Forbidden
from glancetui.images.policy_compile import (
    Check,
    Compiler,
    CyclicRules,
    Foreign,
    Predicate,
    Target,
    credentials,
    inner_checks,
)
from glancetui.images.policy_defaults import DEFAULTS
from glancetui.model import Caller

logger = logging.getLogger(__name__)

Signature = tuple[tuple[str, int, int, int], ...]  # path, mtime in ns, size, inode of all that was read
_SCOPED = frozenset(default.name for default in DEFAULTS if default.scoped)
_ADMIN_RULE = "context_is_admin"
_SYSTEM_FOLDERS = (Path("~/.glance"), Path("~"), Path("/etc/glance"), Path("/etc"))  # where oslo.config looks last


class _Rules(msgspec.Struct, frozen=True):
    """One reading of the files: functions by rule name, and the names whose answers the operator may have changed."""

    predicates: dict[str, Predicate]
    changed: frozenset[str]
    unregistered: Predicate


class Policy:
    """Answers whether a caller passes a rule. Callable from many threads; a reload swaps all rules at once."""

    def __init__(self, settings: PolicySettings) -> None:
        """Raises ConfigError where a policy file cannot be read or is no mapping of names to checks."""
        self.legacy = not settings.enforce_new_defaults
        self._settings = settings
        self._places = _places(settings)
        self._lock = threading.Lock()
        self._seen = _signature(self._places)
        self._rules = _read(settings, self._places)

    @classmethod
    def load(cls, settings: PolicySettings) -> Policy:
        return cls(settings)

    def reload_if_changed(self) -> None:
        """Read the files again if any differs from what was read. A broken file is logged, and the old rules stay."""
        if _signature(self._places) == self._seen:
            return
        with self._lock:
            signature = _signature(self._places)
            if signature == self._seen:
                return
            self._seen = signature
            try:
                self._rules = _read(self._settings, self._places)
            except ConfigError as error:
                logger.error("The policy stays as it was: %s", error)  # noqa: TRY400 - the sentence says it all
            else:
                logger.info("The policy was read again.")

    def allows(self, rule: str, caller: Caller, target: Target) -> bool:
        """Whether `caller` passes `rule` on `target`; a rule without an answer (a cycle) is refused."""
        if (caller.system_scope or caller.domain) and rule in _SCOPED:
            return False
        rules = self._rules
        try:
            return bool(rules.predicates.get(rule, rules.unregistered)(caller, target))
        except CyclicRules as cycle:
            logger.warning("Rule %s is refused: rule %s of the policy refers to itself.", rule, cycle)
            return False

    def knows(self, rule: str) -> bool:
        """Whether `rule` has a meaning of its own, by default or by a policy file."""
        return rule in self._rules.predicates

    def enforce(self, rule: str, caller: Caller, target: Target) -> None:
        """Raises Forbidden."""
        if not self.allows(rule, caller, target):
            raise Forbidden(
                f"The policy rule {rule} does not let you do this. Ask an administrator for the role it needs."
            )

    def is_admin(self, caller: Caller) -> bool:
        """Whether the caller passes `context_is_admin`."""
        return self.allows(_ADMIN_RULE, caller, credentials(caller))

    def changed_by_operator(self, rule: str) -> bool:
        """Whether a policy file changes what `rule` means, by itself or through a rule that it refers to.

        A changed `context_is_admin` does not count: who is an administrator is asked by that rule everywhere.
        """
        return rule in self._rules.changed


class _Places(msgspec.Struct, frozen=True):
    """Where the policy file and each policy folder may lie, in the order of looking."""

    file: tuple[str, ...]
    folders: tuple[tuple[str, ...], ...]


def _places(settings: PolicySettings) -> _Places:
    """As oslo.config looks: a whole path as it stands, else in the configuration folders, else beside the files.

    The system's folders come last, and only for a service that was given configuration: a private one does not read
    another's rules.
    """
    bases = [Path(folder) for folder in settings.config_dirs]
    bases += [Path(file).parent for file in reversed(settings.config_files)]
    if bases:
        bases += [folder.expanduser() for folder in _SYSTEM_FOLDERS]

    def candidates(name: str) -> tuple[str, ...]:
        whole = Path(name).expanduser()
        found = [whole] if whole.is_absolute() else [base / name for base in bases]
        return tuple(str(path.absolute()) for path in found)

    return _Places(candidates(settings.policy_file), tuple(candidates(name) for name in settings.policy_dirs))


def _signature(places: _Places) -> Signature:
    """A few system calls, on plain strings: cheap enough for each request."""
    found: list[tuple[str, int, int, int]] = []
    for candidates in (places.file, *places.folders):
        path = _first(candidates, found)
        if path is not None and candidates is not places.file:
            for file in _files_in(path):
                _first((file,), found)
    return tuple(found)


def _first(candidates: Iterable[str], found: list[tuple[str, int, int, int]]) -> str | None:
    """The first candidate that is there, with what tells it from another version of itself added to `found`."""
    for path in candidates:
        if not os.access(path, os.F_OK):  # most places are empty, and this tells without the price of an exception
            continue
        try:
            status = os.stat(path)  # noqa: PTH116 - a Path costs more than the call
        except OSError:
            continue
        found.append((path, status.st_mtime_ns, status.st_size, status.st_ino))
        return path
    return None


def _existing(candidates: Iterable[str]) -> str | None:
    return _first(candidates, [])


def _files_in(folder: str) -> list[str]:
    """The files of a policy folder in the order in which they apply; hidden ones do not count."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.path for entry in entries if entry.is_file() and not entry.name.startswith("."))
    except OSError:  # removed since it was found, or no folder: the next signature shows it
        return []


def _read(settings: PolicySettings, places: _Places) -> _Rules:
    main = _existing(places.file)
    folders = [folder for folder in map(_existing, places.folders) if folder is not None and Path(folder).is_dir()]
    files = [file for folder in folders for file in _files_in(folder)]
    _validate(Path(file) for file in ([] if main is None else [main]) + files)
    enforcer = _enforcer(settings, main, folders)
    try:
        with _misunderstood(main or "the policy folder"):
            enforcer.load_rules(force_reload=True)
    except (OSError, ValueError, TypeError, AttributeError) as error:  # the file changed since it was validated
        raise ConfigError(f"The policy cannot be read: {error}.", file=main) from error
    compiler = Compiler(enforcer.rules, _asker(enforcer))
    return _Rules(
        predicates={name: compiler.rule(name) for name in enforcer.rules},
        changed=_changed(enforcer),
        unregistered=compiler.rule(""),  # what any unknown name means: the rule `default`
    )


@contextlib.contextmanager
def _misunderstood(where: str) -> Iterator[None]:
    """oslo.policy takes a check that it cannot parse for one that refuses, and logs a traceback: a sentence does it."""
    complaints: dict[str, None] = {}

    def keep(record: logging.LogRecord) -> bool:
        complaints[record.getMessage()] = None
        return False

    parser = logging.getLogger("oslo_policy._parser")
    parser.addFilter(keep)
    try:
        yield
    finally:
        parser.removeFilter(keep)
    for complaint in complaints:
        logger.error("%s: %s: this check refuses everybody. Correct it.", where, complaint)


def _validate(files: Iterable[Path]) -> None:
    for file in files:
        try:
            document = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise ConfigError(f"This is not YAML: {error.problem}.", file=str(file), line=line) from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"The policy file cannot be read: {error}.", file=str(file)) from error
        if document is not None:
            _validate_document(file, document)


def _validate_document(file: Path, document: yaml.Node) -> None:
    if not isinstance(document, yaml.MappingNode):
        if isinstance(document, yaml.ScalarNode) and document.tag == "tag:yaml.org,2002:null":
            return
        raise ConfigError("A policy file maps names of rules to checks.", file=str(file), line=_line(document))
    for name, check in document.value:
        text = isinstance(check, yaml.ScalarNode) and check.tag in {"tag:yaml.org,2002:str", "tag:yaml.org,2002:null"}
        if not (text or isinstance(check, yaml.SequenceNode)) or not isinstance(name, yaml.ScalarNode):
            raise ConfigError(
                'The check of a rule is a text in quotes, such as "role:member".', file=str(file), line=_line(check)
            )


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _enforcer(settings: PolicySettings, main: str | None, folders: list[str]) -> oslo_policy.Enforcer:
    """A fresh one for each reading: a rule that left the file falls back to its default."""
    conf = cfg.ConfigOpts()
    conf([], project="glancetui", default_config_files=[], default_config_dirs=[])
    enforcer = oslo_policy.Enforcer(conf, policy_file=main or "/nonexistent/policy.yaml")
    conf.set_override("policy_dirs", folders, group="oslo_policy")
    conf.set_override("enforce_new_defaults", settings.enforce_new_defaults, group="oslo_policy")
    enforcer.suppress_default_change_warnings = True
    enforcer.suppress_deprecation_warnings = True
    enforcer.register_defaults([_registered(default.name, default.check, default.was) for default in DEFAULTS])
    return enforcer


def _registered(name: str, check: str, was: str | None) -> oslo_policy.RuleDefault:
    older = None
    if was is not None:
        older = oslo_policy.DeprecatedRule(
            name, was, deprecated_reason="Reader and member roles replace it.", deprecated_since="Wallaby"
        )
    return oslo_policy.RuleDefault(name, check, deprecated_rule=older)


def _asker(enforcer: oslo_policy.Enforcer) -> Foreign:
    def ask(check: Check, caller: Caller, target: Target, current_rule: str | None) -> bool:
        """A check of a kind that only oslo.policy or a plug-in knows, such as http:. Failing, it refuses."""
        try:
            return bool(check(dict(target), credentials(caller), enforcer, current_rule))
        except (OSError, RuntimeError, LookupError, ValueError, TypeError) as error:
            logger.warning("The check %s of rule %s failed, so it refuses: %s", check, current_rule, error)
            return False

    return ask


def _changed(enforcer: oslo_policy.Enforcer) -> frozenset[str]:
    overridden = {
        name
        for name, rule in enforcer.file_rules.items()
        if name not in enforcer.registered_rules or rule.check != enforcer.registered_rules[name].check
    } - {_ADMIN_RULE}
    return frozenset(name for name in enforcer.rules if _reachable(name, enforcer.rules) & overridden)


def _reachable(name: str, rules: Mapping[str, Check]) -> set[str]:
    """Names of the rules that `name` asks, itself included."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += _references(rules.get(current, rules.get("default")))
    return found


def _references(check: Check) -> list[str]:
    if isinstance(check, oslo_policy.RuleCheck):
        return [check.match]
    return [name for part in inner_checks(check) for name in _references(part)]
