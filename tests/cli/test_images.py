import hashlib
import json
import os
import random
import re
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from tests.cli.conftest import Glancetui

DATA = random.Random(7).randbytes(300_000)
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(DATA)
    return path


def test_an_image_goes_there_and_back_whole(glancetui: Glancetui, file: Path, tmp_path: Path, unique) -> None:
    name = unique()
    created = glancetui.run(
        "image", "create", name, "--file", str(file), "--tag", "a", "--property", "os=x", "-f", "json"
    )
    assert (created.code, created.json["status"], created.json["size"]) == (0, "active", len(DATA))
    assert "format: raw, container bare" in created.err
    assert created.json["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    saved = glancetui.run("image", "save", name, "--file", str(tmp_path / "back"))
    assert (saved.code, "sha512 verified" in saved.err) == (0, True)
    assert (tmp_path / "back").read_bytes() == DATA
    assert glancetui.run("image", "delete", name, "--yes").code == 0
    assert glancetui.run("image", "show", name).code == 3


def test_stdin_and_stdout_carry_images(glancetui: Glancetui, file: Path, unique) -> None:
    name = unique()
    created = glancetui.run("image", "create", name, "--file", "-", stdin=DATA)
    assert created.code == 0, created.err
    done = subprocess.run(
        glancetui.command("image", "save", name),
        capture_output=True,
        check=True,
        env=glancetui.environment(),
        timeout=60,
    )
    assert done.stdout == DATA
    part = subprocess.run(
        glancetui.command("image", "save", name, "--range", "10-19"),
        capture_output=True,
        check=True,
        env=glancetui.environment(),
    )
    assert part.stdout == DATA[10:20]


def test_content_that_is_not_what_it_claims_is_refused_and_a_second_upload_works(
    glancetui: Glancetui, file: Path, unique
) -> None:
    name = unique()
    refused = glancetui.run("image", "create", name, "--file", str(file), "--disk-format", "qcow2")
    assert refused.code == 1
    assert "image upload" in refused.err
    assert glancetui.run("image", "set", name, "--disk-format", "raw").code == 0
    again = glancetui.run("image", "upload", name, "--file", str(file), "-f", "json")
    assert (again.code, again.json["status"]) == (0, "active")
    assert glancetui.run("image", "upload", name, "--file", str(file)).code == 5


def test_create_if_absent_is_content_with_the_same_data_only(
    glancetui: Glancetui, file: Path, tmp_path: Path, unique
) -> None:
    name = unique()
    arguments = ("image", "create", name, "--if-absent", "-f", "value", "-c", "id", "--file")
    first = glancetui.run(*arguments, str(file))
    assert glancetui.run(*arguments, str(file)).out == first.out
    other = tmp_path / "other.raw"
    other.write_bytes(DATA + b"more")
    assert glancetui.run(*arguments, str(other)).out != first.out


def test_set_and_unset_change_what_is_named_and_are_idempotent(glancetui: Glancetui, unique) -> None:
    image = glancetui.new("--property", "a=1", "--tag", "x")
    change = (
        "image",
        "set",
        image["id"],
        "--name",
        unique(),
        "--property",
        "b/c=2",
        "--tag",
        "y",
        "--min-ram",
        "5",
        "--protected",
    )
    changed = glancetui.run(*change, "-f", "json").json
    assert (changed["a"], changed["b/c"], sorted(changed["tags"]), changed["min_ram"], changed["protected"]) == (
        "1", "2", ["x", "y"], 5, True,
    )  # fmt: skip
    assert glancetui.run(*change, "-f", "json").json["updated_at"] == changed["updated_at"]
    left = glancetui.run(
        "image", "unset", image["id"], "--property", "a", "--property", "none", "--tag", "x", "-f", "json"
    ).json
    assert ("a" in left, left["tags"]) == (False, ["y"])
    protected = glancetui.run("image", "delete", image["id"], "--yes")
    assert protected.code == 4
    assert glancetui.run("image", "unset", image["id"]).code == 2


def test_tags_come_and_go(glancetui: Glancetui) -> None:
    image = glancetui.new()
    assert glancetui.run("image", "tag", image["id"], "one", "two").code == 0
    assert glancetui.run("image", "untag", image["id"], "one", "never").code == 0
    assert glancetui.run("image", "show", image["id"], "-f", "value", "-c", "tags").out == "two\n"


def test_an_image_is_shared_accepted_and_withdrawn(glancetui: Glancetui) -> None:
    image = glancetui.new("--shared")["id"]
    assert glancetui.run("image", "share", image, "p1", "p2").code == 0
    assert glancetui.run("image", "share", image, "p1").code == 0
    assert glancetui.run("member", "accept", image, "--project", "p1").code == 0
    listed = glancetui.run("member", "list", image, "-f", "csv", "-c", "member_id", "-c", "status").out
    assert listed == "member_id,status\np1,accepted\np2,pending\n"
    assert glancetui.run("image", "unshare", image, "p1", "p9").code == 0
    assert glancetui.run("member", "list", image, "-f", "value", "-c", "member_id").out == "p2\n"
    private = glancetui.new("--private")["id"]
    assert glancetui.run("image", "share", private, "p1").code == 5
    assert glancetui.run("member", "accept", image).code == 2


def test_a_deactivated_image_is_kept_from_nobody_but_others(glancetui: Glancetui, file: Path, unique) -> None:
    name = unique()
    assert glancetui.run("image", "create", name, "--file", str(file)).code == 0
    assert glancetui.run("image", "deactivate", name).code == 0
    assert glancetui.run("image", "show", name, "-f", "value", "-c", "status").out == "deactivated\n"
    assert glancetui.run("image", "reactivate", name, "none").code == 1
    assert glancetui.run("image", "show", name, "-f", "value", "-c", "status").out == "active\n"


def test_an_ambiguous_name_is_a_conflict_that_names_the_candidates(glancetui: Glancetui, unique) -> None:
    name = unique()
    ids = [glancetui.new(name=name)["id"] for _ in range(2)]
    ran = glancetui.run("image", "show", name)
    assert ran.code == 5
    assert all(each in ran.err for each in ids)


def test_a_delete_runs_exactly_the_plan_that_was_looked_at(glancetui: Glancetui, tmp_path: Path) -> None:
    kept, gone = glancetui.new()["id"], glancetui.new()["id"]
    plan = tmp_path / "plan.json"
    plan.write_text(glancetui.run("image", "delete", kept, gone, "--dry-run", "-f", "json").out)
    time.sleep(1.1)  # times on the wire have whole seconds: an earlier change would not show
    assert glancetui.run("image", "set", kept, "--name", "changed").code == 0
    ran = glancetui.run("image", "delete", "--plan", str(plan), "--yes")
    assert ran.code == 1
    assert glancetui.run("image", "show", kept).code == 0
    assert glancetui.run("image", "show", gone).code == 3


def test_deleting_asks_where_there_is_a_terminal_and_insists_on_yes_where_there_is_none(glancetui: Glancetui) -> None:
    image = glancetui.new()["id"]
    assert glancetui.run("image", "delete", image).code == 2
    code, shown = glancetui.on_terminal("image", "delete", image, say=b"n\n")
    assert (code, b"Nothing was done" in shown) == (2, True)
    assert glancetui.run("image", "show", image).code == 0
    assert glancetui.on_terminal("image", "delete", image, say=b"y\n")[0] == 0
    assert glancetui.run("image", "delete", image, "--yes").code == 3
    assert glancetui.run("image", "delete", image, "--yes", "--if-exists").code == 0


@pytest.fixture
def two(glancetui: Glancetui) -> tuple[str, list[str]]:
    """Two images under one tag, with ids that sort."""
    tag = f"t-{uuid.uuid4().hex[:8]}"
    ids = [f"{n}{uuid.uuid4().hex[1:8]}-0000-4000-8000-{uuid.uuid4().hex[:12]}" for n in (1, 2)]
    arguments = ("--tag", tag, "--disk-format", "qcow2", "--container-format", "bare")
    glancetui.new("--id", ids[0], *arguments, name="first")
    glancetui.new("--id", ids[1], *arguments, "--property", "p=v", name='second, "x"')
    return tag, ids


GOLDEN = {
    "table": (
        "ID                                    NAME         STATUS  SIZE  FORMAT  VISIBILITY  UPDATED\n"
        "ID1  first        queued     —  qcow2   shared      TIME\n"
        'ID2  second, "x"  queued     —  qcow2   shared      TIME\n'
    ),
    "csv": (
        "id,name,status,size,disk_format,visibility,updated_at\n"
        'ID1,first,queued,,qcow2,shared,TIME\nID2,"second, ""x""",queued,,qcow2,shared,TIME\n'
    ),
    "value": 'ID1 first queued  qcow2 shared TIME\nID2 second, "x" queued  qcow2 shared TIME\n',
}


@pytest.mark.parametrize("form", ["table", "csv", "value"])
def test_lists_in_each_format(glancetui: Glancetui, two: tuple[str, list[str]], form: str) -> None:
    tag, ids = two
    ran = glancetui.run("image", "list", "--tag", tag, "--sort", "id", "-f", form)
    assert TIME.sub("TIME", ran.out.replace(ids[0], "ID1").replace(ids[1], "ID2")) == GOLDEN[form]
    assert ran.err == ""


def test_json_and_yaml_hold_whole_documents_or_the_columns_asked_for(
    glancetui: Glancetui, two: tuple[str, list[str]]
) -> None:
    import yaml

    tag, ids = two
    arguments = ("image", "list", "--filter", f"tag={tag}", "--sort", "id:desc", "-f")
    documents = glancetui.run(*arguments, "json").json
    assert [document["id"] for document in documents] == ids[::-1]
    assert documents[0]["p"] == "v"
    assert yaml.safe_load(glancetui.run(*arguments, "yaml").out) == documents
    picked = glancetui.run(*arguments, "json", "-c", "Name", "-c", "disk format").json
    assert picked == [{"name": 'second, "x"', "disk_format": "qcow2"}, {"name": "first", "disk_format": "qcow2"}]
    assert glancetui.run("image", "list", "--tag", "none", "-f", "json").json == []
    assert (
        glancetui.run("image", "list", "--tag", tag, "-f", "csv", "-c", "id", "--no-header", "--limit", "1").out.count(
            "\n"
        )
        == 1
    )


def test_filters_and_sorts_of_the_command_line_are_those_of_the_views(
    glancetui: Glancetui, two: tuple[str, list[str]]
) -> None:
    tag, ids = two
    listed = ("image", "list", "-f", "value", "-c", "id", "--filter")
    assert glancetui.run(*listed, f"tag={tag} name~^sec prop.p=v").out == f"{ids[1]}\n"
    assert glancetui.run(*listed, f"tag={tag} !second", "--sort", "name:desc").out == f"{ids[0]}\n"
    assert glancetui.run(*listed, f"tag={tag}", "--sort", "name").out.split() == ids
    assert glancetui.run(*listed, f"tag={tag}", "--name", "first", "--status", "queued", "--property", "p=x").out == ""
    assert glancetui.run("image", "set", ids[0], "--hidden").code == 0
    assert glancetui.run(*listed, f"tag={tag}").out == f"{ids[1]}\n"
    assert glancetui.run(*listed, f"tag={tag} hidden=any", "--sort", "id").out.split() == ids
    assert glancetui.run(*listed, f"tag={tag}", "--hidden").out == f"{ids[0]}\n"
    counted = ("image", "list", "-f", "json", "--count", "--filter")
    assert glancetui.run(*counted, f"tag={tag} hidden=any").json == {"count": 2, "exact": True}
    assert glancetui.run(*counted, f"tag={tag} name~nothing").json == {"count": 0, "exact": True}
    assert glancetui.run("image", "list", "--count", "--tag", tag).out == "count  1\nexact  yes\n"
    wrong = glancetui.run(*listed, "nope=1")
    assert (wrong.code, "prop.nope" in wrong.err) == (2, True)


def test_lists_are_complete_over_many_pages(glancetui: Glancetui, two: tuple[str, list[str]]) -> None:
    tag, ids = two
    assert (
        glancetui.run(
            "image", "list", "--tag", tag, "--page-size", "1", "--sort", "id", "-f", "value", "-c", "id"
        ).out.split()
        == ids
    )
    after = glancetui.run("image", "list", "--tag", tag, "--marker", ids[0], "--sort", "id", "-f", "value", "-c", "id")
    assert after.out.split() == ids[1:]


def test_progress_comes_as_json_lines_that_end_in_done(glancetui: Glancetui, file: Path, unique) -> None:
    ran = glancetui.run(
        "image", "create", unique(), "--file", str(file), "--disk-format", "raw", "--progress-json", "-f", "json"
    )
    lines = [json.loads(line) for line in ran.err.splitlines()]
    assert {line["image"] for line in lines} == {ran.json["id"]}
    assert [lines[0]["phase"], lines[-1]["phase"], lines[-1]["done"], lines[-1]["total"]] == [
        "sending",
        "done",
        len(DATA),
        len(DATA),
    ]
    assert set(lines[0]) == {"image", "phase", "done", "total", "rate", "eta"}
    refused = glancetui.run(
        "image", "create", unique(), "--file", str(file), "--disk-format", "iso", "--progress-json", "-f", "json"
    )
    phases = [json.loads(line).get("phase") for line in refused.err.splitlines() if line.startswith("{")]
    assert "failed" in phases
    assert json.loads(refused.err.splitlines()[-1])["status"] == 415


def test_an_interrupted_download_leaves_no_half_file(glancetui: Glancetui, tmp_path: Path, unique) -> None:
    from tests.client.scripted import Reply, scripted

    image = {"id": str(uuid.uuid4()), "name": "slow", "status": "active", "size": 10, "checksum": "0" * 32}

    def answer(asked):
        if asked.path.endswith("/file"):
            (tmp_path / "asked").touch()
            time.sleep(0.3)
            return Reply(body=b"12345", headers={"Content-Length": "10"})
        return Reply(body=image)

    out = tmp_path / "out"
    with scripted(answer) as server:
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            (tmp_path / "asked").unlink(missing_ok=True)
            command = glancetui.command("image", "save", image["id"], "--file", str(out), at=server.url)
            process = subprocess.Popen(command, env=glancetui.environment(), stderr=subprocess.PIPE)
            deadline = time.monotonic() + 30
            while (
                not ((tmp_path / "out.part").exists() and (tmp_path / "asked").exists()) and time.monotonic() < deadline
            ):
                time.sleep(0.01)
            process.send_signal(number)
            assert process.wait(20) == code, process.stderr.read()
            process.stderr.close()
            assert not out.exists()
            assert not (tmp_path / "out.part").exists()


def test_a_token_handed_through_a_pipe_is_used_and_in_no_output(glancetui: Glancetui) -> None:
    from tests.client.scripted import Reply, scripted

    reader, writer = os.pipe()
    os.write(writer, b"tok-5ecret\n")
    os.close(writer)
    with scripted(lambda _: Reply(body={"images": []})) as server:
        ran = glancetui.run(
            "--debug",
            "image",
            "list",
            at=server.url,
            environment={"GLANCETUI_TOKEN_FD": str(reader)},
            pass_fds=(reader,),
        )
        assert server.asked[0].headers["x-auth-token"] == "tok-5ecret"
    os.close(reader)
    assert (ran.code, "5ecret" in ran.out + ran.err, "***" in ran.err) == (0, False, True)


def test_a_full_disk_and_a_closed_pipe_are_not_blamed_on_the_endpoint(glancetui: Glancetui, file: Path, unique) -> None:
    name = unique()
    assert glancetui.run("image", "create", name, "--file", str(file)).code == 0
    command, environment = glancetui.command("image", "save", name), glancetui.environment()
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, check=False, timeout=60)
    assert (done.returncode, b"No space left" in done.stderr) == (1, True)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), complaint) == (141, b"")


def test_a_service_on_a_unix_socket_is_served_like_any_other(glancetui: Glancetui, file: Path, tmp_path: Path) -> None:
    from tests.serving import running_server

    folder = tmp_path / "unix"
    folder.mkdir()
    with running_server(folder, listen=(f"unix:{folder}/s",)) as server:
        here = Glancetui(server.endpoint, glancetui.home)
        assert here.run("image", "create", "u", "--file", str(file)).code == 0
        assert here.run("image", "save", "u", "--file", str(tmp_path / "back")).code == 0
    assert (tmp_path / "back").read_bytes() == DATA


def test_a_device_or_a_pipe_is_written_to_and_stays_what_it_is(
    glancetui: Glancetui, file: Path, tmp_path: Path
) -> None:
    image = glancetui.new("--file", str(file))["id"]
    pipe, back = tmp_path / "pipe", tmp_path / "back"
    os.mkfifo(pipe)
    with back.open("wb") as out:
        reader = subprocess.Popen(["cat", str(pipe)], stdout=out)
    saved = glancetui.run("image", "save", image, "--file", str(pipe))
    assert (saved.code, "sha512 verified" in saved.err) == (0, True)
    assert reader.wait(30) == 0
    assert back.read_bytes() == DATA
    assert pipe.is_fifo()
    assert glancetui.run("image", "save", image, "--file", "/dev/null", "--range", "0-9").code == 0
    assert glancetui.run("image", "save", image, "--file", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()
    full = glancetui.run("image", "save", image, "--file", "/dev/full")
    assert (full.code, full.err) == (1, "glancetui: No space left on device.\n")
    assert Path("/dev/full").is_char_device()


def test_a_link_still_points_to_the_file_that_was_saved(glancetui: Glancetui, file: Path, tmp_path: Path) -> None:
    image = glancetui.new("--file", str(file))["id"]
    link, target = tmp_path / "link", tmp_path / "target"
    target.write_bytes(b"old")
    link.symlink_to(target)
    assert glancetui.run("image", "save", image, "--file", str(link)).code == 0
    assert link.is_symlink()
    assert target.read_bytes() == DATA


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["save", "{id}", "--file", "{here}"], 2, "{here} is a folder. Name a file in it."),
        (["save", "{id}", "--file", "{here}/no/x"], 1, "{here}/no/x.part: No such file or directory."),
        (["create", "x", "--file", "{here}/nope"], 1, "{here}/nope: No such file or directory."),
        (["create", "x", "--file", "{here}"], 1, "{here}: Is a directory."),
        (["create", "x", "--min-ram", "-1"], 2, "argument --min-ram: '-1' is no number"),
        (["list", "--limit", "-1"], 2, "argument --limit/--max-items: '-1' is no number"),
        (["list", "--page-size", "x"], 2, "argument --page-size: 'x' is no number"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    glancetui: Glancetui, file: Path, tmp_path: Path, arguments: list[str], code: int, sentence: str
) -> None:
    image = glancetui.new("--file", str(file))["id"]
    ran = glancetui.run("image", *(each.format(id=image, here=tmp_path) for each in arguments))
    assert (ran.code, ran.out) == (code, "")
    assert f"glancetui: {sentence.format(here=tmp_path)}" in ran.err


def test_a_column_that_a_changed_image_lacks_is_empty_and_no_failure(glancetui: Glancetui, unique) -> None:
    name = unique()
    made = glancetui.run("image", "create", name, "-f", "json", "-c", "name", "-c", "nope")
    assert (made.code, made.json) == (0, {"name": name, "nope": None})
    assert (
        glancetui.run("image", "set", name, "--min-ram", "5", "-f", "value", "-c", "nope", "-c", "min_ram").out
        == "\n5\n"
    )
    assert glancetui.run("image", "show", name, "-c", "nope").code == 2
