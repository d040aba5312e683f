"""Which rules staging, importing and looking at tasks ask; who may not know of an image hears that there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from glancetui.config.settings import PolicySettings
from glancetui.errors import Forbidden, NotFound
from glancetui.images.ingest import Ingest
from glancetui.images.policy import Policy
from glancetui.images.rules import Images
from glancetui.images.tasks import Tasks
from tests.images.data_path import OWNER, STRANGER, Body
from tests.images.importing.yard import Yard, build, yard

BLIND = 'get_image: "role:admin"\n'


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Yard]:
    with yard(tmp_path, 2) as made:
        yield made


def under(it: Yard, folder: Path, rules: str) -> Yard:
    """The same service with a policy file. Its jobs wait."""
    (folder / "policy.yaml").write_text(rules)
    policy = Policy.load(PolicySettings(config_dirs=(str(folder),)))
    images = Images(it.house.registry, policy, it.house.catalogue, it.settings)
    ingest = Ingest(images, it.house.registry, it.house.catalogue, it.settings, str(it.house.worker))
    return build(dataclasses.replace(it.house, images=images, ingest=ingest), it.settings, slots=0)


def test_who_may_change_an_image_may_stage_and_import_without_seeing_it(it: Yard, tmp_path: Path) -> None:
    ruled = under(it, tmp_path, BLIND)
    image = it.house.new()
    assert ruled.stage.put(OWNER, image.id, Body(b"data")).status == "uploading"
    it.settle(ruled.begin(image.id, "glance-direct"))
    assert it.show(image.id).status == "active"


@pytest.mark.parametrize(("rules", "error"), [("", Forbidden), (BLIND, NotFound)], ids=["seen", "not seen"])
def test_a_refusal_is_absence_to_who_may_not_see_the_image(
    it: Yard, tmp_path: Path, rules: str, error: type[Exception]
) -> None:
    queued, staged = it.house.new(), it.staged(b"data")
    active = it.staged(b"data")
    it.imported(active.id, "glance-direct")
    ruled = under(it, tmp_path, rules + 'modify_image: "!"\ncopy_image: "!"\ndelete_image: "!"\n')
    for refused in (
        lambda: ruled.stage.put(OWNER, queued.id, Body(b"data")),
        lambda: ruled.stage.put(OWNER, staged.id, Body(b"data")),
        lambda: ruled.begin(staged.id, "glance-direct"),
        lambda: ruled.begin(queued.id, "glance-direct"),
        lambda: ruled.begin(active.id, "copy-image", stores=["s1"]),
        lambda: ruled.imports.delete(OWNER, staged.id),
    ):
        with pytest.raises(error):
            refused()
    assert it.staging_files() == [staged.id]


def test_the_tasks_of_an_image_are_for_who_sees_it(it: Yard, tmp_path: Path) -> None:
    image = it.staged(b"data")
    job = it.imported(image.id, "glance-direct")
    blind, seeing = (
        Tasks(it.house.registry, Policy.load(PolicySettings()), each.house.images, each.imports)
        for each in (under(it, tmp_path, BLIND), it)
    )
    assert [task.id for task in seeing.of_image(OWNER, image.id)] == [job.id]
    for tasks, caller in ((blind, OWNER), (seeing, STRANGER)):
        with pytest.raises(NotFound):
            tasks.of_image(caller, image.id)
