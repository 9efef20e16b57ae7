"""SQLite's own file layer with a recorder in front, for the very library that Python's sqlite3 has loaded.

Only writes, truncations, syncs and deletions of databases, logs and journals pass through here; locks and shared memory stay SQLite's
own, so that the product runs as it is: its threads, its checkpoints, its connections. A sync is noted and not carried out; the power
cut is made from the record.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any

from tests.prove.power.journal import Journal, Sync, Truncate, Write

OK = 0
_kept: list[Any] = []  # were a connection left open after a failure, it would still call into it
WATCHED = 0x100 | 0x800 | 0x80000  # SQLITE_OPEN_MAIN_DB, SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_WAL

Close = CFUNCTYPE(c_int, c_void_p)
Put = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
Cut = CFUNCTYPE(c_int, c_void_p, c_int64)
Flush = CFUNCTYPE(c_int, c_void_p, c_int)
Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
Remove = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)


class Methods(Structure):
    """sqlite3_io_methods."""

    _fields_ = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", c_void_p),
        ("truncate", c_void_p),
        ("sync", c_void_p),
        ("rest", c_void_p * 13),
    ]


class File(Structure):
    """sqlite3_file."""

    _fields_ = [("methods", POINTER(Methods))]


class Vfs(Structure):
    """sqlite3_vfs."""

    _fields_ = [
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("app_data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        ("rest", c_void_p * 14),
    ]


def library() -> Any:
    """The SQLite library in use, or None where Python has it built in and hides its names."""
    found = ctypes.CDLL(_sqlite3.__file__)
    return found if hasattr(found, "sqlite3_vfs_register") else None


class _Recorder:
    """Keeps alive what SQLite holds pointers to."""

    def __init__(self, sqlite: Any, folder: Path, journal: Journal) -> None:
        self.folder, self.journal = str(folder), journal
        self.files: dict[int, int] = {}
        self.hooked: dict[int, Methods] = {}
        self.callbacks: list[Any] = []
        self.below = ctypes.cast(sqlite.sqlite3_vfs_find(None), POINTER(Vfs))
        self.vfs = Vfs.from_buffer_copy(self.below.contents)
        self.vfs.name, self.vfs.next = b"power", None
        self.vfs.open = self._hook(Open, self.below.contents.open, self._open)
        self.vfs.delete = self._hook(Remove, self.below.contents.delete, self._delete)

    def _hook(self, kind: Any, below: int, above: Callable[..., int]) -> Any:
        original = kind(below)
        callback = kind(lambda *args: above(original, *args))
        self.callbacks += [original, callback]
        return ctypes.cast(callback, c_void_p).value

    def _open(self, below: Any, vfs: int, path: int | None, file: int, flags: int, out: int) -> int:
        answer: int = below(ctypes.addressof(self.below.contents), path, file, flags, out)
        name = _name(path)
        if answer == OK and flags & WATCHED and name and str(Path(name).parent) == self.folder:
            self.files[file] = self.journal.opened(Path(name).name)
            opened = File.from_address(file)
            opened.methods = ctypes.pointer(self._methods(opened.methods.contents))
        return answer

    def _methods(self, below: Methods) -> Methods:
        at = ctypes.addressof(below)
        if at not in self.hooked:
            methods = Methods.from_buffer_copy(below)
            methods.close = self._hook(Close, below.close, self._close)
            methods.write = self._hook(Put, below.write, self._write)
            methods.truncate = self._hook(Cut, below.truncate, self._truncate)
            methods.sync = self._hook(Flush, below.sync, self._sync)
            self.hooked[at] = methods
        return self.hooked[at]

    def _close(self, below: Any, file: int) -> int:
        self.files.pop(file, None)
        return int(below(file))

    def _write(self, below: Any, file: int, data: int, length: int, offset: int) -> int:
        self.journal.add(Write(self.files[file], offset, ctypes.string_at(data, length)))
        return int(below(file, data, length, offset))

    def _truncate(self, below: Any, file: int, size: int) -> int:
        self.journal.add(Truncate(self.files[file], size))
        return int(below(file, size))

    def _sync(self, below: Any, file: int, flags: int) -> int:
        self.journal.add(Sync(self.files[file], len(self.journal.events)))
        return OK

    def _delete(self, below: Any, vfs: int, path: int, folder_too: int) -> int:
        answer = int(below(ctypes.addressof(self.below.contents), path, 0))
        if answer == OK and str(Path(_name(path)).parent) == self.folder:
            self.journal.deleted(Path(_name(path)).name, synced=bool(folder_too))
        return answer


def _name(path: int | None) -> str:
    """SQLite looks behind the end of the name it gave, so that the pointer itself has to be passed on."""
    return ctypes.string_at(path).decode() if path else ""


@contextmanager
def recording(folder: Path, journal: Journal) -> Iterator[None]:
    """Everything that SQLite does to files of this folder is recorded. Connections must be closed before the end."""
    sqlite = library()
    sqlite.sqlite3_vfs_find.restype = c_void_p
    sqlite.sqlite3_vfs_find.argtypes = [c_char_p]
    recorder = _Recorder(sqlite, folder.resolve(), journal)
    above = ctypes.byref(recorder.vfs)
    assert sqlite.sqlite3_vfs_register(above, 1) == OK
    try:
        yield
        gc.collect()  # a reader's connection ends with its thread
        assert not recorder.files, "connections that would outlive their file layer"
    finally:
        sqlite.sqlite3_vfs_unregister(above)
        _kept.append(recorder)
