"""`glancetui` without a command: the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

import msgspec

from glancetui.errors import ConfigError
from glancetui.tui import settings as tui_settings
from glancetui.tui.application import GlanceApp
from glancetui.tui.ports import Service
from glancetui.tui.private import PrivateService, data_folder

PRIVATE = "private"  # what a service of this program's own is called


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line said about the endpoint and this session."""

    cloud: str | None = None
    endpoint: str | None = None
    read_only: bool = False
    theme: str | None = None
    ascii_only: bool = False
    no_motion: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Run the terminal until it is left; the return value is the exit code."""
    options = _options(sys.argv[1:] if argv is None else argv)
    settings, complaints = tui_settings.load(tui_settings.config_folder() / "tui.toml")
    settings = _overridden(settings, options)
    opening = Opening(options)
    try:
        app = GlanceApp(opening, settings, read_only=options.read_only, complaints=complaints)
    except ConfigError as error:
        sys.stderr.write(f"glancetui: {error}\n")
        return 2
    try:
        app.run(mouse=settings.mouse)
        return app.return_value if app.return_value is not None else app.return_code or 0
    finally:
        opening.close()


def _options(argv: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="glancetui", description="The terminal. `glancetui --help` lists the commands."
    )
    parser.add_argument("--cloud", "--os-cloud", metavar="NAME", help="an entry of clouds.yaml")
    parser.add_argument(
        "--endpoint", "--os-endpoint", metavar="URL", help="an Image API: http://HOST:PORT or unix:PATH"
    )
    parser.add_argument("--read-only", action="store_true", help="change nothing on the server")
    parser.add_argument(
        "--theme", metavar="NAME", help="dark, light, contrast, ansi-dark, ansi-light, or any of Textual's"
    )
    parser.add_argument("--ascii", dest="ascii_only", action="store_true", help="draw without Unicode signs")
    parser.add_argument("--no-motion", action="store_true", help="nothing flashes or slides")
    found = parser.parse_args(argv)
    return Options(**vars(found))


def _overridden(settings: tui_settings.Settings, options: Options) -> tui_settings.Settings:
    changes: dict[str, object] = {}
    if options.theme:
        changes["theme"] = options.theme
    if options.ascii_only:
        changes["ascii"] = True
    if options.no_motion:
        changes["motion"] = False
    return msgspec.structs.replace(settings, **changes)


class Opening:
    """Finds the endpoint, or starts one. Called in a thread, again after each failure."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._private: PrivateService | None = None
        self._service: Service | None = None
        self._first = ""  # the cloud that the command line and the environment lead to
        self._chosen = ""  # another, chosen since; empty: none
        self._cloud = ""  # that which was opened last

    def __call__(self, note: Callable[[str], None]) -> Service:
        from glancetui.client.clouds import Choice, Cloud, chosen_cloud, connect
        from glancetui.tui.remote import RemoteService

        choice = Choice(cloud=self._options.cloud, endpoint=self._options.endpoint)
        if self._chosen not in {"", self._first}:
            choice = Choice(cloud=self._chosen)
        cloud = None if self._chosen == PRIVATE else chosen_cloud(choice)
        if cloud is None:
            endpoint = self._private_endpoint(note)
            cloud = Cloud(name=PRIVATE, source="this program", auth_type="none", endpoint=endpoint)
        self._cloud = cloud.name
        self._first = self._first or cloud.name
        client = connect(cloud, read_only=self._options.read_only)
        self._service = RemoteService(client, cloud.name)
        return self._service

    def _private_endpoint(self, note: Callable[[str], None]) -> str:
        if self._private is not None and self._private.alive:
            return self._private.endpoint
        data = data_folder()
        note(f"starting a private service, data in {data}")
        self._private = PrivateService(data, tui_settings.state_folder() / "private-service.log")
        return self._private.start()

    @property
    def is_private(self) -> bool:
        return self._cloud == PRIVATE

    def clouds(self) -> Sequence[str]:
        """The entries of clouds.yaml, and the one that the program started with. Raises ConfigError."""
        from glancetui.client.clouds import clouds

        return tuple(dict.fromkeys([*clouds(), *([self._first] if self._first else ()), PRIVATE]))

    def choose(self, name: str) -> None:
        self._chosen = name

    def endpoint_arguments(self) -> Sequence[str]:
        """The flags that lead a command to the same endpoint; what is in the environment, it inherits."""
        if self._cloud == PRIVATE and self._private is not None:
            return ("--endpoint", self._private.endpoint)
        if self._chosen not in {"", self._first}:
            return ("--cloud", self._chosen)
        given = {"--cloud": self._options.cloud, "--endpoint": self._options.endpoint}
        return tuple(part for flag, value in given.items() if value for part in (flag, value))

    def close(self) -> None:
        """Called after the terminal is restored."""
        if self._service is not None:
            self._service.cancel()
        if self._private is not None:
            self._private.stop()
