"""What the log says of an address, never the token in it (trust-5), and an error page, never a password (trust-26)."""

from __future__ import annotations

import logging
import re
from typing import Any

from django.views.debug import SafeExceptionReporterFilter

# What ends a line, or would have a terminal do something; other scripts' direction marks turn a line round.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_TOKEN = re.compile(
    r"(/(?:invitation|never-again|mail-me-again|confirm-email|password/reset/key)/)[^/\s?]{16,}"
)


class WithoutTokens(logging.Filter):
    """Take tokens out of lines about requests: Django writes down the path of what it refuses or cannot find."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, with a mark where a token was."""
        said = record.getMessage()
        without = _TOKEN.sub(r"\1…", said)
        if without != said:
            record.msg, record.args = without, None
        return True


class OneLine(logging.Formatter):
    """Write a message as one line, whatever stands in it: nobody's input begins a line of its own in the log."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's
        """Return the line with its control characters written as in Python."""
        return _CONTROLS.sub(_written, super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802, ANN401 - logging's
        """Return the traceback with each of its lines set in: what the mistake says may have line ends too."""
        lines = re.split("[\r\n]", super().formatException(ei))
        return "\n".join(f"  {_CONTROLS.sub(_written, line)}" for line in lines)


def _written(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


class WithoutPasswords(SafeExceptionReporterFilter):
    """Take passwords out of pages and mails about errors also where they stand in an address of ours."""

    hidden_settings = re.compile(
        rf"{SafeExceptionReporterFilter.hidden_settings.pattern}|GUESTLIST_\w*(?:URL|MAILBOX)|DATABASE_URL",
        re.IGNORECASE,
    )
