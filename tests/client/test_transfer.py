import hashlib
import io
import os
import threading
from pathlib import Path

import pytest

from glancetui.client import transfer
from glancetui.client.cancel import Cancelled, CancelToken
from glancetui.client.client import Client
from glancetui.client.values import RemoteImage
from glancetui.errors import BadRequest, Conflict, RangeNotSatisfiable
from tests.client.scripted import Asked, Reply, scripted

DATA = os.urandom(3 << 20)


def image_of(data: bytes, **fields: object) -> RemoteImage:
    known = {"status": "active", "os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(data).hexdigest()}
    return RemoteImage(id="i1", size=len(data), **(known | fields))  # type: ignore[arg-type]


def serving(data: bytes, **reply: object):
    def answer(asked: Asked) -> Reply:
        wanted = asked.headers.get("range")
        if not wanted:
            return Reply(body=data, **reply)  # type: ignore[arg-type]
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        return Reply(206, part, {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"})

    return scripted(answer)


def test_a_whole_image_arrives_verified_and_only_then(tmp_path: Path) -> None:
    path, phases = tmp_path / "out", []
    with serving(DATA) as server, Client.at(server.url) as client:
        size = transfer.save(client, image_of(DATA), path, report=lambda p: phases.append(p.phase))
    assert size == len(DATA)
    assert path.read_bytes() == DATA
    assert list(dict.fromkeys(phases)) == ["receiving", "verifying", "done"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "fields", [{}, {"os_hash_value": None, "checksum": "0" * 32}, {"os_hash_algo": "unheard-of", "checksum": "1" * 32}]
)
@pytest.mark.parametrize("resume", [False, True])
def test_data_with_another_hash_is_an_error_and_leaves_no_file(tmp_path: Path, fields: dict, resume: bool) -> None:
    damaged = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with (
        serving(damaged) as server,
        Client.at(server.url) as client,
        pytest.raises(transfer.HashMismatch, match="hash"),
    ):
        transfer.save(client, image_of(DATA, **fields), tmp_path / "out", resume=resume)
    assert list(tmp_path.iterdir()) == []


def test_a_cut_download_leaves_nothing_but_with_resume_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with serving(DATA, cut_after=1 << 20) as server, Client.at(server.url) as client:
        with pytest.raises(transfer.CutShort):
            transfer.save(client, image_of(DATA), path)
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(transfer.CutShort):
            transfer.save(client, image_of(DATA), path, resume=True)
        assert (tmp_path / "out.part").stat().st_size == 1 << 20
        transfer.save(client, image_of(DATA), path, resume=True)
        assert server.asked[-1].headers["range"] == f"bytes={1 << 20}-"
    assert path.read_bytes() == DATA


def test_an_endpoint_without_ranges_cannot_resume(tmp_path: Path) -> None:
    (tmp_path / "out.part").write_bytes(DATA[:100])
    with (
        scripted(lambda _: Reply(body=DATA)) as server,
        Client.at(server.url) as client,
        pytest.raises(RangeNotSatisfiable, match="--resume"),
    ):
        transfer.save(client, image_of(DATA), tmp_path / "out", resume=True)


def test_an_image_without_data_says_so(tmp_path: Path) -> None:
    with (
        scripted(lambda _: Reply(204)) as server,
        Client.at(server.url) as client,
        pytest.raises(Conflict, match="queued"),
    ):
        transfer.save(client, image_of(b"", status="queued"), tmp_path / "out")


def test_a_file_is_sent_with_its_size_and_a_pipe_in_chunks(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(DATA)
    seen: list[transfer.Progress] = []
    with scripted(lambda _: Reply(204)) as server, Client.at(server.url) as client:
        with path.open("rb") as file:
            assert transfer.upload(client, "i1", file, report=seen.append, store="fast") == len(DATA)
        assert transfer.upload(client, "i1", io.BytesIO(DATA)) == len(DATA)
        assert transfer.upload(client, "i1", io.BytesIO(b"")) == 0
    first, second, third = server.asked
    assert (first.body, first.headers["content-length"], first.headers["x-image-meta-store"]) == (
        DATA,
        str(len(DATA)),
        "fast",
    )
    assert (second.body, second.headers["transfer-encoding"], third.body) == (DATA, "chunked", b"")
    assert [seen[0].phase, seen[-2].phase, seen[-1].phase] == ["sending", "waiting", "done"]
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)


@pytest.mark.parametrize("declared", [10, 100])
def test_a_stream_that_is_not_what_was_declared_is_refused(declared: int) -> None:
    with scripted(lambda _: Reply(204)) as server, Client.at(server.url) as client, pytest.raises(BadRequest):
        transfer.upload(client, "i1", io.BytesIO(b"x" * 50), size=declared)


def test_a_file_that_changes_while_it_is_sent_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"x" * 100)

    def answer(_: Asked) -> Reply:
        with path.open("ab") as file:
            file.write(b"more")
        return Reply(204)

    with (
        scripted(answer) as server,
        Client.at(server.url) as client,
        path.open("rb") as file,
        pytest.raises(transfer.FileChanged),
    ):
        transfer.upload(client, "i1", file)


def test_a_cancelled_upload_ends_at_once(tmp_path: Path) -> None:
    token = CancelToken()
    reader, writer = os.pipe()
    with scripted(lambda _: Reply(204)) as server, Client.at(server.url) as client:
        os.write(writer, b"x" * 1000)
        timer = threading.Timer(0.1, lambda: (token.cancel(), os.close(writer)))
        timer.start()
        with os.fdopen(reader, "rb") as pipe, pytest.raises(Cancelled):
            transfer.upload(client, "i1", pipe, token=token)
        timer.join()


def test_rate_is_the_mean_of_the_last_ten_seconds() -> None:
    now = [0.0]
    rate = transfer.Rate(lambda: now[0])
    assert rate.remaining(0, 10) is None
    for second, done in ((0, 0), (5, 500), (20, 500), (25, 1500), (30, 2500)):
        now[0] = second
        rate.add(done)
    assert rate.per_second == pytest.approx(200)
    assert rate.remaining(2500, 4500) == pytest.approx(10)
    assert rate.remaining(2500, None) is None
