"""A real FTP server, pyftpdlib's, in a thread of its own, with manners that a test sets. Loaded by path."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import threading
import warnings
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # asyncore and asynchat, which pyftpdlib is made with
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.exceptions import _RetryError
    from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

NEVER = 1 << 60
USER, PASSWORD = "ann", "s3cret/ö@:"


class Ftpd:
    """``tls`` is explicit, implicit or None. ``said`` keeps the commands it got."""

    def __init__(self, folder: Path, *, tls: str | None = None, certificate: Path | None = None, port: int = 0) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.cuts: list[int] = []
        """After how many bytes the next transfers are cut, and their control connections with them."""
        self.stalls: list[int] = []
        """After how many bytes the next transfers fall silent."""
        self.silent = threading.Event()
        """That one of them has."""
        self.lacks: set[str] = set()
        """Commands it does not know."""
        self._tls, self._certificate = tls, certificate
        self._stop = threading.Event()
        self._loop = IOLoop()
        self._server = FTPServer(("127.0.0.1", port), self._handler(), ioloop=self._loop)
        self.port = self._server.address[1]
        self._thread = threading.Thread(target=self._serve, name="ftpd")
        self._thread.start()

    def url(self, path: str, scheme: str | None = None, query: str = "") -> str:
        switch = {"implicit": "tls=implicit", "explicit": "tls=explicit", None: ""}[self._tls]
        query = "&".join(filter(None, (switch, query)))
        return (
            f"{scheme or ('ftps' if self._tls else 'ftp')}://127.0.0.1:{self.port}/{path}{'?' if query else ''}{query}"
        )

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._loop.loop(timeout=0.02, blocking=False)
        self._server.close_all()

    def _handler(self) -> type[FTPHandler]:
        authorizer = DummyAuthorizer()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that strangers may write here
            authorizer.add_user(USER, PASSWORD, str(self.folder), perm="elradfmwMT")
            authorizer.add_anonymous(str(self.folder))
        ours, control, data = (
            self,
            TLS_FTPHandler if self._tls else FTPHandler,
            TLS_DTPHandler if self._tls else DTPHandler,
        )

        class Channel(data):  # type: ignore[misc, valid-type]
            def __init__(self, *words: Any) -> None:
                super().__init__(*words)
                self.cut = self.stall = None

            def send(self, block: bytes) -> int:
                if ours.stalled(self, self.tot_bytes_sent):
                    return 0
                sent = super().send(block)
                ours.cut(self, self.tot_bytes_sent)
                return int(sent)

            def recv(self, size: int) -> bytes:
                if ours.stalled(self, self.tot_bytes_received):
                    raise _RetryError
                block = super().recv(size)
                ours.cut(self, self.tot_bytes_received + len(block))
                return bytes(block)

        class Handler(control):  # type: ignore[misc, valid-type]
            auth_failed_timeout = 0
            use_sendfile = False
            dtp_handler = Channel
            certfile = str(self._certificate)
            tls_control_required = tls_data_required = True

            def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
                ours.said.append(line)
                if cmd in ours.lacks:
                    self.respond("502 Command not implemented.")
                    return
                super().pre_process_command(line, cmd, arg)

        if self._tls == "implicit":
            Handler.handle = _encrypt_first  # type: ignore[method-assign]
            Handler.handle_ssl_established = control.handle
        Handler.authorizer = authorizer
        return Handler

    def stalled(self, channel: Any, done: int) -> bool:
        if channel.stall is None:
            channel.stall = self.stalls.pop(0) if self.stalls else NEVER
        if done < channel.stall:
            return False
        self.silent.set()
        return True

    def cut(self, channel: Any, done: int) -> None:
        if channel.cut is None:
            channel.cut = self.cuts.pop(0) if self.cuts else NEVER
        if done >= channel.cut:
            for end in (channel.cmd_channel.socket, channel.socket):
                with contextlib.suppress(OSError):  # the client has hung up already
                    getattr(end, "sock_shutdown", end.shutdown)(socket.SHUT_RDWR)


def _encrypt_first(handler: Any) -> None:
    handler.secure_connection(handler.ssl_context)


SIGNS = x509.KeyUsage(*[False] * 5, key_cert_sign=True, crl_sign=False, encipher_only=False, decipher_only=False)
"""An authority has to say so, or Python 3.13 does not take it for one."""


def certify(folder: Path, *hosts: str) -> tuple[Path, Path]:
    """A certificate with its key for 127.0.0.1, localhost and ``hosts``, and that of the authority which signed it."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    powers = [x509.BasicConstraints(True, None), SIGNS]
    root = _signed("Root of a test", root_key, "Root of a test", root_key, powers)
    names = [*map(x509.DNSName, ("localhost", *hosts)), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = _signed("localhost", key, "Root of a test", root_key, [x509.SubjectAlternativeName(names)])
    authority, own = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    own.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + secret)
    return own, authority


def _signed(name: str, key: Any, issuer: str, signer: Any, extensions: list[Any]) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    subject, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer))
    builder = x509.CertificateBuilder(by, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1))
    builder = builder.not_valid_after(now + dt.timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=not isinstance(extension, x509.SubjectAlternativeName))
    identity = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(identity, critical=False).add_extension(authority, critical=False)
    return builder.sign(signer, hashes.SHA256())
