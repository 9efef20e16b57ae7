"""Which process of this machine still runs, told by the operating system: each keeps a lock of its own until its end, however it ends.

So the lease of a process that was killed need not be waited out. Of a process on another machine, in another folder, or where the
file system has no locks, nothing is known: its lease runs out as ever.
"""

import hashlib
import os
import socket
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BOOT = Path("/proc/sys/kernel/random/boot_id")


class Presence:
    """This process's name in the lease, and what is known of others. One for each process and folder: locks are the process's."""

    def __init__(self, folder: Path) -> None:
        name = f"{socket.gethostname()}:{os.getpid()}"
        self._file = os.open(
            folder / "running.lock", os.O_RDWR | os.O_CREAT, 0o600
        )  # never closed: that would end the lock
        self._place = _place(self._file)
        self.owner = f"{name}@{self._place}" if self._place and self._lock(name) else name

    def gone(self, owner: str) -> bool:
        """Whether the process of that name kept its lock in this very file and has ended."""
        name, _, place = owner.rpartition("@")
        if not place or place != self._place:
            return False
        if owner == self.owner:
            return True  # an earlier one of our name: we have its lock
        if free := self._lock(name):
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _byte(name))
        return free

    def _lock(self, name: str) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _byte(name))
        except OSError:
            return False
        return True


def _byte(name: str) -> int:
    """The byte of the file that this name locks; the file itself stays empty."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def _place(file: int) -> str:
    """This file in this run of this machine, unlike its copies elsewhere; empty where that cannot be told."""
    if fcntl is None or not BOOT.exists():
        return ""
    found = os.fstat(file)
    return hashlib.sha256(f"{BOOT.read_text()}{found.st_dev}:{found.st_ino}".encode()).hexdigest()[:12]
