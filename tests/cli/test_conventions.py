import json
import re
import shlex
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from glancetui import __version__
from tests.cli.conftest import Glancetui
from tests.client.scripted import Reply, scripted

HOSTILE = "evil\x1b]0;owned\x07\x1b[2J\u202e\u009b31m[red]"


def test_the_version_comes_before_everything_else(glancetui: Glancetui) -> None:
    assert glancetui.run("--version", at=None).out == f"glancetui {__version__}\n"


def test_exit_codes_tell_what_kind_of_failure_it_was(glancetui: Glancetui) -> None:
    assert glancetui.run("image", "list", "--limit", "1").code == 0
    assert glancetui.run("image", "show").code == 2
    assert glancetui.run("image", "list", "--nope").code == 2
    assert glancetui.run("image", "lst").code == 2
    assert glancetui.run("imgae", "list").code == 2
    assert glancetui.run("image", "show", str(uuid.uuid4())).code == 3
    with socket.create_server(("127.0.0.1", 0)) as server:
        nowhere = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert glancetui.run("image", "list", at=nowhere).code == 6
    assert glancetui.run("--read-only", "image", "create", "x").code == 4
    assert glancetui.run("image", "create", "x", "--file", "/nonexistent/file").code == 1


@pytest.mark.parametrize(
    ("status", "code"), [(400, 1), (401, 4), (403, 4), (404, 3), (409, 5), (413, 1), (500, 1), (503, 6)]
)
def test_each_status_of_the_endpoint_has_its_exit_code(glancetui: Glancetui, status: int, code: int) -> None:
    with scripted(lambda _: Reply(status, {"message": "so it is"}, {"X-Openstack-Request-Id": "req-7"})) as server:
        ran = glancetui.run("image", "list", "-f", "json", at=server.url)
    failure = json.loads(ran.err)
    assert ran.code == code
    assert (failure["error"], failure["code"], failure["status"], failure["request_id"]) == (
        "so it is",
        code,
        status,
        "req-7",
    )


def test_a_failure_is_a_sentence_a_hint_and_the_request(glancetui: Glancetui) -> None:
    with scripted(lambda _: Reply(401, {"message": "who?"}, {"X-Openstack-Request-Id": "req-7"})) as server:
        ran = glancetui.run("image", "list", at=server.url)
    assert ran.err.splitlines() == [
        "glancetui: who?",
        "  hint: check the credentials and their role: --cloud, OS_* variables, or clouds.yaml",
        "  request: req-7",
    ]
    assert ran.out == ""


def test_with_nothing_configured_the_local_endpoint_is_tried_and_the_hint_says_so(glancetui: Glancetui) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 9292)) == 0:
            pytest.skip("something listens at port 9292 of this machine")
    ran = glancetui.run("image", "list", at=None)
    assert (ran.code, "glancetui serve" in ran.err) == (6, True)


def test_without_a_terminal_and_a_command_help_is_printed(glancetui: Glancetui) -> None:
    ran = glancetui.run(at=None)
    assert (ran.code, "image" in ran.err, "no terminal" in ran.err) == (2, True, True)
    assert glancetui.run("--help", at=None).code == 0
    assert glancetui.run("image", "--help").code == 0
    assert "--disk-format" in glancetui.run("image", "create", "--help").out


def test_flags_may_stand_before_the_noun_or_after_the_verb(glancetui: Glancetui) -> None:
    before = glancetui.run("--os-endpoint", glancetui.endpoint, "-f", "csv", "image", "list", "--limit", "0", at=None)
    after = glancetui.run("image", "list", "--limit", "0", "--format=csv")
    assert before == after
    assert before.out.startswith("id,name,")


def test_a_closed_pipe_ends_quietly(glancetui: Glancetui) -> None:
    images = [{"id": str(uuid.uuid4()), "name": "x" * 200} for _ in range(900)]
    with scripted(lambda _: Reply(body={"images": images})) as server:
        command = glancetui.command("image", "list", "-f", "value", at=server.url)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=glancetui.environment())
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
        process.stderr.close()
        assert (process.wait(30), complaint) == (141, b"")


def hostile_endpoint():
    image = {
        "id": str(uuid.uuid4()),
        "name": HOSTILE,
        "status": "active",
        "size": 1,
        HOSTILE: HOSTILE,
        "tags": [HOSTILE],
    }

    def answer(asked):
        if "images?" in asked.path:
            return Reply(body={"images": [image]})
        return Reply(404, {"message": HOSTILE}) if "none" in asked.path else Reply(body=image)

    return image["id"], scripted(answer)


@pytest.mark.parametrize("form", ["table", "json", "yaml", "value", "csv"])
def test_nothing_that_a_terminal_obeys_comes_from_a_server(glancetui: Glancetui, form: str) -> None:
    image, endpoint = hostile_endpoint()
    with endpoint as server:
        here = Glancetui(server.url, glancetui.home)
        for arguments in (("list",), ("show", image)):
            code, shown = here.on_terminal("image", *arguments, "-f", form)
            text = shown.decode().replace("\r\n", "\n")
            assert code == 0
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), text


def test_pipes_get_values_raw_and_tables_clean(glancetui: Glancetui) -> None:
    _, endpoint = hostile_endpoint()
    with endpoint as server:
        here = Glancetui(server.url, glancetui.home)
        assert here.run("image", "list", "-f", "json").json[0]["name"] == HOSTILE
        assert here.run("image", "list", "-f", "value", "-c", "name").out == HOSTILE + "\n"
        assert "\x1b" not in here.run("image", "list").out
        assert "\x1b" not in here.run("image", "show", "none", "--debug").err


def test_no_color_is_heeded_and_no_bar_is_shown_off_a_terminal(glancetui: Glancetui, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 100_000)
    name = uuid.uuid4().hex
    code, shown = glancetui.on_terminal("image", "create", name, "--file", str(file), environment={"NO_COLOR": "1"})
    assert code == 0, shown
    assert not re.search(rb"\x1b\[[0-9;]*3[0-7]m|38;5", shown)
    assert b"\x1b[?25h" in shown  # the cursor that the bar hid is back
    saved = glancetui.run("image", "save", name, "--file", str(tmp_path / "out"))
    assert "\x1b" not in saved.out + saved.err


def test_quiet_silences_messages_and_not_the_answer(glancetui: Glancetui, tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 1000)
    ran = glancetui.run("-q", "image", "create", uuid.uuid4().hex, "--file", str(file), "-f", "value", "-c", "status")
    assert (ran.out, ran.err) == ("active\n", "")


SECRETS = ("pa55-word", "tok-1", "k3y")


def test_no_output_holds_a_secret(glancetui: Glancetui) -> None:
    image = {
        "id": str(uuid.uuid4()),
        "status": "active",
        "direct_url": "swift+https://user:k3y@auth/c/o",
        "locations": [{"url": "s3+https://id:k3y@h/b/o?X-Amz-Signature=k3y", "metadata": {}}],
    }
    token = {"project": {"id": "p"}, "catalog": [{"type": "image", "endpoints": []}]}

    def answer(asked):
        if asked.path.endswith("/tokens"):
            token["catalog"][0]["endpoints"] = [{"interface": "public", "url": server.url}]
            return Reply(201, {"token": token}, {"X-Subject-Token": "tok-1"})
        return Reply(body={"images": [image], "versions": []} if image["id"] not in asked.path else image)

    with scripted(answer) as server:
        here = {"OS_AUTH_URL": server.url, "OS_USERNAME": "ana", "OS_PASSWORD": "pa55-word", "OS_PROJECT_NAME": "demo"}
        commands = (("image", "list", "--long"), ("image", "show", image["id"]), ("doctor",), ("cloud", "list"))
        for form in ("table", "json", "yaml", "value", "csv"):
            for arguments in commands if form in {"table", "json"} else commands[:2]:
                ran = glancetui.run("--debug", *arguments, "-f", form, at=None, environment=here)
                assert not [secret for secret in SECRETS if secret in ran.out + ran.err], (arguments, form)
        assert any(asked.headers.get("x-auth-token") == "tok-1" for asked in server.asked)


@pytest.mark.parametrize(
    "arguments", [("image", "list"), ("image", "show", "none"), ("member", "--help"), ("cloud", "list")]
)
def test_commands_load_nothing_that_they_do_not_need(glancetui: Glancetui, arguments: tuple[str, ...]) -> None:
    program = (
        "import sys; from glancetui.cli import dispatch; dispatch.run(sys.argv[1:], sys.exit); "
        "print('LOADED', *sorted(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, "--endpoint", glancetui.endpoint, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=glancetui.environment(), cwd=glancetui.home
    )
    loaded = set(done.stderr.rsplit("LOADED ", 1)[1].split())
    heavy = {
        "textual",
        "sqlalchemy",
        "requests",
        "rich",
        "typer",
        "pydantic",
        "starlette",
        "uvicorn",
        "keystoneauth1",
        "yaml",
    }
    assert "http" in loaded
    assert not loaded & heavy


def test_completion_knows_commands_flags_and_images(glancetui: Glancetui, unique) -> None:
    def complete(*words: str) -> list[str]:
        return glancetui.run(*words, at=None, environment={"GLANCETUI_COMPLETE": "1"}).out.split()

    assert complete("ima") == ["image"]
    assert complete("image", "sh") == ["show", "share"]
    assert complete("image", "create", "x", "--disk-f") == ["--disk-format"]
    assert complete("image", "list", "-f", "j") == ["json"]
    name = unique()
    glancetui.new(name=name)
    assert complete("--endpoint", glancetui.endpoint, "image", "show", name[:-1]) == [name]
    assert complete("--endpoint", "http://127.0.0.1:1", "image", "show", "") == []
    for shell in ("bash", "zsh", "fish"):
        assert "GLANCETUI_COMPLETE" in glancetui.run("completion", shell, at=None).out


def test_completion_is_installed_where_the_shell_looks(glancetui: Glancetui) -> None:
    assert glancetui.run("--install-completion", at=None, environment={"SHELL": "/usr/bin/fish"}).code == 0
    assert "complete -c glancetui" in (glancetui.home / ".config/fish/completions/glancetui.fish").read_text()
    assert glancetui.run("--install-completion", "csh", at=None).code == 2


def test_the_service_nouns_of_completion_are_those_that_exist() -> None:
    from typer.main import get_command

    from glancetui.cli import completion, config, db_commands

    for noun, module in (("config", config), ("db", db_commands)):
        assert set(completion.SERVICE_VERBS[noun]) == set(get_command(module.app).commands)


def test_doctor_finds_a_healthy_service_healthy_and_an_absent_one_not(glancetui: Glancetui) -> None:
    healthy = glancetui.run("doctor", "--write", "-f", "json")
    assert (healthy.code, {row["result"] for row in healthy.json}) == (0, {"ok"})
    assert [row["check"] for row in healthy.json][-1] == "round trip"
    assert glancetui.run("image", "list", "--name", "glancetui-doctor", "-f", "json").json == []
    absent = glancetui.run("doctor", at="http://127.0.0.1:1")
    assert (absent.code, "failed" in absent.out) == (6, True)


def test_clouds_are_listed_and_checked(glancetui: Glancetui) -> None:
    folder = glancetui.home / ".config" / "openstack"
    folder.mkdir(parents=True)
    entry = "  {}: {{auth_type: none, auth: {{endpoint: '{}'}}}}\n"
    (folder / "clouds.yaml").write_text(
        "clouds:\n" + entry.format("here", glancetui.endpoint) + entry.format("gone", "http://127.0.0.1:1")
    )
    assert glancetui.run("cloud", "list", "-f", "value", "-c", "name", at=None).out == "here\ngone\n"
    assert glancetui.run("--cloud", "here", "image", "list", "--limit", "0", at=None).code == 0
    assert glancetui.run("cloud", "check", "here", at=None).code == 0
    checked = glancetui.run("cloud", "check", "-f", "json", at=None)
    assert (checked.code, [row["state"] == "ok" for row in checked.json]) == (6, [True, False])


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("image list >&-", 0, ""),
        ("image list 2>&- >/dev/null", 0, ""),
        ("image create x --file - <&-", 2, "--file - reads the image from stdin, but that is closed"),
        ("<&- >&-", 2, "there is no terminal here"),
    ],
)
def test_closed_streams_are_no_defect(glancetui: Glancetui, command: str, code: int, said: str) -> None:
    program = shlex.join(glancetui.command())
    done = subprocess.run(
        f"{program} {command}", shell=True, capture_output=True, text=True, check=False, env=glancetui.environment()
    )
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "defect" not in done.stderr
