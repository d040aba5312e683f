"""Signed images: certificates out of a key manager, through castellan, and what becomes of data that are not theirs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from glancetui.errors import BadRequest, Overloaded, Unavailable
from glancetui.images import signatures
from glancetui.images.signatures import Signatures
from tests.backends.vault import Vault, running_vault
from tests.images.data_path import OWNER, Body, House, house, noise
from tests.images.importing.yard import yard

DATA = noise(3_000_000)


class Signer:
    """A key with a certificate in the key manager."""

    def __init__(self, vault: Vault, *, elliptic: bool = False) -> None:
        self.key: Any = ec.generate_private_key(ec.SECP384R1()) if elliptic else rsa.generate_private_key(65537, 2048)
        self.kind = "ECC_SECP384R1" if elliptic else "RSA-PSS"
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
        begin = datetime.now(UTC) - timedelta(days=1)
        built = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
        certificate = built.not_valid_before(begin).not_valid_after(begin + timedelta(days=9)).sign(
            self.key, hashes.SHA256()
        )  # fmt: skip
        self.certificate = vault.store(certificate.public_bytes(serialization.Encoding.DER))

    def properties(self, data: bytes, **other: str) -> dict[str, str]:
        if self.kind == "RSA-PSS":
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
            signature = self.key.sign(data, pss, hashes.SHA256())
        else:
            signature = self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        return {
            "img_signature": base64.b64encode(signature).decode(),
            "img_signature_hash_method": "SHA-256",
            "img_signature_key_type": self.kind,
            "img_signature_certificate_uuid": self.certificate,
            **other,
        }


@pytest.fixture(scope="module")
def vault() -> Iterator[Vault]:
    with running_vault() as running:
        yield running


@pytest.fixture(scope="module")
def signer(vault: Vault) -> Signer:
    return Signer(vault)


def asks(vault: Vault, folder: Path) -> Signatures:
    (folder / "vault.conf").write_text(vault.options)
    return Signatures([folder / "vault.conf"])


@pytest.fixture
def home(vault: Vault, tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        made.ingest.signatures = asks(vault, tmp_path)
        yield made


@pytest.mark.parametrize("elliptic", [False, True])
def test_data_that_were_signed_become_the_image(home: House, vault: Vault, elliptic: bool) -> None:
    signed = Signer(vault, elliptic=elliptic).properties(DATA)
    assert home.uploaded(DATA, **signed).status == "active"


def test_other_data_are_refused_and_leave_nothing_but_the_chance_to_try_again(home: House, signer: Signer) -> None:
    image = home.new(**signer.properties(DATA))
    for data in (DATA[:-1] + b"x", DATA[:-1], b""):
        with pytest.raises(BadRequest, match="not what the image's signature was made for"):
            home.ingest.upload(OWNER, image.id, Body(data))
        after = home.show(image.id)
        assert (after.status, after.size, after.locations, home.files()) == ("queued", None, (), [])
        assert "signature" in str(after.reason)
    assert home.ingest.upload(OWNER, image.id, Body(DATA)).status == "active"


def test_what_is_not_signed_whole_is_not_held_against_anything(home: House, signer: Signer) -> None:
    some = signer.properties(DATA)
    del some["img_signature_key_type"]
    assert home.uploaded(b"other", **some).status == "active"


BAD = [
    ({"img_signature_hash_method": "MD5"}, "hash method"),
    ({"img_signature_key_type": "ROT13"}, "key type"),
    ({"img_signature_key_type": "DSA"}, "not of the type DSA"),
    ({"img_signature": "not base64!"}, "base64"),
    ({"img_signature": ""}, "is empty"),
    ({"img_signature_certificate_uuid": "nowhere"}, "no certificate nowhere"),
]


@pytest.mark.parametrize(("wrong", "reason"), BAD)
def test_properties_that_make_no_sense_are_refused_before_any_data_come(
    home: House, signer: Signer, wrong: dict[str, str], reason: str
) -> None:
    image = home.new(**signer.properties(DATA, **wrong))
    with pytest.raises(BadRequest, match=reason):
        home.ingest.upload(OWNER, image.id, Body(DATA))
    assert home.show(image.id) == image


def test_what_is_no_certificate_verifies_nothing(home: House, vault: Vault, signer: Signer) -> None:
    for stored, reason in ((vault.store(b"x", opaque=True), "something else"), (vault.store(b"x"), "cannot be read")):
        image = home.new(**signer.properties(DATA, img_signature_certificate_uuid=stored))
        with pytest.raises(BadRequest, match=reason):
            home.ingest.upload(OWNER, image.id, Body(DATA))


def test_while_the_key_manager_is_away_signed_images_wait(home: House, vault: Vault, signer: Signer) -> None:
    image = home.new(**signer.properties(DATA))
    vault.fails = True
    try:
        with pytest.raises(Unavailable, match="key manager"):
            home.ingest.upload(OWNER, image.id, Body(DATA))
    finally:
        vault.fails = False
    assert home.ingest.upload(OWNER, image.id, Body(DATA)).status == "active"


def test_without_the_libraries_no_signed_image_is_taken(
    home: House, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cursive", None)
    image = home.new(**signer.properties(DATA))
    with pytest.raises(Unavailable, match=r"glancetui\[signatures\]"):
        home.ingest.upload(OWNER, image.id, Body(DATA))
    assert home.uploaded(DATA).status == "active", "others are"
    assert set(signer.properties(DATA)) == signatures.ALL


def test_an_import_that_needs_the_callers_token_begins_at_once_or_not_at_all(
    vault: Vault, signer: Signer, tmp_path: Path
) -> None:
    with yard(tmp_path, slots=0, start=False) as it:
        it.house.ingest.signatures = asks(vault, tmp_path)
        image = it.staged(DATA, **signer.properties(DATA))
        with pytest.raises(Overloaded):
            it.begin(image.id, "glance-direct")
        assert it.show(image.id).status == "uploading"


def test_an_import_verifies_its_first_copy_and_goes_back_where_it_is_another(
    vault: Vault, signer: Signer, tmp_path: Path
) -> None:
    with yard(tmp_path, stores=2) as it:
        it.house.ingest.signatures = asks(vault, tmp_path)
        good = it.staged(DATA, **signer.properties(DATA))
        job = it.imported(good.id, "glance-direct", stores=["s0", "s1"])
        assert (job.state, it.show(good.id).status, len(it.show(good.id).locations)) == ("succeeded", "active", 2)
        bad = it.staged(DATA[1:], **signer.properties(DATA))
        job = it.imported(bad.id, "glance-direct")
        assert (job.state, job.error_code) == ("failed", "refused")
        assert "signature" in str(job.error)
        after = it.show(bad.id)
        assert (after.status, after.locations) == ("uploading", ())
        assert [path for path in it.house.files() if bad.id in path.name] == []
        assert msgspec.structs.asdict(after)["reason"] == job.error
