"""The templates that come with Guestlist, one folder per template with MJML and text per language.

`<mj-include path="…" />` and `<!-- ….txt -->` stand for a file of this folder; they are filled in before the compiler
sees them, so that what staff copy is whole. The first line of a text file is the subject.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

NAMES = {
    "invitation": "Customer invitation",
    "confirm_address": "Confirm an address",
    "reset_password": "Choose a new password",
    "account_exists": "There is an account already",
    "lift_suppression": "Mail me again",
    "monday_report": "The week, on Monday",
}
"""Code, which is the purpose too, and name of each built-in template."""

_INCLUDE = re.compile(r"""<mj-include path="([a-z]+\.mjml)" />\n?|<!-- ([a-z]+\.txt) -->\n?""")


@dataclass(frozen=True, slots=True)
class Source:
    """A built-in template in one language, as written."""

    language: str
    subject: str
    text: str
    mjml: str


def sources(code: str) -> list[Source]:
    """Return a built-in template in every language that it comes in, by language code."""
    found = []
    for file in sorted((FOLDER / code).glob("*.mjml")):
        subject, _, text = _whole(file.with_suffix(".txt")).partition("\n")
        found.append(Source(file.stem, subject, text, _whole(file)))
    return found


def digest(found: list[Source], *, compiler: str) -> str:
    """Return what tells one edition of a template from another: its words and the compiler's name."""
    made = hashlib.sha256(compiler.encode())
    for source in found:
        for part in (source.language, source.subject, source.text, source.mjml):
            made.update(len(part).to_bytes(8, "big"))
            made.update(part.encode())
    return made.hexdigest()


def _whole(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda match: (FOLDER / (match[1] or match[2])).read_text(encoding="utf-8"), text)
