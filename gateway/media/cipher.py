"""AES-128 in CBC mode with PKCS #7 padding, as HLS wants it for whole segments (RFC 8216, 4.3.2.4)."""

from __future__ import annotations

from typing import IO, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC

BYTES: Final = 16
"""Of a key, an initialization vector and a block."""
PIECE: Final = 1 << 20


def encrypt(source: IO[bytes], target: IO[bytes], key: bytes, iv: bytes) -> int:
    """What is left of ``source``, encrypted; the number of bytes that it has become."""
    encryptor = Cipher(AES128(key), CBC(iv)).encryptor()
    done = taken = 0
    while piece := source.read(PIECE):
        taken += len(piece)
        done += target.write(encryptor.update(piece))
    short = BYTES - taken % BYTES
    return done + target.write(encryptor.update(bytes([short]) * short) + encryptor.finalize())
