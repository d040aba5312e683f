"""The language of `/` in the views and of `--filter` in the commands.

    filter = term {" " term}            all must hold; "!" before a term negates
    term   = word | "quoted words"      name contains (any case), or id starts with
           | field op value {"," value} any of the values; op: = != ~ !~ > >= < <=   (~ is a regular expression)
    field  = column | tag | store | prop.NAME | prop."name with spaces"

Sizes are 10G or 500M (1024 to the step); times are ages (age<7d, updated<2h) or ISO 8601 (created>=2026-01-01); an ISO
time stands for the whole day, minute or second that it names. `owner=me` is one's own project. `""` is "not set".

`parse` makes a Filter; `str(filter)` writes it again; `filter.plan(context)` says which terms the endpoint evaluates
(as query parameters of GET /v2/images) and which are left; `plan.matches(image)` evaluates those.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from glancetui.client.values import BASE_ATTRIBUTES, RemoteImage
from glancetui.errors import BadRequest

OPERATORS = ("!=", "!~", ">=", "<=", "=", "~", ">", "<")  # longest first: the order in which they are looked for
ORDERED = frozenset({">", ">=", "<", "<="})
EQUALITY = frozenset({"=", "!=", "~", "!~"})

STATUSES = (
    "queued",
    "saving",
    "active",
    "killed",
    "deleted",
    "uploading",
    "importing",
    "pending_delete",
    "deactivated",
)
VISIBILITIES = ("public", "private", "shared", "community")
MEMBER_STATUSES = ("pending", "accepted", "rejected", "all")
YES, NO = frozenset({"yes", "true", "on", "1"}), frozenset({"no", "false", "off", "0"})
SIZE_STEPS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}
AGE_STEPS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,6})?)([BKMGTP]?)(?:iB|B)?", re.IGNORECASE)
AGE = re.compile(r"(\d{1,9})([smhdwy])")
BARE_VALUE = re.compile(r'[^\s",\\]+')
BARE_WORD = re.compile(r'(?!!)[^\s"\\=!~<>]+')
FIELD = re.compile(r'(prop\.(?:"(?:[^"\\]|\\.)*"|[^\s"=!~<>]+)|[A-Za-z_]+)\s*(!=|!~|>=|<=|=|~|>|<)')


class Kind(msgspec.Struct, frozen=True):
    """What a field's values are."""

    name: str  # text, choice, number, size, time, age, yes/no, hidden
    operators: frozenset[str]
    choices: tuple[str, ...] = ()


class Field(msgspec.Struct, frozen=True):
    """A field that can be asked for: where its value is in an image, and the endpoint's own name for it."""

    name: str
    kind: Kind
    attribute: str
    parameter: str | None = None
    example: str = ""


TEXT = Kind("text", EQUALITY)
NUMBER = Kind("number", ORDERED | {"=", "!="})
SIZES = Kind("size", ORDERED | {"=", "!="})
TIMES = Kind("time", ORDERED | {"=", "!="})
AGES = Kind("age", ORDERED)
TRUTH = Kind("yes/no", frozenset({"=", "!="}), ("yes", "no"))
HIDDEN = Kind("hidden", frozenset({"="}), ("yes", "no", "any"))


def choice(*values: str, operators: frozenset[str] = EQUALITY) -> Kind:
    return Kind("choice", operators, values)


FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("name", TEXT, "name", "name", "name~^ubuntu"),
        Field("id", TEXT, "id", "id", "id=3f2a6c1e-9d0b-4c52-8f1e-0c7a2b9d4e11"),
        Field("status", choice(*STATUSES), "status", "status", "status=queued,saving"),
        Field("visibility", choice(*VISIBILITIES), "visibility", "visibility", "visibility=public"),
        Field("size", SIZES, "size", "size", "size>10G"),
        Field("virtual_size", SIZES, "virtual_size", None, "virtual_size>=100G"),
        Field("format", TEXT, "disk_format", "disk_format", "format=qcow2,raw"),
        Field("container", TEXT, "container_format", "container_format", "container=bare"),
        Field("tag", TEXT, "tags", "tag", "tag=lts"),
        Field("store", TEXT, "stores", None, "store=ceph"),
        Field("owner", TEXT, "owner", "owner", "owner=me"),
        Field("protected", TRUTH, "protected", "protected", "protected=yes"),
        Field("hidden", HIDDEN, "os_hidden", "os_hidden", "hidden=any"),
        Field("created", TIMES, "created_at", "created_at", "created>=2026-01-01"),
        Field("updated", TIMES, "updated_at", "updated_at", "updated<2h"),
        Field("age", AGES, "created_at", "created_at", "age>90d"),
        Field("checksum", TEXT, "checksum", "checksum", "checksum=d41d8cd98f00b204e9800998ecf8427e"),
        Field("hash", TEXT, "os_hash_value", "os_hash_value", "hash~^9af1"),
        Field("hash_algo", TEXT, "os_hash_algo", "os_hash_algo", "hash_algo=sha512"),
        Field("min_disk", NUMBER, "min_disk", "min_disk", "min_disk<=20"),
        Field("min_ram", NUMBER, "min_ram", "min_ram", "min_ram>=512"),
        Field(
            "member_status",
            choice(*MEMBER_STATUSES, operators=frozenset({"="})),
            "",
            "member_status",
            "member_status=pending",
        ),
    )
}
ALIASES: Mapping[str, str] = {
    "disk_format": "format", "fmt": "format", "container_format": "container", "vis": "visibility",
    "tags": "tag", "stores": "store", "project": "owner", "os_hidden": "hidden", "created_at": "created",
    "updated_at": "updated", "os_hash_value": "hash", "os_hash_algo": "hash_algo",
}  # fmt: skip
LISTABLE = frozenset({"name", "id", "status", "container_format", "disk_format"})  # parameters that know `in:`
RESERVED_PARAMETERS = BASE_ATTRIBUTES | {
    "limit", "marker", "sort", "sort_key", "sort_dir", "tag", "member_status", "changes-since", "deleted", "q",
    "size_min", "size_max", "min_ram_min", "min_ram_max", "min_disk_min", "min_disk_max", "is_public",
}  # fmt: skip


class FilterError(BadRequest):
    """A term that makes no sense. `start` and `end` are its place in the text; `valid` is what could stand there."""

    def __init__(self, message: str, start: int, end: int, valid: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.start, self.end, self.valid = start, end, tuple(valid)


class Context(msgspec.Struct, frozen=True):
    """What a filter's meaning depends on: the caller's project, and the time that ages count from (UTC, no zone)."""

    project: str | None = None
    now: datetime | None = None

    @property
    def moment(self) -> datetime:
        return self.now or datetime.now(UTC).replace(tzinfo=None)


class Word(msgspec.Struct, frozen=True):
    """Holds if the name contains `text`, whatever the case, or the id starts with it."""

    text: str
    negated: bool = False

    def __str__(self) -> str:
        return "!" * self.negated + (self.text if BARE_WORD.fullmatch(self.text) else quoted(self.text))


class Comparison(msgspec.Struct, frozen=True):
    """`field operator value,…`; for a property, `field` is "prop" and `prop` its name."""

    field: str
    operator: str
    values: tuple[str, ...]
    prop: str | None = None
    negated: bool = False

    def __str__(self) -> str:
        values = ",".join(value if BARE_VALUE.fullmatch(value) else quoted(value) for value in self.values)
        if self.operator.endswith("~"):
            values = self.values[0] if re.fullmatch(r'[^\s"]+', self.values[0]) else quoted(self.values[0])
        return "!" * self.negated + self.shown_field + self.operator + values

    @property
    def shown_field(self) -> str:
        if self.prop is None:
            return self.field
        return "prop." + (self.prop if re.fullmatch(r'[^\s"=!~<>]+', self.prop) else quoted(self.prop))


Term = Word | Comparison


class Plan(msgspec.Struct, frozen=True):
    """How a filter is evaluated: `params` by the endpoint (for `server` terms), `local` terms by `matches`."""

    params: tuple[tuple[str, str], ...]
    server: tuple[Term, ...]
    local: tuple[Term, ...]
    hidden_too: bool  # both visible and hidden images are wanted; an endpoint gives only one kind at a time
    context: Context

    def with_parameter(self, name: str, value: str) -> Plan:
        """The same, with one parameter of the endpoint set."""
        others = tuple(pair for pair in self.params if pair[0] != name)
        return msgspec.structs.replace(self, params=(*others, (name, value)))

    def matches(self, image: RemoteImage) -> bool:
        """Whether the terms that the endpoint does not evaluate hold."""
        return all(holds(term, image, self.context) for term in self.local)


class Filter(msgspec.Struct, frozen=True):
    """A parsed filter. The empty one holds for every image."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def matches(self, image: RemoteImage, context: Context | None = None) -> bool:
        """Evaluate every term here."""
        here = context or Context()
        return all(holds(term, image, here) for term in self.terms)

    def plan(self, context: Context | None = None) -> Plan:
        """Share the terms out: one goes to the endpoint only if it means the same there."""
        here = context or Context(now=datetime.now(UTC).replace(tzinfo=None))
        params: dict[str, list[str]] = {}
        server: list[Term] = []
        local: list[Term] = []
        for term in self.terms:
            wanted = parameters_of(term, here)
            taken = wanted is not None and not any(name in params for name, _ in wanted if name != "tag")
            if wanted is None or not taken:
                local.append(term)
                continue
            server.append(term)
            for name, value in wanted:
                params.setdefault(name, []).append(value)
        if any(isinstance(term, Comparison) and term.field == "visibility" for term in local):
            params.setdefault("visibility", ["all"])  # else others' community images are not even looked at
        pairs = tuple((name, value) for name, values in params.items() for value in values)
        hidden_too = any(
            isinstance(term, Comparison) and term.field == "hidden" and "any" in term.values for term in self.terms
        )
        return Plan(pairs, tuple(server), tuple(local), hidden_too, here)

    def server_params(self, context: Context | None = None) -> tuple[tuple[str, str], ...]:
        """The query parameters of `plan(context)`."""
        return self.plan(context).params


# Reading -------------------------------------------------------------------------------------------------------------


def parse(source: str) -> Filter:
    """Read a filter. Raises FilterError for the first term that makes no sense."""
    return Filter(tuple(term for term, _, _ in spans(source)))


def spans(source: str) -> Iterator[tuple[Term, int, int]]:
    """The terms of `source` with their places, as read; for marking them while they are typed."""
    position = skip_blanks(source, 0)
    while position < len(source):
        term, end = read_term(source, position)
        yield term, position, end
        position = skip_blanks(source, end)


def skip_blanks(source: str, position: int) -> int:
    while position < len(source) and source[position].isspace():
        position += 1
    return position


def read_term(source: str, start: int) -> tuple[Term, int]:
    negated = source[start] == "!"
    position = start + negated
    if position >= len(source) or source[position].isspace():
        raise FilterError('"!" needs a term right after it.', start, position)
    if source[position] == '"':
        word, end = read_quoted(source, position)
        return ended(source, Word(word, negated), start, end)
    found = FIELD.match(source, position)
    if found:
        return read_comparison(source, start, found, negated=negated)
    bare = BARE_WORD.match(source, position)
    if not bare:
        end = end_of_term(source, position)
        raise FilterError(f"No field before {source[position:end]!r}.", start, end, tuple(FIELDS))
    return ended(source, Word(bare.group(), negated), start, bare.end())


def read_comparison(source: str, start: int, found: re.Match[str], *, negated: bool) -> tuple[Term, int]:
    spelled, operator = found.groups()
    name, prop = field_of(spelled, start, found.end(1))
    if operator.endswith("~"):
        pattern, end = read_pattern(source, found.end())
        values: tuple[str, ...] = (pattern,)
    else:
        values, end = read_values(source, found.end())
    if not values or end == found.end():
        raise FilterError(f"{spelled}{operator} needs a value.", start, end, valid_values(name))
    term = Comparison(name, operator, values, prop, negated)
    check(term, start, end)
    return ended(source, term, start, end)


def field_of(spelled: str, start: int, end: int) -> tuple[str, str | None]:
    """The field's own name for what was typed, and the property's name if it is one."""
    if spelled.startswith("prop."):
        name = spelled[5:]
        return "prop", read_quoted(name, 0)[0] if name.startswith('"') else name
    name = ALIASES.get(spelled.lower(), spelled.lower())
    if name in FIELDS:
        return name, None
    near = difflib.get_close_matches(name, (*FIELDS, *ALIASES), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"a property is written prop.{spelled}."
    raise FilterError(f"There is no field {spelled!r}; {hint}", start, end, (*FIELDS, f"prop.{spelled}"))


def read_values(source: str, position: int) -> tuple[tuple[str, ...], int]:
    """Values separated by commas, bare or quoted, from `position` on."""
    values: list[str] = []
    while True:
        value, position = read_value(source, position)
        values.append(value)
        if position >= len(source) or source[position] != ",":
            return tuple(values), position
        position += 1


def read_value(source: str, position: int) -> tuple[str, int]:
    if source[position : position + 1] == '"':
        return read_quoted(source, position)
    bare = BARE_VALUE.match(source, position)
    if not bare:
        end = end_of_term(source, position)
        raise FilterError('A value is missing here; "" stands for "not set".', position, max(end, position))
    return bare.group(), bare.end()


def read_pattern(source: str, position: int) -> tuple[str, int]:
    """A regular expression: quoted, or all up to the next blank (commas belong to it)."""
    if source[position : position + 1] == '"':
        return read_quoted(source, position)
    end = end_of_term(source, position)
    return source[position:end], end


def read_quoted(source: str, position: int) -> tuple[str, int]:
    r"""A quoted string, in which \" and \\ stand for the characters themselves; and where it ends."""
    letters: list[str] = []
    index = position + 1
    while index < len(source):
        if source[index] == '"':
            return "".join(letters), index + 1
        if source[index] == "\\" and index + 1 < len(source):
            index += 1
        letters.append(source[index])
        index += 1
    raise FilterError("The closing quotation mark is missing.", position, len(source))


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def end_of_term(source: str, position: int) -> int:
    while position < len(source) and not source[position].isspace():
        position += 1
    return position


def ended(source: str, term: Term, start: int, end: int) -> tuple[Term, int]:
    """`term` and `end`, sure that nothing clings to it."""
    if end < len(source) and not source[end].isspace():
        last = end_of_term(source, end)
        raise FilterError(
            f"{source[end:last]!r} does not belong here; quote the value or put a blank before it.", start, last
        )
    return term, end


def check(term: Comparison, start: int, end: int) -> None:
    """Refuse operators and values that the field cannot have."""
    kind = kind_of(term)
    if term.operator not in kind.operators:
        valid = tuple(operator for operator in OPERATORS if operator in kind.operators)
        raise FilterError(f"{term.shown_field} knows {' '.join(valid)}, not {term.operator}.", start, end, valid)
    if term.operator.endswith("~"):
        check_pattern(term.values[0], start, end)
        return
    for value in term.values:
        if not is_valid(kind, value):
            valid = valid_values(term.field)
            raise FilterError(f"{term.shown_field} cannot be {value!r}: {' '.join(valid)}", start, end, valid)


def check_pattern(pattern: str, start: int, end: int) -> None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise FilterError(f"{pattern!r} is no regular expression: {error}.", start, end) from error


def is_valid(kind: Kind, value: str) -> bool:
    readers: Mapping[str, Callable[[str], object]] = {
        "size": size_of,
        "number": size_of,
        "age": age_of,
        "time": time_of,
        "yes/no": truth_of,
    }
    if kind.name in readers:
        return readers[kind.name](value) is not None
    return kind.name == "text" or value in kind.choices


def kind_of(term: Comparison) -> Kind:
    return TEXT if term.prop is not None else FIELDS[term.field].kind


def valid_values(field: str) -> tuple[str, ...]:
    """Values, or examples of values, that a field can have."""
    examples = {
        "size": ("500M", "10G"),
        "number": ("0", "20"),
        "age": ("30m", "7d", "2w"),
        "time": ("2h", "7d", "2026-01-31", "2026-01-31T12:00"),
    }
    kind = FIELDS[field].kind if field in FIELDS else TEXT
    return kind.choices or examples.get(kind.name, ())


# Values --------------------------------------------------------------------------------------------------------------


def size_of(value: str) -> int | None:
    """Bytes of `10G`, `500M`, `1.5T`, `4096`."""
    found = SIZE.fullmatch(value)
    if not found:
        return None
    amount, step = found.groups()
    factor = SIZE_STEPS[step.upper()]
    return round(float(amount) * factor) if "." in amount else int(amount) * factor


def age_of(value: str) -> timedelta | None:
    found = AGE.fullmatch(value)
    seconds = int(found.group(1)) * AGE_STEPS[found.group(2)] if found else None
    return None if seconds is None or seconds > 10**10 else timedelta(seconds=seconds)


def truth_of(value: str) -> bool | None:
    return True if value.lower() in YES else False if value.lower() in NO else None


class Interval(msgspec.Struct, frozen=True):
    """The time that a date or time names: from `start` until before `end`."""

    start: datetime
    end: datetime


def time_of(value: str) -> Interval | timedelta | None:
    """An age, or the day, minute or second that an ISO 8601 time names, in UTC unless it has a zone."""
    age = age_of(value)
    if age is not None:
        return age
    try:
        start = datetime.fromisoformat(value)
        start = start if start.tzinfo is None else start.astimezone(UTC).replace(tzinfo=None)
        return Interval(start, start + precision_of(value))
    except (ValueError, OverflowError):
        return None


def precision_of(value: str) -> timedelta:
    if "T" not in value and " " not in value:
        return timedelta(days=1)
    return timedelta(minutes=1) if value.count(":") == 1 and len(value) <= 17 else timedelta(seconds=1)


# Evaluating here -----------------------------------------------------------------------------------------------------


def holds(term: Term, image: RemoteImage, context: Context) -> bool:
    """Whether one term holds for an image."""
    found = word_holds(term.text, image) if isinstance(term, Word) else comparison_holds(term, image, context)
    return found is not term.negated


def word_holds(word: str, image: RemoteImage) -> bool:
    return word.casefold() in (image.name or "").casefold() or image.id.startswith(word.lower())


def comparison_holds(term: Comparison, image: RemoteImage, context: Context) -> bool:
    """The comparison without `negated`. What is not set fails every comparison but != and !~."""
    if term.operator in {"!=", "!~"}:
        positive = Comparison(term.field, term.operator[1:], term.values, term.prop)
        return not comparison_holds(positive, image, context)
    if term.field == "member_status":
        return True  # only the endpoint knows the caller's answer; the parameter has selected already
    actual = actual_value(term, image)
    if term.operator == "~":
        return any(re.search(term.values[0], item) for item in as_texts(actual))
    return any(equal_or_ordered(kind_of(term), term.operator, actual, value, context) for value in term.values)


def actual_value(term: Comparison, image: RemoteImage) -> object:
    if term.prop is not None:
        return image.properties.get(term.prop)
    return getattr(image, FIELDS[term.field].attribute)


def as_texts(actual: object) -> tuple[str, ...]:
    if isinstance(actual, tuple):
        return actual
    return () if actual is None else (str(actual),)


def equal_or_ordered(kind: Kind, operator: str, actual: object, value: str, context: Context) -> bool:
    if kind.name in {"size", "number"}:
        return isinstance(actual, int) and ordered(operator, actual, size_of(value) or 0)
    if kind.name in {"time", "age"}:
        return isinstance(actual, datetime) and time_holds(operator, actual, time_of(value), context)
    if kind.name in {"yes/no", "hidden"}:
        return value == "any" or actual is truth_of(value)
    if kind is FIELDS["owner"].kind and value == "me" and context.project is not None:
        return actual in {"me", context.project}
    return value in as_texts(actual) or (value == "" and not actual)


def ordered(operator: str, actual: int, value: int) -> bool:
    if operator == "=":
        return actual == value
    return {">": actual > value, ">=": actual >= value, "<": actual < value, "<=": actual <= value}[operator]


def time_holds(operator: str, actual: datetime, value: Interval | timedelta | None, context: Context) -> bool:
    if value is None:
        return False
    bounds = bounds_of(operator, value, context)
    return all(ordered_times(sign, actual, bound) for sign, bound in bounds)


def ordered_times(sign: str, actual: datetime, bound: datetime) -> bool:
    return {"gt": actual > bound, "gte": actual >= bound, "lt": actual < bound, "lte": actual <= bound}[sign]


def bounds_of(operator: str, value: Interval | timedelta, context: Context) -> tuple[tuple[str, datetime], ...]:
    """What a time must keep to: an age of less than a day is a time later than a day ago."""
    if isinstance(value, timedelta):
        moment = context.moment.replace(microsecond=0) - value
        turned = {"<": "gt", "<=": "gte", ">": "lt", ">=": "lte"}
        return ((turned[operator], moment),) if operator in turned else (("gte", moment), ("lte", moment))
    simple = {"<": ("lt", value.start), "<=": ("lt", value.end), ">": ("gte", value.end), ">=": ("gte", value.start)}
    return (simple[operator],) if operator in simple else (("gte", value.start), ("lt", value.end))


# Asking the endpoint -------------------------------------------------------------------------------------------------


def parameters_of(term: Term, context: Context) -> tuple[tuple[str, str], ...] | None:
    """Query parameters that mean just what the term means (contract of GET /v2/images), or None."""
    if isinstance(term, Word) or term.negated or term.operator in {"!=", "!~", "~"}:
        return None
    kind = kind_of(term)
    if kind.name in {"size", "number"}:
        return number_parameters(term)
    if kind.name in {"time", "age"}:
        return time_parameters(term, context)
    if kind.name in {"yes/no", "hidden"}:
        return truth_parameters(term)
    return text_parameters(term, context)


def number_parameters(term: Comparison) -> tuple[tuple[str, str], ...] | None:
    name = FIELDS[term.field].parameter
    value = size_of(term.values[0])
    largest = 1 << 62 if name == "size" else 1 << 30  # what every database behind an endpoint can compare with
    if name is None or value is None or len(term.values) > 1 or value > largest:
        return None
    spelled = {
        "=": (name, value),
        ">=": (f"{name}_min", value),
        ">": (f"{name}_min", value + 1),
        "<=": (f"{name}_max", value),
        "<": (f"{name}_max", value - 1),
    }
    key, bound = spelled[term.operator]
    return ((key, str(bound)),) if bound >= 0 else None


def wants_hidden_too(term: Term) -> bool:
    return isinstance(term, Comparison) and term.field == "hidden" and "any" in term.values


def time_parameters(term: Comparison, context: Context) -> tuple[tuple[str, str], ...] | None:
    name, value = FIELDS[term.field].parameter, time_of(term.values[0])
    if name is None or value is None or len(term.values) > 1:
        return None
    bounds = bounds_of(term.operator, value, context)
    if len(bounds) > 1:
        return None  # an endpoint keeps only one bound for each time
    sign, moment = bounds[0]
    return ((name, f"{sign}:{moment.isoformat(timespec='seconds')}Z"),)


def truth_parameters(term: Comparison) -> tuple[tuple[str, str], ...] | None:
    name, value = FIELDS[term.field].parameter, term.values[0]
    if name is None or len(term.values) > 1 or value == "any":
        return None
    return ((name, "true" if truth_of(value) else "false"),)


def text_parameters(term: Comparison, context: Context) -> tuple[tuple[str, str], ...] | None:
    name = property_parameter(term.prop) if term.prop is not None else FIELDS[term.field].parameter
    if name is None or "" in term.values:
        return None
    if name in LISTABLE:
        return ((name, listed(term.values)),) if all(map(can_be_listed, term.values)) else None
    if len(term.values) > 1:
        return None
    value = context.project if name == "owner" and term.values[0] == "me" and context.project else term.values[0]
    return ((name, value),)


def property_parameter(prop: str) -> str | None:
    """A property is asked for by its own name, unless the name means something else to the endpoint."""
    return None if prop in RESERVED_PARAMETERS or not prop else prop


def can_be_listed(value: str) -> bool:
    return '"' not in value and "\\" not in value and value == value.strip()


def listed(values: Sequence[str]) -> str:
    if len(values) > 1:
        return "in:" + ",".join(f'"{value}"' for value in values)
    return f"eq:{values[0]}" if ":" in values[0] else values[0]
