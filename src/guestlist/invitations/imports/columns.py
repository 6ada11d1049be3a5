"""Which column has what: the fields of a row, and what a file's header and its first rows tell about them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from guestlist.invitations.imports import records
from guestlist.invitations.imports.files import (
    MAX_BEGINNING,
    MAX_COLUMNS,
    EmptyFile,
    TooManyColumns,
    UnusableFile,
)
from guestlist.invitations.imports.records import Records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guestlist.invitations.models import ImportFile

SHOWN = 10
"""Rows of a preview."""
_LOOKED_AT = 200
_MOST_LETTERS = 60


class Field(models.TextChoices):
    """What a column may have of a person who is invited."""

    EMAIL = "email", _("Email")
    NAME = "name", _("Name")
    MIDDLE_NAME = "middle_name", _("Middle name")
    LAST_NAME = "last_name", _("Last name")
    MESSAGE = "message", _("Message")
    GROUP = "group", _("Invitee group")
    OCCASION = "occasion", _("Occasion")
    STORE_VIEW = "store_view", _("Store view or language")
    INVITER = "inviter", _("Inviter's email")


_NAMES = {
    Field.EMAIL: (
        *("email", "emailaddress", "mail", "mailaddress", "emailadres", "mailadres", "adres", "address"),
        *("recipient", "invitee", "genodigde", "ontvanger"),
    ),
    Field.NAME: (
        *("name", "fullname", "firstname", "givenname", "naam", "volledigenaam", "voornaam", "roepnaam"),
        *("naamgenodigde", "inviteename", "contact", "contactperson", "contactpersoon"),
        *("customername", "naamklant", "klantnaam", "voornamen", "voorletters", "initialen"),
    ),
    Field.MIDDLE_NAME: ("middlename", "tussenvoegsel", "tussenvoegsels", "tussenv", "voorvoegsel", "tv"),
    Field.LAST_NAME: ("lastname", "surname", "familyname", "achternaam", "familienaam"),
    Field.MESSAGE: (
        "message",
        "personalmessage",
        "note",
        "bericht",
        "persoonlijkbericht",
        "boodschap",
        "tekst",
    ),
    Field.GROUP: (
        "group",
        "customergroup",
        "inviteegroup",
        "groep",
        "klantgroep",
        "groepklant",
        "groepvandegenodigde",
    ),
    Field.OCCASION: ("occasion", "event", "sale", "privatesale", "gelegenheid", "evenement", "actie"),
    Field.STORE_VIEW: (
        *("storeview", "store", "shop", "language", "locale", "lang", "winkelweergave", "winkel", "taal"),
    ),
    Field.INVITER: (
        *(
            "inviter",
            "inviteremail",
            "invitersemail",
            "invitedby",
            "referrer",
            "uitnodiger",
            "uitgenodigddoor",
        ),
        *("emailvanuitnodiger",),
    ),
}
"""What columns are called, in English and Dutch, without anything but letters and digits."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is read: its encoding, what separates cells, whether the first row has names, and which column has what."""

    encoding: str
    delimiter: str = ","
    has_header: bool = True
    columns: dict[str, int] = field(default_factory=dict)
    """Fields that a column has, each with that column's number from 0 on."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a file as they are read with a layout."""

    names: list[str]
    """Of each column: what the header says, or its letter as in a spreadsheet."""
    rows: list[list[str]]
    width: int
    """How many cells the first row has: those of another that has more do not fit under its names."""


def sample(file: ImportFile, layout: Layout, *, most: int = SHOWN) -> Sample:
    """Return the beginning of a file, read so.

    :raises EmptyFile: when there is no row.
    :raises UnusableFile: when there is none for so long that nobody looks further.
    :raises TooManyColumns: when a row has more columns than are taken.
    """
    rows = _first_rows(file, layout.encoding, layout.delimiter, most + 1)
    width = max(map(len, rows))
    names = [" ".join(one.split())[:_MOST_LETTERS] for one in rows[0]] if layout.has_header else []
    names += [""] * (width - len(names))
    names = [one or letter(number) for number, one in enumerate(names)]
    shown = [one + [""] * (width - len(one)) for one in rows[layout.has_header :][:most]]
    return Sample(names, shown, len(rows[0]))


def guessed(file: ImportFile) -> Layout:
    """Return how a file is probably meant to be read.

    :raises EmptyFile: when there is no row.
    :raises TooManyColumns: when its first rows have more columns than are taken, whatever separates them.
    """
    delimiter = _delimiter(file)
    rows = _first_rows(file, file.encoding, delimiter, _LOOKED_AT)
    has_header = not any(map(_is_address, rows[0]))
    return Layout(file.encoding, delimiter, has_header, _found(rows, has_header=has_header))


def found(file: ImportFile, layout: Layout) -> dict[str, int]:
    """Return which column probably has what, in a file that is read so; the layout's own columns do not count.

    :raises EmptyFile, TooManyColumns: as :func:`sample`.
    """
    rows = _first_rows(file, layout.encoding, layout.delimiter, _LOOKED_AT)
    return _found(rows, has_header=layout.has_header)


def _found(rows: list[list[str]], *, has_header: bool) -> dict[str, int]:
    found = by_names(rows[0]) if has_header else {}
    counts = [sum(map(_is_address, column)) for column in _turned(rows)]
    named = found.get(Field.EMAIL)
    if max(counts) and (named is None or not counts[named]):
        # Not the postal address, nor the inviter's.
        others = set(found.values()) - {named}
        free = [0 if number in others else count for number, count in enumerate(counts)]
        found[Field.EMAIL] = free.index(max(free)) if max(free) else counts.index(max(counts))
    return {one.value: number for one, number in found.items()}


def by_names(names: Sequence[str]) -> dict[Field, int]:
    """Return the fields that columns of these names have; of two that are called alike, the first."""
    plain = [_plain(one) for one in names]
    found: dict[Field, int] = {}
    for one, known in _NAMES.items():
        # The names in their order: "name" before "first name", an e-mail address before a postal one.
        number = next((plain.index(name) for name in known if name in plain), None)
        if number is not None and number not in found.values():
            found[one] = number
    return found


def letter(number: int) -> str:
    """Return what a spreadsheet calls a column: A to Z, AA and so on."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text


def _first_rows(file: ImportFile, encoding: str, delimiter: str, most: int) -> list[list[str]]:
    rows: list[list[str]] = []
    source = Records(records.stored(file.pk), encoding=encoding, delimiter=delimiter)
    # Somebody waits for it, and a quotation mark that is open at the end of each line is looked for a hundred lines on.
    for record in islice(source, MAX_BEGINNING):
        if len(record.cells) > MAX_COLUMNS or (record.problem == records.TOO_LONG and not rows):
            raise TooManyColumns(columns=MAX_COLUMNS)
        if any(one.strip() for one in record.cells):
            rows.append(record.cells)
        if len(rows) >= most or source.effort > records.EFFORT:
            break
    if not rows:
        raise UnusableFile if next(iter(source), None) else EmptyFile
    return rows


def _delimiter(file: ImportFile) -> str:
    """Return what separates cells: that which cuts most rows into the same number of them, more than one."""
    best, most = ",", (0, 0)
    for delimiter in (",", ";", "\t", "|"):
        try:
            rows = _first_rows(file, file.encoding, delimiter, _LOOKED_AT)
        except TooManyColumns:
            continue
        width = len(rows[0])
        alike = sum(len(one) == width for one in rows)
        if width > 1 and (alike, width) > most:
            best, most = delimiter, (alike, width)
    if most == (0, 0):
        _first_rows(file, file.encoding, best, 1)  # or there are too many columns whatever it is
    return best


def _turned(rows: list[list[str]]) -> list[list[str]]:
    width = max(map(len, rows))
    return [[one[number] for one in rows if len(one) > number] for number in range(width)]


_NOT_IN_ADDRESSES = re.compile(r"[\s@<>]")


def _is_address(cell: str) -> bool:
    inner = cell[:400].strip().rpartition("<")[2].removesuffix(">")
    local_part, at, domain = inner.partition("@")
    return bool(at and local_part and "." in domain[1:-1]) and not _NOT_IN_ADDRESSES.search(
        local_part + domain
    )


def _plain(name: str) -> str:
    split = unicodedata.normalize("NFKD", name[:200].casefold())
    return "".join(one for one in split if one.isalnum())
