"""What a worker handed over, written down where a kill cannot take it: on disk, before the final dot and after the answer.

The database learns of outcomes in batches; whoever is killed in between would not know what was sent. Each worker has a
name, and under that name a folder that it holds locked while it lives. A record is 16 bytes in a mapped file: it is the
kernel's as soon as it is written, so it outlives the process, not the machine. Files are dropped once everything in them
is recorded in the database.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import fcntl
import logging
import mmap
import os
import re
import secrets
import socket
import stat
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

_RECORD = struct.Struct("<QIB3s")
_SIZE = _RECORD.size
_RECORDS = 65_536
_SPARE = 2_048
"""Records that are left free in a file for the answers to what is under way when the next one begins."""
_MARK = b"GL1"
"""Ends a record; one that was only half written has none."""
_MOST_WORKERS = 256
_OURS = 0o700
"""Whoever else could write here could say of mails that they were sent."""


class Mark(enum.IntEnum):
    """What a record says of a mail."""

    LEAVING = 1
    """Its final dot is about to be sent."""
    ACCEPTED = 2
    """The server took it."""
    REFUSED = 3
    """The server said that it does not take it, now or ever."""


class JournalInUseError(Exception):
    """Another process that lives holds the journal of this name."""


@dataclass(slots=True)
class _File:
    """One file of records, mapped."""

    path: Path
    map: mmap.mmap
    used: int = 0
    open: int = 0
    """How many mails have their first record here and are not recorded in the database yet."""


@dataclass(slots=True)
class Journal:
    """The journal of one worker, for one thread; held until it is closed or the process ends."""

    name: str
    folder: Path
    _lock: int
    _files: list[_File] = field(default_factory=list)
    _where: dict[int, _File] = field(default_factory=dict)
    _number: int = 0

    @classmethod
    def take(cls, root: Path, name: str) -> Self:
        """Take the journal of this name.

        :raises JournalInUseError: when a living process holds it.
        :raises OSError: when the folder cannot be written.
        """
        folder = root / name
        root.mkdir(mode=_OURS, parents=True, exist_ok=True)
        folder.mkdir(mode=_OURS, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise JournalInUseError(name) from None
        journal = cls(name, folder, lock)
        journal._number = max((int(path.stem) for path in journal._paths()), default=0)
        return journal

    def leaving(self, message_id: int) -> None:
        """Write down that a mail's final dot is about to be sent.

        :raises OSError: when the disk is full; then it must not be sent.
        """
        file = self._files[-1] if self._files else None
        if file is None or file.used > _RECORDS - _SPARE:
            file = self._begun()
        self._write(file, message_id, Mark.LEAVING, 0)
        before = self._where.get(message_id)
        if before is not file:
            # The answer must come after this, and files are read one after the other.
            if before is not None:
                before.open -= 1
            file.open += 1
            self._where[message_id] = file

    def answered(self, message_id: int, code: int, *, accepted: bool | None) -> None:
        """Write down what the server said to a mail whose final dot was sent; None is no word, and leaves it in doubt."""
        file = self._where.get(message_id)
        if accepted is None or file is None or file.used >= _RECORDS:
            return
        self._write(file, message_id, Mark.ACCEPTED if accepted else Mark.REFUSED, code)

    def recorded(self, message_ids: Iterable[int]) -> None:
        """Forget mails whose outcome stands in the database; a file of which all do is dropped."""
        for message_id in message_ids:
            file = self._where.pop(message_id, None)
            if file is not None:
                file.open -= 1
        for file in self._files[:-1]:
            if file.open == 0:
                self._drop(file)

    def read(self) -> dict[int, Mark] | None:
        """Return what this journal says of each mail, the last word counts; None when it is new and can say nothing.

        Rows that are leased to the name of a new journal are of one that was lost, with what stood in it.
        """
        if os.fstat(self._lock).st_size == 0:
            return None
        said: dict[int, Mark] = {}
        for path in self._paths():
            said |= _read(path)
        return said

    def begin_anew(self) -> None:
        """Drop all that was written by this name so far; what it says stands in the database."""
        for file in list(self._files):
            self._drop(file)
        self._where.clear()
        for path in self._paths():
            path.unlink(missing_ok=True)
        os.pwrite(self._lock, _MARK, 0)

    def close(self) -> None:
        """Let go of the journal; files with mails that are not recorded stay for whoever takes it next."""
        for file in list(self._files):
            if file.open == 0:
                self._drop(file)
            else:
                file.map.close()
        self._files.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _paths(self) -> list[Path]:
        """Return the files, the oldest first; what else may lie in the folder is not ours."""
        return sorted(path for path in self.folder.glob("*.journal") if path.stem.isdigit())

    def _begun(self) -> _File:
        if self._files and self._files[-1].open == 0:
            self._drop(self._files[-1])
        self._number += 1
        path = self.folder / f"{self._number:010d}.journal"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # Reserved, so that a full disk says so here and not by a fault in the middle of a write.
            os.posix_fallocate(descriptor, 0, _RECORDS * _SIZE)
            file = _File(path, mmap.mmap(descriptor, _RECORDS * _SIZE))
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        self._files.append(file)
        return file

    def _drop(self, file: _File) -> None:
        self._files.remove(file)
        file.map.close()
        file.path.unlink(missing_ok=True)

    @staticmethod
    def _write(file: _File, message_id: int, mark: Mark, code: int) -> None:
        _RECORD.pack_into(file.map, file.used * _SIZE, message_id, code, mark, _MARK)
        file.used += 1


def _read(path: Path) -> dict[int, Mark]:
    said: dict[int, Mark] = {}
    data = path.read_bytes()
    for message_id, _code, mark, end in _RECORD.iter_unpack(data[: len(data) // _SIZE * _SIZE]):
        if end != _MARK or mark not in Mark:
            break  # what follows was never written
        said[message_id] = Mark(mark)
    return said


def names(root: Path, base: str = "") -> Iterator[str]:
    """Return the names that a worker of this machine may have, in the order they are tried: the same after each start.

    They carry a number that was drawn when the journals' folder was made: two machines that are called the same must not
    take each other's mails for their own, and a worker that lost its journal must not have its old name.

    :raises OSError: when the folder cannot be written.
    """
    stem = re.sub(r"[^A-Za-z0-9.-]", "-", base or socket.gethostname())[:24] or "worker"
    drawn = _drawn(root)
    for number in range(1, _MOST_WORKERS + 1):
        yield f"{stem}-{drawn}-{number}"


def take_first(root: Path, base: str = "") -> Journal:
    """Take the first journal of this machine that no living worker holds.

    :raises JournalInUseError: when all are held.
    :raises OSError: when the folder cannot be written.
    """
    for name in names(root, base):
        with contextlib.suppress(JournalInUseError):
            return Journal.take(root, name)
    raise JournalInUseError(base)


def _drawn(root: Path) -> str:
    """Return the number of a folder of journals, drawn when it is first asked for."""
    root.mkdir(mode=_OURS, parents=True, exist_ok=True)
    if root.stat().st_mode & stat.S_IWOTH:
        raise PermissionError(errno.EPERM, "everybody may write there", str(root))
    file = root / "machine"
    if not file.exists():
        made = root / f".machine.{os.getpid()}.{secrets.token_hex(4)}"
        made.write_text(secrets.token_hex(4), encoding="ascii")
        try:
            # A link fails when another process was faster, whose number then counts.
            os.link(made, file)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return file.read_text(encoding="ascii").strip()
