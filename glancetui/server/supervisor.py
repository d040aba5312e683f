"""The process that an operator starts: it binds, forks workers, replaces those that die, and passes signals on."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import gc
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from glancetui.config.settings import RegistryAddress, Settings
from glancetui.errors import ConfigError, GlancetuiError, RegistryUnavailable
from glancetui.images.worker import node_name
from glancetui.server import listen, records
from glancetui.server.heartbeat import Watch

log = logging.getLogger(__name__)

Reload = Callable[[], Settings]
Serve = Callable[[Settings, Sequence[socket.socket], int, int, Reload], int]  # what a worker does; its exit code

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})
LOCK_SECONDS = 5.0  # workers of a killed supervisor need a moment to notice
SHORT_LIFE = 10.0  # seconds; a worker that dies younger is started again with a delay
LONGEST_DELAY = 30.0
ECHO = 0.5  # seconds; `timeout`, and a shell that passes Ctrl-C on, send the same signal twice
GRACE = 5.0  # seconds beyond drain_seconds after which a worker is killed


@dataclass(slots=True)
class Child:
    pid: int
    started: float  # time.monotonic()
    ready: int  # descriptor on which it says a line when it answers, and then that it still does


@dataclass(frozen=True, slots=True)
class Role:
    """What a process tree is for."""

    locks: Sequence[str]  # files in the data folder that it holds, so that no other does the same work there
    workers: int
    bind: Callable[[Settings], list[socket.socket]]
    prepare: Callable[[Settings], None]  # once, before workers are forked
    serve: Serve
    what: str  # for the announcement, as is:
    scheme: str = "http://"


def run(settings: Settings, reload: Reload | None = None, role: str | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the return value is the exit code. `reload` reads the settings again on SIGHUP.

    `role` is "api", "registry", or None: both, in this one process tree. Raises ConfigError for what keeps the service
    from starting.
    """
    records.set_up(settings)
    chosen = role_of(role, settings)
    with contextlib.ExitStack() as stack:
        for name in chosen.locks:
            stack.enter_context(only_service(settings.data_dir, name))
        chosen.prepare(settings)
        sockets = chosen.bind(settings)
        stack.callback(listen.close, sockets)
        return Supervisor(settings, sockets, reload or (lambda: settings), chosen).run()


def role_of(name: str | None, settings: Settings) -> Role:
    """Raises ConfigError. Only the code of the role is loaded, here, to be shared by all its workers."""
    server, data = settings.server, settings.data_dir
    if name == "registry":
        from glancetui.server import registry_worker

        what = f"registry, database {registry_worker.named(settings.database)}"
        workers = settings.registry.workers
        scheme = "https://" if any(address.tls for address in settings.registry.listen) else ""
        one = ("registry.lock",)
        return Role(one, workers, listen.bind_registry, prepare_database, registry_worker.serve, what, scheme)
    if name is None and settings.registry.address is not None:
        raise ConfigError(
            f"[glancetui] registry names a registry service ({settings.registry.address}), and `glancetui serve` alone "
            "is one itself. Run `glancetui serve api`, or take the option out."
        )
    from glancetui.server import worker

    if settings.registry.address is not None:
        what = f"auth {server.auth}, registry {settings.registry.address}"
        prepare = functools.partial(prepare_remote, settings.registry.address)
        return Role(("serve.lock",), server.workers, listen.bind, prepare, worker.serve, what)
    locks: Sequence[str] = ("serve.lock",) if name == "api" else ("serve.lock", "registry.lock")
    what = f"auth {server.auth}, data in {data}"
    return Role(locks, server.workers, listen.bind, prepare_database, worker.serve, what)


@contextlib.contextmanager
def only_service(data_dir: Path, name: str) -> Iterator[None]:
    """Holds a lock in the data folder, so that no second service works on the same SQLite and files.

    Workers inherit the lock: it is free when the last of them is gone, even if this process was killed. Raises
    ConfigError.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
        lock = os.open(data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"The data folder {data_dir} cannot be used: {error.strerror}.") from error
    try:
        _lock(lock, data_dir)
        yield
    finally:
        os.close(lock)


def _lock(file: int, folder: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"Another service works in {folder}. Stop it, or give this one a folder of its own with --data-dir."
                ) from None
            time.sleep(0.05)
        else:
            return


def prepare_database(settings: Settings) -> None:
    """It is created or brought up to date. One that is down is waited for by the workers. Raises ConfigError."""
    from glancetui.registry.sql import open_registry

    try:
        open_registry(settings.database, node_name()).close()
    except RegistryUnavailable as error:
        warn(settings, f"{error} The service starts all the same, and tries again until the database is there.")


def prepare_remote(address: RegistryAddress, settings: Settings) -> None:
    """Tells whether the registry service can be used; if not, the workers wait for it. Raises ConfigError."""
    from glancetui.registry.open import open_remote

    registry = open_remote(address, settings.registry, node_name(), patience=0)
    try:
        registry.check()
    except RegistryUnavailable as error:
        warn(settings, f"{error} The service starts all the same, and tries again until the registry answers.")
    finally:
        registry.close()


def warn(settings: Settings, sentence: str) -> None:
    """In the log, and to whoever starts the service where the log goes elsewhere."""
    log.error(sentence)
    if settings.log_file is not None:
        sys.stderr.write(f"glancetui: {sentence}\n")


class Supervisor:
    def __init__(self, settings: Settings, sockets: Sequence[socket.socket], reload: Reload, role: Role) -> None:
        self._settings = settings
        self._role = role
        self._sockets = sockets
        self._reload = reload
        self._children: dict[int, Child] = {}
        self._delay = 0.0
        self._restart_at: list[float] = []
        self._watch = Watch(settings.server.worker_silence_seconds)
        # Only this process holds the writing end: when it is gone, however it went, the workers read the end.
        self._lifeline, self._life = os.pipe()

    def run(self) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        gc.collect()
        gc.freeze()  # what is loaded now never becomes garbage, and a collection in a worker must not copy its pages
        gc.enable()
        self._children = {child.pid: child for child in (self._fork() for _ in range(self._role.workers))}
        if not self._all_ready():
            self._kill(signal.SIGKILL)
            return 1
        self._announce()
        return self._supervise()

    # -- start -------------------------------------------------------------------------------------------------------
    def _fork(self) -> Child:
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            os.close(self._life)
            self._become_worker(writing)
        os.close(writing)
        os.set_blocking(reading, False)
        return Child(pid, time.monotonic(), reading)

    def _become_worker(self, ready: int) -> NoReturn:
        code = 1
        try:
            for child in self._children.values():
                os.close(child.ready)
            code = self._role.serve(self._settings, self._sockets, ready, self._lifeline, self._reload)
        finally:
            logging.shutdown()
            # Not sys.exit: threads that hang in a dead store, and the supervisor's own cleaning up, must not run here.
            os._exit(code)

    def _all_ready(self) -> bool:
        """False when a worker could not start: its sentence goes to stderr. A signal to stop counts as that, too."""
        waiting = {child.ready: child for child in self._children.values()}
        while waiting:
            if signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, 0) is not None:
                return False
            for ready in select.select(waiting, [], [], 0.2)[0]:
                del waiting[ready]
                line = os.read(ready, 65536)
                if not line.startswith(b"\n"):
                    sentence = line.decode(errors="replace").strip() or "A worker ended while it started."
                    sys.stderr.write(f"glancetui: {sentence}\n")
                    return False
        return True

    def _announce(self) -> None:
        addresses = ", ".join(listen.url_of(listener, self._role.scheme) for listener in self._sockets)
        sys.stdout.write(f"glancetui is serving on {addresses} ({self._role.what})\n")
        sys.stdout.flush()

    # -- watch -------------------------------------------------------------------------------------------------------
    def _supervise(self) -> int:
        while True:
            received = signal.sigtimedwait(SIGNALS, self._patience())
            number = received.si_signo if received else None
            if number in (signal.SIGTERM, signal.SIGINT):
                return self._drain()
            if number == signal.SIGHUP:
                self._on_hangup()
            self._reap()
            self._end_silent()
            self._restart_due()

    def _patience(self) -> float:
        """Seconds until something is due that no signal announces."""
        now = time.monotonic()
        return max(0.0, min([self._watch.interval or 60.0, *(at - now for at in self._restart_at)]))

    def _on_hangup(self) -> None:
        log.info("SIGHUP: workers read policy and logging again.")
        try:
            records.set_up(self._reload())
        except GlancetuiError as error:
            log.error("The settings stay as they were: %s", error)  # noqa: TRY400 - the sentence says it all
        self._kill(signal.SIGHUP)

    def _reap(self) -> None:
        for pid, status in _ended():
            child = self._children.pop(pid, None)
            if child is None:
                continue
            self._watch.forget(child.ready)
            os.close(child.ready)
            lived = time.monotonic() - child.started
            self._delay = 0.0 if lived > SHORT_LIFE else min(LONGEST_DELAY, max(0.5, self._delay * 2))
            log.error("Worker %d ended (%s); another starts in %.1f s.", pid, _ending(status), self._delay)
            self._restart_at.append(time.monotonic() + self._delay)

    def _end_silent(self) -> None:
        """Kills workers whose event loop stands still; `_reap` then replaces them."""
        silent = self._watch.silent([child.ready for child in self._children.values()])
        for child in self._children.values():
            if child.ready in silent:
                log.error("Worker %d has not answered for %g s and is killed.", child.pid, self._watch.patience)
                os.kill(child.pid, signal.SIGKILL)

    def _restart_due(self) -> None:
        now = time.monotonic()
        due = [at for at in self._restart_at if at <= now]
        self._restart_at = [at for at in self._restart_at if at > now]
        for _ in due:
            child = self._fork()
            self._children[child.pid] = child

    # -- end ---------------------------------------------------------------------------------------------------------
    def _drain(self) -> int:
        log.info("Stopping: running requests have %g s.", self._settings.server.drain_seconds)
        listen.close(self._sockets)
        self._kill(signal.SIGTERM)
        since = time.monotonic()
        deadline = since + self._settings.server.drain_seconds + GRACE
        clean = True
        while self._children:
            for pid, status in _ended():
                if self._children.pop(pid, None) is not None:
                    clean = clean and status == 0
            if not self._children:
                break
            received = signal.sigtimedwait(SIGNALS, max(0.0, deadline - time.monotonic()))
            if received is None or (
                received.si_signo in (signal.SIGTERM, signal.SIGINT) and time.monotonic() - since > ECHO
            ):
                log.warning("Workers that still run are killed.")
                self._kill(signal.SIGKILL)
                clean = False
                deadline = time.monotonic() + GRACE
        return 0 if clean else 1

    def _kill(self, number: signal.Signals) -> None:
        for pid in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _ended() -> Iterator[tuple[int, int]]:
    """Pid and exit status of each child that has ended since."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
