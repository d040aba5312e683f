"""The stock commands of a test in one process, through the functions that the clients' own scripts call: starting a
process for each takes longer than all else."""

from __future__ import annotations

import json
import shlex

from tests.conformance.conftest import StockClients

SHELLS = """
import contextlib, io, json, os, sys
program, flags = sys.argv[1], json.loads(sys.argv[3])
if os.environ.get("OS_AUTH_TYPE") == "none" and program == "glance":
    del os.environ["OS_AUTH_TYPE"]  # as the fixture does for the command itself
said = []
for words in json.loads(sys.argv[2]):
    refused = words[0] == "!"  # the command is to fail, and says why
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out if refused else sys.stderr):
        if program == "glance":
            from glanceclient.shell import OpenStackImagesShell
            try:
                code = OpenStackImagesShell().main([*flags, *words[refused:]])
            except Exception as error:
                assert refused, (words, error)
                code = 1
                print(error)
        else:
            from openstackclient.shell import main
            code = main(words[refused:])
    assert bool(code) == refused, (words, code, out.getvalue())
    said.append(out.getvalue())
print(json.dumps(said))
"""


def said(clients: StockClients, program: str, *commands: str, user: str | None = None) -> list[str]:
    """What each command prints; one that fails, or begins with `!` and does not, fails the test."""
    words = json.dumps([shlex.split(command) for command in commands])
    found: list[str] = json.loads(clients.python(SHELLS, program, words, json.dumps(clients.glance_flags), user=user))
    return found
