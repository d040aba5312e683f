"""The errors that cross packages.

GlancetuiError
├── BadRequest            the caller's words make no sense; nothing was changed
├── Unauthenticated       who are you?
├── Forbidden             known, visible, and not allowed
├── NotFound              not there, or not yours to see
│   └── ObjectNotFound    a store does not hold the object
├── Conflict              the state of things forbids it
│   ├── Duplicate         the name or id is taken
│   ├── Stale             somebody else changed it first: read again, then retry
│   └── ConditionFailed   it is not, or no longer, what the caller said it must be
├── Gone                  what was being written has been deleted meanwhile
├── LimitExceeded         a quota, cap or full store
│   └── StoreFull
├── UnsupportedMedia      wrong media type, or content that is not what it claims to be
├── RangeNotSatisfiable
├── HeadTooLarge          431
├── Unavailable           a part is down; the same call may work later
│   ├── RegistryUnavailable
│   ├── StoreUnavailable
│   └── Overloaded
├── ShortRead             a store ended before the object did
├── BodyBroken            the sender went away or broke its framing
├── BodyTimeout           the sender stalled
├── JobFailed             background work came to nothing; carries a stable code
│   └── FetchFailed       an address that a user named could not be read
└── ConfigError           the operator's settings are wrong; carries file and line
"""

from __future__ import annotations


class GlancetuiError(Exception):
    """Base of all errors of ours. `str(error)` is one sentence that tells the reader what to do."""

    retryable = False
    told: str | None = None  # what callers of the service hear instead, where the sentence names folders or hosts


class BadRequest(GlancetuiError):
    pass


class Unauthenticated(GlancetuiError):
    pass


class Forbidden(GlancetuiError):
    pass


class NotFound(GlancetuiError):
    pass


class ObjectNotFound(NotFound):
    def __init__(self, store: str, object_id: str) -> None:
        super().__init__(f"Store {store} holds no object {object_id}.")
        self.store, self.object_id = store, object_id


class Conflict(GlancetuiError):
    pass


class Duplicate(Conflict):
    pass


class Stale(Conflict):
    retryable = True


class ConditionFailed(Conflict):
    pass


class Gone(GlancetuiError):
    pass


class LimitExceeded(GlancetuiError):
    pass


class StoreFull(LimitExceeded):
    def __init__(self, store: str) -> None:
        super().__init__(f"Store {store} is full. Free space in it or choose another store, then send the data again.")
        self.store = store


class UnsupportedMedia(GlancetuiError):
    def __init__(self, message: str, *, accept_patch: bool = False) -> None:
        super().__init__(message)
        self.accept_patch = accept_patch


class RangeNotSatisfiable(GlancetuiError):
    def __init__(self, message: str, size: int | None = None) -> None:
        super().__init__(message)
        self.size = size


class HeadTooLarge(GlancetuiError):
    pass


class Unavailable(GlancetuiError):
    retryable = True


class RegistryUnavailable(Unavailable):
    told = "The database cannot be used now. Try again in a moment; the operator finds the reason in the log."


class StoreUnavailable(Unavailable):
    def __init__(self, store: str, why: str) -> None:
        super().__init__(f"Store {store} cannot be used now: {why}.")
        self.store = store
        self.told = (
            f"Store {store} cannot be used now. Try again in a moment; the operator finds the reason in the log."
        )


class Overloaded(Unavailable):
    pass


class ShortRead(GlancetuiError):
    def __init__(self, store: str, object_id: str, got: int, wanted: int) -> None:
        super().__init__(f"Store {store} ended object {object_id} after {got} of {wanted} bytes.")
        self.store, self.object_id, self.got, self.wanted = store, object_id, got, wanted


class BodyBroken(GlancetuiError):
    pass


class BodyTimeout(GlancetuiError):
    pass


class JobFailed(GlancetuiError):
    """`code` is stable: programs may compare it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FetchFailed(JobFailed):
    pass


class ConfigError(GlancetuiError):
    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        where = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(where + message)
        self.file, self.line = file, line
