"""What the log says of an address, never the token in it (trust-5), and an error page, never a password (trust-26)."""

from __future__ import annotations

import logging
import re

from django.views.debug import SafeExceptionReporterFilter

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


class WithoutPasswords(SafeExceptionReporterFilter):
    """Take passwords out of pages and mails about errors also where they stand in an address of ours."""

    hidden_settings = re.compile(
        rf"{SafeExceptionReporterFilter.hidden_settings.pattern}|GUESTLIST_\w*(?:URL|MAILBOX)|DATABASE_URL",
        re.IGNORECASE,
    )
