"""Processes of many writers, for races.

`python -m tests.registry.writers NAME` takes lines of JSON, [URL, KIND, IMAGE]; says "ready"; at the next line lets its
threads go, all at once; and answers with the list of what each got.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from glancetui.errors import Conflict, GlancetuiError, LimitExceeded, NotFound, Stale
from glancetui.registry.interface import ImageChange
from glancetui.registry.jobs import Job
from glancetui.registry.sql import SqlRegistry
from glancetui.registry.sql.database import utc_now
from tests.registry.making import ACTOR, ADMIN, begun, made, new_job, published, seen
from tests.registry.places import Place

THREADS = 16


def run(who: str, step: Callable[[str], Any]) -> list[str]:
    """What each of THREADS threads got, all starting together: a value, or the name of the refusal."""
    barrier = threading.Barrier(THREADS)

    def one(number: int) -> str:
        barrier.wait()
        try:
            return str(step(f"{who}{number}"))
        except (Conflict, LimitExceeded, NotFound) as error:
            return type(error).__name__

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def count(registry: SqlRegistry, image_id: str) -> int:
    """Add one to a field, however often another was first."""
    while True:
        image = registry.image(image_id, ADMIN)
        try:
            return registry.change_image(seen(image), ImageChange(min_ram=image.min_ram + 1), ACTOR).min_ram
        except Stale:
            continue


def copy(registry: SqlRegistry, who: str) -> str:
    """Import an image of five bytes, where the project may have five of these."""
    image = made(registry)
    job = registry.begin_import(seen(image), new_job(owner=who), ACTOR)
    intent = registry.begin_copy(job, "a", image.id, who, 60)
    registry.add_copy(job, intent, published(image.id, quota=25), None, activate=True)
    return job.id


def end(registry: SqlRegistry, job: Job, who: str) -> str:
    """Some with success, some not."""
    hour = utc_now() + timedelta(hours=1)
    if who.endswith(("1", "3", "5", "7", "9")):
        registry.finish_job(job, "", hour)
        return "succeeded"
    registry.fail_job(job, "x", "x", back_to="queued", message="", kept_until=hour)
    return "failed"


def steps(registry: SqlRegistry, image_id: str) -> dict[str, Callable[[str], Any]]:
    image = registry.image(image_id, ADMIN)
    job = registry.live_job_of(image_id)
    return {
        "import": lambda who: registry.begin_import(seen(image), new_job(owner=who), ACTOR).owner,
        "claim-job": lambda who: getattr(registry.claim_job(who, "here", 60, utc_now()), "id", None),
        "take-over-job": lambda who: registry.take_over_job(held(job), who, 60).owner,
        "end-job": lambda who: end(registry, held(job), who),
        "copy": lambda who: copy(registry, who),
        "change": lambda who: registry.change_image(seen(image), ImageChange(name=who), ACTOR).name,
        "count": lambda _: count(registry, image_id),
        "member": lambda who: registry.add_member(image_id, who, 5, ACTOR).member_id,
        "same-member": lambda _: registry.add_member(image_id, "q", -1, ACTOR).member_id,
        "tag": lambda who: registry.add_tag(image_id, who, 7, ACTOR),
        "upload": lambda who: begun(registry, image, owner=who).owner,
        "delete": lambda _: registry.delete_image(seen(image), ACTOR),
        "lease": lambda who: registry.acquire_lease("l", who, 60),
        "same-id": lambda _: made(registry, id="same").id,
        "claim": lambda who: [each.id for each in registry.claim_outbox(who, 60, utc_now().replace(year=2100), 3)],
        "create": lambda _: [made(registry).id for _ in range(8)][-1],
    }


def held(job: Job | None) -> Job:
    assert job is not None
    return job


def serve(who: str) -> None:
    for line in sys.stdin:
        url, kind, image_id = json.loads(line)
        registry = Place(kind="", url=url).open(who)
        step = steps(registry, image_id)[kind]
        print(json.dumps("ready"), flush=True)
        sys.stdin.readline()
        try:
            print(json.dumps(run(who, step)), flush=True)
        except GlancetuiError as error:
            print(json.dumps([f"{type(error).__name__}: {error}"]), flush=True)
        registry.close()


class Writers:
    """Two such processes, which work together."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", "tests.registry.writers"]
        pipe = subprocess.PIPE
        self._children = [subprocess.Popen([*words, who], stdin=pipe, stdout=pipe, text=True) for who in "ab"]

    def at_once(self, place: Place, kind: str, image_id: str, during: Callable[[], None] | None = None) -> list[str]:
        """What each of 2 × THREADS writers got; `during` runs over and over while they write."""
        self._tell(json.dumps([place.url, kind, image_id]))
        assert [self._heard(child) for child in self._children] == ["ready", "ready"]
        self._tell("go")
        with ThreadPoolExecutor(len(self._children)) as pool:
            answers = [pool.submit(self._heard, child) for child in self._children]
            while during is not None and not all(answer.done() for answer in answers):
                during()
                time.sleep(0.01)  # the pause of a poll that ends with the writers
            return [got for answer in answers for got in answer.result()]

    def close(self) -> None:
        for child in self._children:
            child.communicate(timeout=20)

    def _tell(self, line: str) -> None:
        for child in self._children:
            assert child.stdin is not None
            child.stdin.write(line + "\n")
            child.stdin.flush()

    def _heard(self, child: subprocess.Popen[str]) -> Any:
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line, "a writer ended with an error, which stands above"
        return json.loads(line)


if __name__ == "__main__":
    serve(sys.argv[1])
