"""Our verdict beside that of the real Glance, for real images, hostile ones, and thousands of damaged ones.

What Glance refuses, we refuse; where both accept, the virtual size is the same. The exceptions are named here.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from glancetui.config.settings import ImageSettings
from glancetui.errors import UnsupportedMedia
from glancetui.formats.inspect import Inspector
from tests.backends.images import DISTRIBUTED, MIB
from tests.backends.peer import PeerUnavailable, peer_venv
from tests.formats.test_inspect import FORMATS, GOOD_AND_BAD, MADE, SEEDS, edited

GLANCE = """
import io, json, sys, types
from pathlib import Path
import glance.common.config
from glance.common import exception
from glance.location import ImageProxy

def verdict(content, disk_format):
    image = types.SimpleNamespace(disk_format=disk_format, container_format="bare", extra_properties={},
                                  virtual_size=None, status="queued")
    def store(data, *_):
        while data.read(65536):
            pass
    proxy = types.SimpleNamespace(image=image, _upload_to_store=store)
    try:
        ImageProxy.set_data(proxy, io.BytesIO(content))
    except exception.InvalidImageData as error:
        return "refused"
    return image.virtual_size

folder, claims = Path(sys.argv[1]), sys.argv[2].split(",")
found = {path.name: {claim: verdict(path.read_bytes(), claim) for claim in claims} for path in folder.iterdir()}
print(json.dumps(found))
"""
DIFFERENT = {
    # Kernels are not partition tables, though their first sector has the signature of one.
    "ipxe.lkrn": {"raw", "ploop"},
    "memtest86+x64.bin": {"raw", "ploop"},
    # A fixed VHD has its only header at the end, where Glance does not look.
    "made-vpc-force_size=on-subformat=fixed": {"vhd"},
}


def is_ours_alone(name: str, claim: str) -> bool:
    """Where Glance is wrong, or refuses by accident."""
    # A disc that boots from USB sticks is refused as raw, because the sentence for the log asks for its only format.
    is_hybrid = name.endswith((".iso", ".img")) and claim == "raw"
    # The size of a VHD that was resized is its current one; Glance tells the original one.
    has_two_sizes = claim == "vhd" and name.startswith("damaged-")
    return is_hybrid or has_two_sizes or claim in DIFFERENT.get(name, ())


CLAIMS = [*FORMATS, "gpt"]


def ours(content: bytes, claim: str) -> int | str | None:
    inspector = Inspector(claim, "bare", ImageSettings())
    try:
        inspector.feed(content)
        return inspector.finish().virtual_size
    except UnsupportedMedia:
        return "refused"


def damaged(seeds: dict[str, bytes], count: int) -> Iterator[tuple[str, bytes]]:
    dice = random.Random(2)
    for number in range(count):
        name = dice.choice(sorted(seeds))
        edits = [
            (dice.choice([dice.randrange(600), dice.randrange(40_000)]), dice.randbytes(dice.randint(1, 8)))
            for _ in range(2)
        ]
        changed = edited(seeds[name], edits)
        yield f"damaged-{number}-{name}", changed[: dice.randrange(len(changed) + 1)] if number % 4 == 0 else changed


@pytest.fixture(scope="module")
def glance_python() -> Path:
    try:
        return peer_venv() / "bin" / "python"
    except PeerUnavailable as error:
        pytest.skip(f"the real Glance cannot be installed: {error}")


@pytest.mark.backend("glance")
@pytest.mark.timeout(900)
def test_what_glance_refuses_is_refused_and_sizes_agree(
    tmp_path: Path, qemu_image: Callable[..., Path], glance_python: Path
) -> None:
    corpus = {path.name: path.read_bytes() for path in map(Path, DISTRIBUTED) if path.exists()}
    for made_as, _, options in MADE:
        corpus["-".join(("made", made_as, *options))] = qemu_image(made_as, 5 * MIB, *options).read_bytes()
    seeds = {f"seed-{number}": seed for number, seed in enumerate([*SEEDS, *GOOD_AND_BAD])}
    corpus |= seeds | dict(damaged(seeds, 250))
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name, content in corpus.items():
        (folder / name).write_bytes(content)
    command = [str(glance_python), "-c", GLANCE, str(folder), ",".join(CLAIMS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    contradictions = [
        (name, claim, theirs, mine)
        for name, verdicts in json.loads(done.stdout.splitlines()[-1]).items()
        for claim, theirs in verdicts.items()
        if (mine := ours(corpus[name], claim)) not in {theirs, "refused"} and not is_ours_alone(name, claim)
    ]
    assert contradictions == [], "\n".join(map(str, contradictions))
