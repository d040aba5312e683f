"""Settings of the private registry service that are right; wrong ones are in files/bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from glancetui.config import load
from glancetui.config.load import Loaded
from glancetui.config.settings import RegistryAddress, RegistrySettings
from glancetui.config.show import shown
from glancetui.errors import ConfigError

SECRET = "a secret of more than sixteen"


def loaded(tmp_path: Path, **options: object) -> Loaded:
    return load((), (), {"data_dir": str(tmp_path), **options}, {})


def settings(tmp_path: Path, **options: object) -> RegistrySettings:
    return loaded(tmp_path, **options).settings.registry


def test_without_a_word_the_database_is_used_and_a_service_would_be_on_a_socket_of_its_own(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert found.address is None
    assert found.listen == (RegistryAddress(path=tmp_path / "registry.sock"),)
    assert (found.workers, found.secret) == (1, "")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/r.sock", RegistryAddress(path=Path("/run/r.sock"))),
        ("https://registry.example:9393", RegistryAddress(host="registry.example", port=9393, tls=True)),
        ("https://[2001:db8::1]:9393/", RegistryAddress(host="2001:db8::1", port=9393, tls=True)),
        ("127.0.0.1:1", RegistryAddress(host="127.0.0.1", port=1)),
        ("[::1]:9393", RegistryAddress(host="::1", port=9393)),
        ("localhost:9393", RegistryAddress(host="localhost", port=9393)),
    ],
)
def test_addresses_are_read_and_written_alike(tmp_path: Path, text: str, address: RegistryAddress) -> None:
    assert settings(tmp_path, registry=text).address == address
    assert settings(tmp_path, registry=str(address)).address == address


def test_a_secret_is_the_first_line_of_its_file_and_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\nmore\n")
    (tmp_path / "secret").chmod(0o600)
    assert settings(tmp_path, registry_secret_file=str(tmp_path / "secret")).secret == SECRET
    everything = loaded(tmp_path, registry_secret=SECRET)
    assert all(SECRET not in row.value for row in shown(everything.options))


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (SECRET, 0o604, "chmod o-rwx"),
        ("", 0o600, "first line is empty"),
        ("\xff", 0o600, "cannot be read"),
        (None, 0, "cannot be read"),
    ],
)
def test_files_that_hold_no_secret_are_refused(tmp_path: Path, content: str | None, mode: int, why: str) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content.encode("latin-1"))
        file.chmod(mode)
    with pytest.raises(ConfigError, match=why):
        settings(tmp_path, registry_secret_file=str(file))


def test_over_the_network_certificates_of_callers_do_instead_of_a_secret(tmp_path: Path) -> None:
    for name in ("cert", "ca"):
        (tmp_path / name).write_text("x")
    certificate = {"registry_listen": "https://0.0.0.0:9393", "registry_cert_file": str(tmp_path / "cert")}
    with pytest.raises(ConfigError, match="needs registry_secret or"):
        settings(tmp_path, **certificate)
    assert settings(tmp_path, **certificate, registry_secret=SECRET).secret == SECRET
    assert settings(tmp_path, **certificate, registry_ca_file=str(tmp_path / "ca")).ca_file == tmp_path / "ca"


def test_with_and_without_tls_at_once_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cert").write_text("x")
    with pytest.raises(ConfigError, match="choose one of the two"):
        settings(
            tmp_path, registry_listen="https://h:1,127.0.0.1:2", registry_cert_file=str(tmp_path / "cert"),
            registry_secret=SECRET,
        )  # fmt: skip
