"""Secrets at rest: encrypted under keys that live in a file apart from the database. The first key encrypts, all of them decrypt."""

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from nervo.errors import BadInput
from nervo.kit.secrets import Secret


class Vault:
    """Encrypts and decrypts with the keys of one file, newest first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, secret: str) -> str:
        return self._fernet.encrypt("".join(secret).encode()).decode()

    def decrypt(self, ciphertext: str, what: str) -> Secret:
        """Raises BadInput when no key of the file fits."""
        try:
            return Secret(self._fernet.decrypt(ciphertext.encode()).decode())
        except InvalidToken as error:
            raise BadInput(f"decrypting {what}", "no key of secret.key fits", code="wrong_key",
                           fix="Put the secret.key of this database back, or enter the secret again.") from error  # fmt: skip

    def rotate(self, ciphertext: str) -> str:
        """The same secret under the newest key."""
        return self._fernet.rotate(ciphertext.encode()).decode()

    def derive(self, purpose: str) -> str:
        """A key of its own for a purpose, from the oldest key of the file, so that it outlives rotation."""
        return base64.b64encode(hashlib.sha256(purpose.encode() + self._keys[-1]).digest()).decode()


def open_vault(file: Path) -> Vault:
    """The vault of a key file; a new file, readable by its owner alone, where there is none."""
    if not file.exists():
        _add_key(file, [])
    return Vault(_read(file))


def add_key(file: Path) -> Vault:
    """A new first key; the old ones go on decrypting."""
    _add_key(file, _read(file))
    return Vault(_read(file))


def _read(file: Path) -> list[bytes]:
    return [line for line in file.read_bytes().splitlines() if line]


def _add_key(file: Path, old: list[bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(b"\n".join([Fernet.generate_key(), *old]) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
