"""Who gives a command, and how it says what went wrong."""

from __future__ import annotations

import os
import pwd
import sys

from guestlist.stores.actors import Actor, ActorKind


def actor() -> Actor:
    """Return who gives the command: whoever may run it may do everything, and the log says who it was."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return Actor(ActorKind.SYSTEM, called=f"command:{user}")


def fail(text: str) -> int:
    """Say what is wrong, and return the exit status for that."""
    sys.stderr.write(f"guestlist: {text}\n")
    return 1
