"""A certificate authority of one run, for the hosts of providers and no other: what the proxy ends TLS with.

Its key is in memory only. What it may sign is written into its certificate (name constraints), so that a client that
trusts it trusts nobody else's site to it. The door to the cryptography library's X.509.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

FILE: Final = "proxy-ca.pem"
"""Where the authority's certificate is, in the data folder."""
LIFE: Final = timedelta(days=365)
LEAF_LIFE: Final = timedelta(days=2)
LEAST: Final = timedelta(days=1)
"""What a certificate must have left to be shown."""
SLACK: Final = timedelta(days=365)
"""How much a client's clock may be behind ours, or ours be set back afterwards."""
NOBODY: Final = "mediaglot.invalid"
"""For an authority without hosts: constraints that allow nothing can't be written."""


class Leaf(ssl.SSLContext):
    """What the proxy is ``host`` with, until a time."""

    host: str
    until: datetime


class Authority:
    """``pem`` is what clients have to trust; it is a file in ``folder`` too."""

    def __init__(self, hosts: Sequence[str], folder: Path, now: Callable[[], datetime]) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - loaded where there is a proxy

        self._folder, self._now = folder, now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._signed(
            self._key, f"mediaglot {secrets.token_hex(4)}", LIFE, _powers(tuple(hosts) or (NOBODY,))
        )
        self._leaves: dict[str, Leaf] = {}
        self._making = asyncio.Lock()
        self.pem = _pem(self._certificate)
        draft = folder / f"{FILE}.new"
        draft.write_bytes(self.pem)
        draft.replace(folder / FILE)

    async def leaf(self, host: str) -> Leaf:
        """Made when it is asked for, and again when its time is nearly over."""
        async with self._making:
            found = self._leaves.get(host)
            if found is None or found.until - self._now() < LEAST:
                found = self._leaves[host] = await asyncio.to_thread(self._leaf, host)
            return found

    def _leaf(self, host: str) -> Leaf:
        from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

        key, password = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(32)
        leaf = Leaf(ssl.PROTOCOL_TLS_SERVER)
        leaf.host, leaf.until = host, self._now() + LEAF_LIFE
        leaf.set_alpn_protocols(["http/1.1"])
        certificate = self._signed(key, "mediaglot, not the provider", LEAF_LIFE, _purpose(host))
        locked = form.BestAvailableEncryption(password)
        private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked)
        with tempfile.NamedTemporaryFile(
            dir=self._folder, prefix=".leaf-"
        ) as file:  # Python takes them from files only
            file.write(private + _pem(certificate))
            file.flush()
            leaf.load_cert_chain(file.name, password=password)
        return leaf

    def _signed(self, key: Any, name: str, life: timedelta, extensions: Sequence[tuple[Any, bool]]) -> Any:
        from cryptography import x509  # noqa: PLC0415
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.x509.oid import NameOID  # noqa: PLC0415

        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now, above = self._now(), self._key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if key is self._key else self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - SLACK)
            .not_valid_after(now + life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())


def _pem(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    pem: bytes = certificate.public_bytes(Encoding.PEM)
    return pem


def _powers(hosts: Sequence[str]) -> list[tuple[Any, bool]]:
    from cryptography import x509  # noqa: PLC0415

    names = [x509.DNSName(host) for host in hosts]
    return [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=None), True),
        (_usage("key_cert_sign", "crl_sign"), True),
    ]


def _purpose(host: str) -> list[tuple[Any, bool]]:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.SubjectAlternativeName([x509.DNSName(host)]), False),
        (_usage("digital_signature"), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    ]


def _usage(*allowed: str) -> Any:
    from cryptography import x509  # noqa: PLC0415

    kinds = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{kind: kind in allowed for kind in kinds})
