"""The folder that a demo keeps its data in: its own, locked while it runs, and emptied of nothing but its own."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

import guestlist

_MARK = "guestlist-demo.txt"
_WORDS = "The data of a Guestlist demo. Nothing here is real; the folder can be deleted when the demo is not running.\n"
_OURS = ("guestlist.sqlite3", "guestlist.sqlite3-wal", "guestlist.sqlite3-shm", "media", "secrets", "static")


class UnusableFolderError(Exception):
    """The folder cannot be the demo's; the message says why and what to do."""


def usual() -> Path:
    """Return the folder that a demo uses when none is named: beside the script, or among the user's data."""
    root = Path(guestlist.__file__).parents[2]
    if (root / "guestlist").is_file() and os.access(root, os.W_OK):
        return root / "demo-data"
    shared = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(shared) / "guestlist" / "demo"


def take(folder: Path) -> IO[str]:
    """Make the folder if it is missing, mark it as a demo's and lock it; the lock lasts until the file is closed.

    :raises UnusableFolderError: when it has something else in it, cannot be written, or another demo uses it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark = folder / _MARK
        if not mark.exists() and any(folder.iterdir()):
            raise UnusableFolderError(
                f"{folder} has files that are not a demo's. Name an empty or a new folder with --data."
            )
        held = mark.open("a+", encoding="utf-8")
    except OSError as error:
        raise UnusableFolderError(
            f"The demo cannot keep its data in {folder}: {error.strerror}. Name another folder with --data."
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise UnusableFolderError(
            f"Another demo is running with the data in {folder}. Stop it, or name another folder with --data."
        ) from error
    if not mark.stat().st_size:
        held.write(_WORDS)
        held.flush()
    return held


def clear(folder: Path) -> None:
    """Delete what a demo made in its folder, and nothing else; call it with the folder taken.

    :raises UnusableFolderError: when something cannot be deleted.
    """
    try:
        for name in _OURS:
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise UnusableFolderError(f"{error.filename} cannot be deleted: {error.strerror}.") from error
