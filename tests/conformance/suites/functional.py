"""Glance's own functional tests, with their in-process service exchanged for ours (`functional_driver.py`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conformance.suites.outcome import REASON_LENGTH, Outcome, tried_twice
from tests.conformance.suites.stage import OURS

SECONDS = 3600
AT_ONCE = 2
DRIVER = Path(__file__).with_name("functional_driver.py")

#: The tests that speak HTTP to a service. The others test Glance's own programs and classes.
MODULES = (
    "test_api", "test_cors_middleware", "test_healthcheck_middleware", "v2.test_cache_api", "v2.test_cache_api_policy",
    "v2.test_discovery", "v2.test_image_members", "v2.test_images", "v2.test_images_api_policy",
    "v2.test_images_import_locking", "v2.test_member_api_policy", "v2.test_metadef_namespace_api_policy",
    "v2.test_metadef_namespaces", "v2.test_metadef_object_api_policy", "v2.test_metadef_objects",
    "v2.test_metadef_properties", "v2.test_metadef_property_api_policy", "v2.test_metadef_resourcetype_api_policy",
    "v2.test_metadef_resourcetypes", "v2.test_metadef_tag_api_policy", "v2.test_metadef_tags",
    "v2.test_multi_store_images", "v2.test_property_protection", "v2.test_schemas", "v2.test_tasks",
    "v2.test_tasks_api_policy",
)  # fmt: skip


def run(who: str, venv: Path, folder: Path, match: str = "") -> list[Outcome]:
    """What was asked and printed stays below `folder`."""
    return tried_twice(lambda name, match: run_once(who, venv, folder / name, match), match)


def run_once(who: str, venv: Path, folder: Path, match: str) -> list[Outcome]:
    """Each of `AT_ONCE` processes takes every `AT_ONCE`th test."""
    folder.mkdir(parents=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        shares = pool.map(lambda share: run_share(who, venv, folder, match, share), range(AT_ONCE))
        return [outcome for outcomes in shares for outcome in outcomes]


def run_share(who: str, venv: Path, folder: Path, match: str, share: int) -> list[Outcome]:
    result, log = folder / f"result-{share}.jsonl", folder / f"log-{share}.txt"
    asked = {
        "modules": [f"glance.tests.functional.{name}" for name in MODULES],
        "match": match,
        "share": share,
        "shares": AT_ONCE,
        "ours": [sys.executable, "-m", "glancetui"] if who == OURS else None,
        "result": str(result),
    }
    site = next((venv / "lib").glob("python3*/site-packages"))
    with log.open("wb") as output:
        subprocess.run(
            [str(venv / "bin/python"), str(DRIVER), json.dumps(asked)],
            cwd=site, env=os.environ | {"PYTHONPATH": ""}, stdout=output, stderr=output, check=False, timeout=SECONDS,
        )  # fmt: skip
    if not result.exists():
        raise RuntimeError(f"Glance's functional tests did not start. The end of {log}:\n{log.read_text()[-2000:]}")
    rows = [json.loads(line) for line in result.read_text().splitlines()]
    return [Outcome(row["name"], row["end"], row["reason"][:REASON_LENGTH]) for row in rows]
