"""Image signatures: the properties `img_signature…` name a signature and the certificate, in a key manager, that it is
verified with while the data come.

cursive knows signatures and castellan knows key managers; both are imported only when an image that is signed comes. An
image whose signature cannot be verified, for whatever reason, is not taken.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from glancetui.errors import BadRequest, GlancetuiError, Unavailable

log = logging.getLogger(__name__)

SIGNATURE, HASH_METHOD, KEY_TYPE, CERTIFICATE = (
    "img_signature", "img_signature_hash_method", "img_signature_key_type", "img_signature_certificate_uuid",
)  # fmt: skip
ALL = frozenset({SIGNATURE, HASH_METHOD, KEY_TYPE, CERTIFICATE})
MISSING = (
    "This service cannot verify image signatures. Remove the properties img_signature…, or ask the operator to install "
    "them: pip install 'glancetui[signatures]'."
)
DOWN = "The key manager cannot be asked for the certificate now. Try again in a moment; the log says why."


def is_signed(properties: Mapping[str, str | None]) -> bool:
    """Whether the image says all that a signature needs; with less it is not signed, as in Glance."""
    return properties.keys() >= ALL


class Signature:
    """One image's, and the data that have come so far. Used by one thread at a time."""

    def __init__(self, verifier: Any) -> None:  # noqa: ANN401 - of cursive, which has no types
        self._verifier = verifier

    def update(self, data: memoryview, /) -> None:
        self._verifier.update(data)

    def verify(self) -> None:
        """When all data have come. Raises BadRequest."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._verifier.verify()
        except InvalidSignature as error:
            raise BadRequest(
                "The data are not what the image's signature was made for. Send the data that were signed, or correct "
                "the properties img_signature…."
            ) from error


class Signatures:
    """Callable from many threads; each call may wait for a network."""

    def __init__(self, config_files: Sequence[Path]) -> None:
        """`config_files`: where castellan finds [key_manager], [barbican] and [vault]."""
        self._files = [str(file) for file in config_files]
        self._lock = threading.Lock()
        self._manager: Any = None  # of castellan, from the first signed image on

    def of(self, properties: Mapping[str, str | None], token: str | None, project: str | None) -> Signature | None:
        """None for an image that is not signed. `token` is the caller's, where there is one.

        Raises BadRequest where the properties make no sense or name no certificate, Unavailable.
        """
        if not is_signed(properties):
            return None
        try:
            from cursive import signature_utils
            from cursive.exception import SignatureVerificationError
        except ImportError as error:
            raise Unavailable(MISSING) from error
        try:
            signature = signature_utils.get_signature(properties[SIGNATURE])
            hash_method = signature_utils.get_hash_method(properties[HASH_METHOD])
            kind: Any = signature_utils.SignatureKeyType.lookup(properties[KEY_TYPE])
        except SignatureVerificationError as error:
            raise BadRequest(f"The image's signature cannot be verified: {error}") from error
        key = self._certificate(str(properties[CERTIFICATE]), token, project).public_key()
        if not isinstance(key, kind.public_key_type):
            raise BadRequest(f"The certificate's key is not of the type {kind.name} that {KEY_TYPE} names.")
        verifier = kind.create_verifier(signature, hash_method, key)
        if verifier is None:
            raise BadRequest(f"{SIGNATURE} is empty. Give the signature, in base64.")
        return Signature(verifier)

    def _certificate(self, certificate_id: str, token: str | None, project: str | None) -> Any:  # noqa: ANN401
        """Raises BadRequest, Unavailable."""
        try:
            from castellan.common.exception import ManagedObjectNotFoundError
            from cryptography import x509
            from oslo_context.context import RequestContext
        except ImportError as error:
            raise Unavailable(MISSING) from error
        context = RequestContext(auth_token=token, project_id=project, overwrite=False)
        try:
            found: Any = self._key_manager().get(context, certificate_id)
            encoded = found.get_encoded()
        except ManagedObjectNotFoundError as error:
            raise BadRequest(f"The key manager has no certificate {certificate_id[:80]}.") from error
        except GlancetuiError:
            raise
        except Exception as error:  # of whatever library speaks to the key manager: to us they are all the same
            log.warning("The key manager was asked for certificate %s: %s", certificate_id[:80], error)
            raise Unavailable(DOWN) from error
        if getattr(found, "format", None) != "X.509":
            raise BadRequest(f"{certificate_id[:80]} is no certificate in the key manager, but something else.")
        try:
            return x509.load_der_x509_certificate(encoded)
        except ValueError as error:
            raise BadRequest(f"The certificate {certificate_id[:80]} cannot be read.") from error

    def _key_manager(self) -> Any:  # noqa: ANN401
        with self._lock:
            if self._manager is None:
                from castellan import key_manager
                from oslo_config import cfg

                conf = cfg.ConfigOpts()
                conf([], project="glancetui", default_config_files=self._files, default_config_dirs=[])
                self._manager = key_manager.API(conf)
            return self._manager
