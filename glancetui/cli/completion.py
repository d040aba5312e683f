"""Completion in the shell: `glancetui completion bash|zsh|fish` prints what to source; it calls us back while you type.

The words come from the same declarations that parse the command line. Ids and names are asked of the endpoint, which
has 0.3 s to answer; completion is never noisy.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from glancetui.cli.dispatch import NOUNS, SERVICE_NOUNS, split
from glancetui.cli.verbs import Group, Parser, UsageError, Verb, add_common
from glancetui.errors import GlancetuiError

if TYPE_CHECKING:
    from glancetui.cli.context import Context

QUICK_SECONDS = 0.3
MOST = 100
SERVICE_VERBS: Mapping[str, tuple[str, ...]] = {
    "config": ("show", "validate", "docs"),
    "db": (
        "upgrade",
        "check",
        "version",
        "adopt",
        "release",
        "purge",
        "load-metadefs",
        "export-metadefs",
        "unload-metadefs",
    ),
    "serve": ("api", "registry", "periodic"),
}
SCRIPTS: Mapping[str, str] = {
    "bash": """_glancetui() {
    local IFS=$'\\n'
    COMPREPLY=($(GLANCETUI_COMPLETE=1 glancetui "${COMP_WORDS[@]:1:$COMP_CWORD}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} -eq 0 ]] && compopt -o default
}
complete -F _glancetui glancetui
""",
    "zsh": """#compdef glancetui
_glancetui() {
    local -a found
    found=("${(@f)$(GLANCETUI_COMPLETE=1 glancetui "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
    if [[ -n $found ]]; then compadd -- $found; else _files; fi
}
compdef _glancetui glancetui
""",
    "fish": """function __glancetui
    GLANCETUI_COMPLETE=1 glancetui (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
complete -c glancetui -a '(__glancetui)'
""",
}


def shell_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(SCRIPTS), help="put the output where your shell reads it at start")


def print_script(context: Context) -> None:
    """Print the completion script for a shell, such as: source <(glancetui completion bash)"""
    sys.stdout.write(SCRIPTS[context.arguments.shell])


PLACES: Mapping[str, str] = {
    "bash": ".local/share/bash-completion/completions/glancetui",
    "zsh": ".zfunc/_glancetui",
    "fish": ".config/fish/completions/glancetui.fish",
}


def install(words: Sequence[str]) -> int:
    """`--install-completion [SHELL]`: put the script where the shell looks for it. Raises UsageError."""
    shell = words[0] if words else os.environ.get("SHELL", "").rpartition("/")[2]
    if shell not in SCRIPTS or len(words) > 1:
        raise UsageError(f"Completion is there for {', '.join(SCRIPTS)}: glancetui --install-completion SHELL")
    path = Path.home() / PLACES[shell]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SCRIPTS[shell])
    more = "; it must be in your fpath: fpath+=~/.zfunc" if shell == "zsh" else ""
    sys.stderr.write(f"wrote {path}{more}; a new {shell} knows it\n")
    return 0


def complete(words: Sequence[str]) -> int:
    """Print what could stand in place of the last of `words`; nothing if there is nothing to say."""
    try:
        for candidate in candidates(words):
            sys.stdout.write(candidate + "\n")
    except (GlancetuiError, OSError):
        return 0
    return 0


def candidates(words: Sequence[str]) -> Iterator[str]:
    """Completions of the last word, in order, each once."""
    before, last = list(words[:-1]), words[-1] if words else ""
    yield from dict.fromkeys(each for each in possible(before, last) if each.startswith(last))


def possible(before: Sequence[str], last: str) -> Iterator[str]:
    leading, rest = split(before)
    if not rest:
        yield from (noun for noun in NOUNS)
        return
    noun = rest[0]
    if noun in SERVICE_NOUNS:
        yield from SERVICE_VERBS.get(noun, ()) if len(rest) == 1 else ()
        return
    if noun not in NOUNS:
        return
    verbs: Mapping[str, Verb | Group] = importlib.import_module(f"glancetui.cli.{noun}").VERBS
    yield from of_verbs([noun], verbs, rest[1:], leading, last)


def of_verbs(
    path: list[str], verbs: Mapping[str, Verb | Group], typed: Sequence[str], leading: Sequence[str], last: str
) -> Iterator[str]:
    if "" in verbs:
        chosen = verbs[""]
    elif not typed:
        yield from (name for name, verb in verbs.items() if not verb.hidden)
        return
    elif typed[0] in verbs:
        chosen, path, typed = verbs[typed[0]], [*path, typed[0]], typed[1:]
    else:
        return
    if isinstance(chosen, Group):
        yield from of_verbs(path, chosen.verbs, typed, leading, last)
    else:
        yield from of_verb(chosen.parser(path), [*leading, *typed], last)


def of_verb(parser: argparse.ArgumentParser, typed: Sequence[str], last: str) -> Iterator[str]:
    actions = parser._actions  # argparse has no other way to ask what a parser takes
    waiting = next((a for a in actions if typed and typed[-1] in a.option_strings and a.nargs != 0), None)
    if waiting is not None:
        yield from values_of(waiting, typed)
    elif last.startswith("-"):
        yield from (option for action in actions for option in action.option_strings)
    else:
        places = [action for action in actions if not action.option_strings]
        for place in places:
            yield from values_of(place, typed)


def values_of(action: argparse.Action, typed: Sequence[str]) -> Iterator[str]:
    if action.choices is not None:
        yield from map(str, action.choices)
    elif action.dest in {"image", "images", "marker"}:
        yield from images_there(typed)
    elif action.dest == "cloud":
        from glancetui.client.clouds import clouds

        yield from clouds()


def images_there(typed: Sequence[str]) -> Iterator[str]:
    """Names and ids of the newest images, as far as the endpoint tells them quickly."""
    from glancetui.cli.context import Context  # the client is loaded only where the endpoint has to be asked
    from glancetui.client.clouds import connect
    from glancetui.client.query import ImageQuery
    from glancetui.client.text import clean
    from glancetui.client.transport import Limits

    parser = Parser(prog="glancetui")
    add_common(parser)
    try:
        known, _ = parser.parse_known_args(list(typed))
    except UsageError:
        return
    limits = Limits(connect=QUICK_SECONDS, read=QUICK_SECONDS)
    with connect(Context(known).cloud, limits=limits) as client:
        page = client.page(ImageQuery(), limit=MOST)
    for image in page.images if page else ():
        if image.name and clean(image.name) == image.name and " " not in image.name:
            yield image.name
        yield image.id


VERBS: Mapping[str, Verb] = {"": Verb(__name__, "print_script", "shell_argument")}
