"""Who may speak: the handshake, of fixed size and before anything is parsed, and TLS.

Each side proves that it knows the secret by a keyed hash over two random numbers, one from each. The secret itself
never crosses. Without a secret, on a unix socket of one's own or under client certificates, the key is empty: the
handshake still tells a side with a secret from one without.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import struct
from typing import TYPE_CHECKING

from glancetui.config.settings import RegistrySettings
from glancetui.errors import ConfigError, RegistryUnavailable
from glancetui.registry.service.frames import BrokenFrame
from glancetui.registry.service.stream import Stream

if TYPE_CHECKING:
    import ssl

PROTOCOL = 1  # of handshake and frames; what the operations are is another matter
WELCOME, REFUSED, FULL, STOPPING = range(4)
_WORD = struct.Struct("!5sBB")  # magic, protocol, status
_MAGIC = b"GTREG"
_NONCE = 32
_PROOF = 32
GREETING = _WORD.size + _NONCE  # from the service
CLAIM = _WORD.size + _NONCE + _PROOF  # from the caller
VERDICT = _WORD.size + _PROOF  # from the service
_REASONS = {
    REFUSED: "it does not accept our secret: registry_secret must be the same on both sides",
    STOPPING: "it is stopping",
}


class Refused(Exception):
    """A caller that was not let in."""


class Crowded(RegistryUnavailable):
    """The service lives, and takes no further connection."""


def _proof(secret: bytes, side: bytes, service_nonce: bytes, caller_nonce: bytes) -> bytes:
    return hmac.digest(secret, side + service_nonce + caller_nonce, "sha256")


def _word(status: int) -> bytes:
    return _WORD.pack(_MAGIC, PROTOCOL, status)


def admit(stream: Stream, secret: bytes) -> None:
    """The service's side. Raises Refused, BrokenFrame, OSError."""
    nonce = secrets.token_bytes(_NONCE)
    stream.socket.sendall(_word(WELCOME) + nonce)
    claim = stream.exactly(CLAIM)
    magic, protocol, _ = _WORD.unpack_from(claim)
    if magic != _MAGIC:
        raise BrokenFrame("a handshake that is none")
    caller_nonce, proof = claim[_WORD.size : -_PROOF], claim[-_PROOF:]
    if protocol != PROTOCOL:
        stream.socket.sendall(_word(REFUSED) + bytes(_PROOF))
        raise Refused(f"it speaks protocol {protocol}, this service {PROTOCOL}")
    if not hmac.compare_digest(proof, _proof(secret, b"caller", nonce, caller_nonce)):
        stream.socket.sendall(_word(REFUSED) + bytes(_PROOF))
        raise Refused("wrong secret")
    stream.socket.sendall(_word(WELCOME) + _proof(secret, b"service", nonce, caller_nonce))


def turn_away(connected: socket.socket, status: int) -> None:
    """Instead of a greeting. Raises OSError."""
    connected.sendall(_word(status) + bytes(_NONCE))


def introduce(stream: Stream, secret: bytes) -> None:
    """The caller's side. Raises RegistryUnavailable with the end of a sentence; BrokenFrame, OSError."""
    greeting = stream.exactly(GREETING)
    _check(greeting)
    service_nonce, nonce = greeting[_WORD.size :], secrets.token_bytes(_NONCE)
    stream.socket.sendall(_word(WELCOME) + nonce + _proof(secret, b"caller", service_nonce, nonce))
    verdict = stream.exactly(VERDICT)
    _check(verdict)
    if not hmac.compare_digest(verdict[_WORD.size :], _proof(secret, b"service", service_nonce, nonce)):
        raise RegistryUnavailable("it does not know our secret: it may be somebody else's")


def _check(answer: bytes) -> None:
    magic, protocol, status = _WORD.unpack_from(answer)
    if magic != _MAGIC:
        raise RegistryUnavailable("what answers there is no registry of glancetui")
    if protocol != PROTOCOL:
        raise RegistryUnavailable(
            f"it speaks protocol {protocol}, this program {PROTOCOL}: upgrade the older of the two"
        )
    if status == FULL:
        raise Crowded("The registry service has as many connections as it takes. Try again.")
    if status != WELCOME:
        raise RegistryUnavailable(_REASONS.get(status, "it refuses us"))


def service_context(settings: RegistrySettings) -> ssl.SSLContext:
    """TLS of the service; callers need a certificate where there is a CA for them. Raises ConfigError."""
    import ssl  # 20 ms that a unix socket does not need

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, settings)
    if settings.ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def caller_context(settings: RegistrySettings) -> ssl.SSLContext:
    """TLS of a caller, who checks the service's name and certificate. Raises ConfigError."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.ca_file is None:
        context.load_default_certs()
    _load(context, settings)
    return context


def _load(context: ssl.SSLContext, settings: RegistrySettings) -> None:
    import ssl

    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if settings.ca_file is not None:
            context.load_verify_locations(settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"The certificates of the registry's TLS cannot be loaded: {error}.") from error
