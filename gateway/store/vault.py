"""Documents at rest: sealed with AES-GCM where a key is configured. The store's door to the cryptography library.

A sealed document is a byte 1, the number of its key (4 bytes), a nonce (12 bytes) and what AES-256-GCM makes of the
rest; the first two are authenticated along with it. What begins with ``{`` is not sealed. Keys are derived from what
the operator gives by scrypt, with a salt of the database's.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from mediaglot.gateway import codec
from mediaglot.gateway.model import Secret
from mediaglot.gateway.store.query import Connection, statements

T = TypeVar("T")
MARK: Final = b"\x01"
HEAD: Final = 5
NONCE: Final = 12
PROOF: Final = b"mediaglot"
SHORTEST: Final = 16
"""Characters of a key."""
BATCH: Final = 200
SEALED: Final = ("bodies", "letters", "things", "attempts")


class Locked(RuntimeError):
    """The data can't be read with the keys that were given; the message says what to do."""


class Vault:
    """Seals with the key ``current`` and opens what any of ``keys`` has sealed; without keys it seals nothing."""

    def __init__(self, keys: Mapping[int, bytes] | None = None, current: int = 0) -> None:
        self._keys = dict(keys or {})
        self._current = current

    def seal(self, plain: bytes) -> bytes:
        if not self._current:
            return plain
        head, nonce = MARK + self._current.to_bytes(4, "big"), os.urandom(NONCE)
        sealed: bytes = _cipher(self._keys[self._current]).encrypt(nonce, plain, head)
        return head + nonce + sealed

    def open(self, stored: bytes) -> bytes:
        """Raises Locked for what none of the keys has sealed, or what was changed since."""
        if not stored.startswith(MARK):
            return stored
        head, nonce, rest = stored[:HEAD], stored[HEAD : HEAD + NONCE], stored[HEAD + NONCE :]
        key = self._keys.get(int.from_bytes(head[1:], "big"))
        if key is None:
            raise Locked("A document is sealed with a key that is not there.")
        plain = _opened(key, nonce, rest, head)
        if plain is None:
            raise Locked("A document was damaged or changed outside of this program.")
        return plain

    def reseal(self, stored: str | bytes | None) -> bytes | None:
        """What is stored, in clear or under a former key, under the current one."""
        if stored is None:
            return None
        content = stored.encode() if isinstance(stored, str) else stored
        current = content.startswith(MARK) and int.from_bytes(content[1:HEAD], "big") == self._current
        return content if current else self.seal(self.open(content))

    def pack(self, value: Any, cls: Any = None) -> bytes:
        return self.seal(codec.pack(value, cls))

    def unpack(self, stored: bytes, cls: type[T]) -> T:
        return codec.unpack(self.open(stored), cls)

    def pack_text(self, text: str | None) -> str | bytes | None:
        return text if text is None or not self._current else self.seal(text.encode())

    def unpack_text(self, stored: str | bytes | None) -> str | None:
        return self.open(stored).decode() if isinstance(stored, bytes) else stored


async def open_vault(connection: Connection, given: Sequence[Secret] = ()) -> Vault:
    """The vault of a database, sealed throughout with the first of the keys. Raises Locked.

    The others are former keys, which are not needed any more afterwards.
    """
    sql, texts = statements("keys"), [secret.reveal() for secret in given if secret.reveal()]
    rows = await connection.rows(sql["list"])
    if not texts and not rows:
        return Vault()
    if not texts:
        raise Locked("The data is encrypted: give its key as data_key in the file or as MEDIAGLOT_DATA_KEY.")
    if any(len(text) < SHORTEST for text in texts):
        raise Locked(f"data_key is shorter than {SHORTEST} characters; `openssl rand -base64 32` makes a good one.")
    keys, current = await asyncio.to_thread(_fitting, rows, texts)
    if not current:
        current, salt = max(keys, default=0) + 1, secrets.token_bytes(16)
        keys[current] = await asyncio.to_thread(_derived, texts[0], salt)
        proof = Vault(keys, current).seal(PROOF)
        await connection.rows(sql["add"], number=current, salt=salt, proof=proof)
    vault = Vault(keys, current)
    if not any(number == current and whole for number, _, _, whole in rows) or len(rows) > 1:
        await _seal_all(connection, vault, current)
    return Vault({current: keys[current]}, current)


def _fitting(rows: Sequence[tuple[Any, ...]], texts: Sequence[str]) -> tuple[dict[int, bytes], int]:
    """The database's keys by their numbers, and which of them the first text is. Raises Locked where one is missing."""
    keys, current = {}, 0
    for number, salt, proof, _ in rows:
        for place, text in enumerate(texts):
            key, body = _derived(text, salt), proof[HEAD + NONCE :]
            if _opened(key, proof[HEAD : HEAD + NONCE], body, proof[:HEAD]) == PROOF:
                keys[number] = key
                current = current if place else number
                break
        else:
            raise Locked(
                "data_key is not the key that the data was encrypted with. To change the key, give the former one as "
                "data_key_old, once."
            )
    return keys, current


async def _seal_all(connection: Connection, vault: Vault, current: int) -> None:
    """Seal what is not sealed with the current key, in small transactions, and leave no trace of what was before."""
    sql = statements("keys")
    for table in SEALED:
        after = -1
        while rows := await connection.rows(sql[table], after=after, limit=BATCH):
            after = rows[-1][0]
            await connection.rows("BEGIN IMMEDIATE")
            for number, body, answer in rows:
                again = {"body": vault.reseal(body), "answer": vault.reseal(answer)}
                connection.later(sql[f"put_{table}"], number=number, **again)
            await connection.rows("COMMIT")
    await connection.rows(sql["whole"], number=current)
    await connection.rows(sql["drop_others"], number=current)
    await connection.rows("VACUUM")
    await connection.rows("PRAGMA wal_checkpoint(TRUNCATE)")


def _derived(text: str, salt: bytes) -> bytes:
    return hashlib.scrypt(text.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32)


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - loaded where there is a key

    return AESGCM(key)


def _opened(key: bytes, nonce: bytes, rest: bytes, head: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above

    try:
        plain: bytes = _cipher(key).decrypt(nonce, rest, head)
    except InvalidTag:
        return None
    return plain
