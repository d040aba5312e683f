"""Finds the command that was typed, runs it, and turns whatever happens into an exit code."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from glancetui.errors import GlancetuiError

if TYPE_CHECKING:
    from glancetui.cli.verbs import Group, Verb

NOUNS: Mapping[str, str] = {
    "image": "images: list, show, create, set, upload, save, share, delete …",
    "member": "who sees a shared image; answering an offer",
    "store": "the endpoint's stores: list, show",
    "task": "background work: imports and copies, how far they are, why they failed",
    "cache": "the image cache of the node that answers: what is in it, what is to be, what is to go",
    "metadef": "what properties mean: namespaces, objects, tags; check images against them",
    "cloud": "the clouds of clouds.yaml",
    "doctor": "look at an endpoint and say what is wrong",
    "serve": "run the service",
    "config": "the service's configuration: show, validate, docs",
    "db": "the service's database",
    "completion": "completion for bash, zsh or fish",
}
SERVICE_NOUNS: Mapping[str, str] = {  # modules of Typer applications; what they load is large
    "config": "glancetui.cli.config",
    "db": "glancetui.cli.db_commands",
}
WITH_VALUE = frozenset(
    {
        "-f", "--format", "-c", "--column", "--color", "--endpoint", "--cloud", "--region", "--interface",
        "--os-cacert", "--timeout", "--theme", "--os-cloud", "--os-endpoint",
    }
)  # fmt: skip


class Terminated(BaseException):
    """A signal asks the process to end: half-written files are removed on the way out."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def terminate(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001  # a signal handler
    raise Terminated(signum)


def run(arguments: Sequence[str], open_terminal: Callable[[Sequence[str]], int]) -> int:
    """Run `arguments` and return the exit code; nothing is raised. `open_terminal` gets them if there is no command."""
    if arguments[:1] == ["--install-completion"]:
        return guarded(lambda: install_completion(arguments[1:]), arguments)
    leading, words = split(arguments)
    if not words:
        return without_words(leading, open_terminal)
    if words[0] not in NOUNS:
        return unknown("command", words[0], NOUNS)
    if words[0] == "serve":
        return guarded(lambda: run_serve([*leading, *words[1:]]), arguments)
    if words[0] in SERVICE_NOUNS:
        return guarded(lambda: run_service_command(words[0], [*leading, *words[1:]]), arguments)
    return guarded(lambda: run_command(words[0], words[1:], leading), arguments)


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Options that stand before the noun, and the rest from the noun on."""
    index = 0
    while index < len(arguments) and arguments[index].startswith("-"):
        index += 2 if arguments[index] in WITH_VALUE else 1
    return list(arguments[:index]), list(arguments[index:])


def install_completion(words: Sequence[str]) -> int:
    from glancetui.cli import completion

    return completion.install(words)


def without_words(leading: Sequence[str], open_terminal: Callable[[Sequence[str]], int]) -> int:
    """Only options, or nothing at all: the terminal application where there is a terminal, else help."""
    if "-h" in leading or "--help" in leading:
        sys.stdout.write(overview())
        return 0
    if sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        return guarded(lambda: open_terminal(leading), leading)
    sys.stderr.write(overview())
    sys.stderr.write("\nWithout a command glancetui opens its terminal application, but there is no terminal here.\n")
    return 2


def overview() -> str:
    lines = [f"  {noun:12}{text}" for noun, text in NOUNS.items()]
    head = "Usage: glancetui [COMMAND …]\n\nWithout a command, the terminal application. Commands:\n"
    return head + "\n".join(lines) + "\n\n`glancetui COMMAND --help` says more; `glancetui --version` the version.\n"


def run_command(noun: str, words: Sequence[str], leading: Sequence[str]) -> int:
    """Run a command of the client."""
    for signum in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signum) is signal.SIG_DFL:  # nohup stays nohup
            signal.signal(signum, terminate)
    verbs: Mapping[str, Verb | Group] = importlib.import_module(f"glancetui.cli.{noun}").VERBS
    return run_verb([noun], verbs, words, leading)


def run_verb(path: list[str], verbs: Mapping[str, Verb | Group], words: Sequence[str], leading: Sequence[str]) -> int:
    """Run what `words` name among `verbs`; `path` is what was named before."""
    from glancetui.cli.verbs import Group

    single = verbs.get("")
    if single is not None and not isinstance(single, Group):  # a noun that is its own verb
        return execute(single, path, [*leading, *words])
    before, rest = split(words)
    if "-h" in before or "--help" in before or not rest:
        (sys.stdout if before else sys.stderr).write(verbs_overview(" ".join(path), verbs))
        return 0 if before else 2
    chosen = verbs.get(rest[0])
    if chosen is None:
        return unknown(f"{' '.join(path)} command", rest[0], verbs)
    path, leading = [*path, rest[0]], [*leading, *before]
    if isinstance(chosen, Group):
        return run_verb(path, chosen.verbs, rest[1:], leading)
    return execute(chosen, path, [*leading, *rest[1:]])


def execute(verb: Verb, words: Sequence[str], arguments: Sequence[str]) -> int:
    from glancetui.cli.context import Context

    parsed: argparse.Namespace = verb.parser(words).parse_args(list(arguments))
    running = Context(parsed)
    try:
        return verb.run(running) or 0
    except GlancetuiError as error:
        from glancetui.client.problems import Unreachable

        if isinstance(error, Unreachable) and (hint := running.hint_for_unreachable()):
            return fail(error, arguments, hint)
        raise
    finally:
        running.close()


def verbs_overview(noun: str, verbs: Mapping[str, Verb | Group]) -> str:
    lines = [f"  {name:14}{verb.help}" for name, verb in verbs.items() if not verb.hidden]
    return f"Usage: glancetui {noun} COMMAND …\n\n" + "\n".join(lines) + "\n"


def unknown(kind: str, word: str, known: Mapping[str, object]) -> int:
    import difflib

    from glancetui.client.text import clean

    near = difflib.get_close_matches(word, [name for name in known if name], n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(name for name in known if name)}"
    sys.stderr.write(f"glancetui: there is no {kind} {clean(word)!r}; {hint}\n")
    return 2


def run_serve(arguments: Sequence[str]) -> int:
    """Run the service; its libraries are loaded only here."""
    from glancetui.cli import serve

    return serve.run(arguments)


def run_service_command(noun: str, arguments: Sequence[str]) -> int:
    """Run a Typer application that belongs to the service; its libraries are loaded only here."""
    module = importlib.import_module(SERVICE_NOUNS[noun])
    import typer

    try:
        # Not `standalone`: there Typer would end the process with 0 whatever the command returns.
        code = module.app(args=list(arguments), prog_name=f"glancetui {noun}", standalone_mode=False)
    except typer.Abort:
        return 130
    except Exception as error:
        if not hasattr(error, "show") or not hasattr(error, "exit_code"):
            raise
        error.show()  # a usage error, in Typer's own words
        return int(error.exit_code)
    return code if isinstance(code, int) else 0


def guarded(command: Callable[[], int | None], arguments: Sequence[str]) -> int:
    """Run `command`; failures are printed here and nowhere else."""
    with contextlib.suppress(AttributeError, ValueError):  # a stream that a caller has replaced
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # TextIO of an odd locale
        sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # the same
    try:
        code = command() or 0
        sys.stdout.flush()
    except SystemExit as end:  # argparse's --help
        return end.code if isinstance(end.code, int) else 0
    except BrokenPipeError:
        return closed_pipe()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    except Terminated as end:
        return 128 + end.signum
    except (GlancetuiError, OSError) as error:
        return fail(error, arguments)
    except Exception as error:  # noqa: BLE001  # the edge: what is left is a defect, and is named as one
        return fault(error, arguments)
    return code


def fail(error: BaseException, arguments: Sequence[str], hint: str | None = None) -> int:
    from glancetui.cli.failures import failure_of, report

    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()  # the answer so far comes before the reason that it ends
    failure = failure_of(error, hint)
    report(failure, as_json=wants_json(arguments))
    return failure.code


def fault(error: Exception, arguments: Sequence[str]) -> int:
    """A defect of ours: say what to report; the traceback is for --debug."""
    if "--debug" in arguments:
        import traceback

        traceback.print_exc()
    sys.stderr.write(
        f"glancetui: this is a defect of glancetui: {type(error).__name__}: {error!r}. "
        "Please report it with the output of the same command and --debug.\n"
    )
    return 1


def wants_json(arguments: Sequence[str]) -> bool:
    following = [*arguments[1:], ""]
    pairs = zip(arguments, following, strict=False)
    return any((a in {"-f", "--format"} and b == "json") or a in {"-fjson", "--format=json"} for a, b in pairs)


def closed_pipe() -> int:
    """Whoever read our answer has had enough. Nothing more may be written, not even while the process ends."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    return 141
