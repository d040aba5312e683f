"""Glance's own functional tests, with their in-process service exchanged for ours (`functional_driver.py`)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance.suites import starter
from tests.conformance.suites.outcome import LEFT_OUT, REASON_LENGTH, Outcome, tried_twice
from tests.conformance.suites.stage import OURS

SECONDS = 3600
AT_ONCE = 2
ROOT = Path(__file__).parents[3]
DRIVER = Path(__file__).with_name("functional_driver.py")
PACKAGE = "glance.tests.functional"
_CLASS = re.compile(r"^class (\w+)")
_TEST = re.compile(r"^    def (test_\w+)")

#: What cannot be about a service behind a wire, by a regular expression of its name within PACKAGE: it runs a program
#: of Glance's, looks at a part of Glance's from within, or replaces one.
NOT_ABOUT_THE_WIRE = {
    r"test_glance_manage\.": "runs glance-manage, a program of Glance's",
    r"serial\.test_scrubber\.": "runs glance-scrubber, a program of Glance's",
    r"test_logging\.": "reads what Glance's own logger writes",
    r"db\.": "calls Glance's database functions and migrations",
    r"image_cache\.drivers\.": "calls the classes of Glance's cache",
    r"v2\.test_images\.TestImportProxy\.": "replaces the client by which Glance asks the worker that has the data",
    r"v2\.test_images_import_locking\.": "replaces the step of Glance's import that stores data, or its clock",
    r"v2\.test_images_api_policy\.\w+\.test_image_update_locations$": "replaces what looks whether a location is there",
    r"v2\.test_parallel_store_import\.\w+\.test_parallel_signed_import_": "replaces what checks signatures",
    r"v2\.test_parallel_store_import\.\w+\.test_parallel_(staged_size|checksum)_mismatch_fails$": (
        "writes into the database what no request can"
    ),
}


def run(who: str, venv: Path, folder: Path, match: str = "") -> list[Outcome]:
    """What was asked and printed stays below `folder`."""
    tests = folder_of_tests(venv)
    left_out = [Outcome(f"{PACKAGE}.{name}", LEFT_OUT, why) for name in names(tests) if (why := reason_to_leave(name))]
    ran = tried_twice(lambda name, match: run_once(who, venv, folder / name, match), match)
    return [*ran, *(outcome for outcome in left_out if re.search(match, outcome.name))]


def folder_of_tests(venv: Path) -> Path:
    return site_packages(venv) / PACKAGE.replace(".", "/")


def site_packages(venv: Path) -> Path:
    return next((venv / "lib").glob("python3*/site-packages"))


def names(tests: Path) -> Iterator[str]:
    """Of every test there is in the files below `tests`, without importing them: `v2.test_x.Class.test_y`."""
    for file in sorted(tests.rglob("test_*.py")):
        module, within = ".".join(file.relative_to(tests).with_suffix("").parts), ""
        for line in file.read_text().splitlines():
            if found := _CLASS.match(line):
                within = found[1]
            elif found := _TEST.match(line):
                yield f"{module}.{within}.{found[1]}"


def reason_to_leave(name: str) -> str | None:
    return next((why for pattern, why in NOT_ABOUT_THE_WIRE.items() if re.match(pattern, name)), None)


def modules(found: Iterable[str]) -> list[str]:
    """Those with a test that is not left out."""
    return list(dict.fromkeys(name.rsplit(".", 2)[0] for name in found if not reason_to_leave(name)))


def run_once(who: str, venv: Path, folder: Path, match: str) -> list[Outcome]:
    """Each of `AT_ONCE` processes takes every `AT_ONCE`th test."""
    folder.mkdir(parents=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        shares = pool.map(lambda share: run_share(who, venv, folder, match, share), range(AT_ONCE))
        return [outcome for outcomes in shares for outcome in outcomes]


def run_share(who: str, venv: Path, folder: Path, match: str, share: int) -> list[Outcome]:
    result, log = folder / f"result-{share}.jsonl", folder / f"log-{share}.txt"
    asked = {
        "modules": [f"{PACKAGE}.{name}" for name in modules(names(folder_of_tests(venv)))],
        "match": match,
        "without": [re.escape(f"{PACKAGE}.") + pattern for pattern in NOT_ABOUT_THE_WIRE],
        "share": share,
        "shares": AT_ONCE,
        "ours": [sys.executable, "-m", starter.__name__] if who == OURS else None,
        "root": str(ROOT),
        "result": str(result),
    }
    with log.open("wb") as output:
        done = subprocess.run(
            [str(venv / "bin/python"), str(DRIVER), json.dumps(asked)],
            cwd=site_packages(venv), env=os.environ | {"PYTHONPATH": ""}, stdout=output, stderr=output, check=False,
            timeout=SECONDS,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"Glance's functional tests broke off. The end of {log}:\n{log.read_text()[-2000:]}")
    rows = [json.loads(line) for line in result.read_text().splitlines()]
    return [Outcome(row["name"], row["end"], row["reason"][:REASON_LENGTH]) for row in rows]
