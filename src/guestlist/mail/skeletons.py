"""Finished mails with marked places: what all mails of one shape share is rendered and encoded once, the rest is filled in.

A :class:`Skeleton` gives the same mail as :func:`full`, which renders the template and lets the library build the mail; a
property test holds the two equal. Only line breaks inside the encoded parts differ: before and after each place stands a
soft one (RFC 2045, 6.7), which makes any encoded value legal there, however long the lines around it are.
"""

from __future__ import annotations

import datetime
import secrets
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING

from guestlist.mail import encoding, language, letters, templates, variables
from guestlist.mail.assembly import Assembly
from guestlist.mail.language import Condition, Escape, Place, Program, UnusableValue
from guestlist.mail.letters import Letter, Mailbox
from guestlist.mail.templates import Rendered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from email.message import EmailMessage

    from guestlist.mail.language import Node

_REMEMBERED = 64
_SAMPLE_URL = "https://shop.example/"
_SAMPLE_DATE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Frame:
    """All that mails of one skeleton have in common.

    ``subject``, ``text`` and ``html`` are a template's sources as kept; ``shop`` the sorted variables of the store view;
    ``shape`` the names of the other variables that have a value. An empty ``reply_to_address`` means none.
    """

    purpose: str
    subject: str
    text: str
    html: str
    language: str
    shop: tuple[tuple[str, str], ...]
    sender_name: str
    sender_address: str
    reply_to_name: str
    reply_to_address: str
    feedback_id: str
    shape: frozenset[str]

    @property
    def programs(self) -> templates.Compiled:
        """The template's three programs."""
        return templates.compiled(purpose=self.purpose, subject=self.subject, text=self.text, html=self.html)

    @property
    def is_international(self) -> bool:
        """Whether an address of its own has letters before its @ that plain SMTP cannot carry (RFC 6531)."""
        return not all(
            address.rpartition("@")[0].isascii() for address in (self.sender_address, self.reply_to_address)
        )

    def letter(
        self,
        *,
        recipient: Mailbox,
        rendered: Rendered,
        date: datetime.datetime,
        message_id: str,
        opt_out_url: str,
    ) -> Letter:
        """Return one of its mails as :func:`letters.build` takes it."""
        reply_to = self.reply_to_address
        return Letter(
            sender=letters.mailbox(self.sender_address, name=self.sender_name),
            recipient=recipient,
            reply_to=letters.mailbox(reply_to, name=self.reply_to_name) if reply_to else None,
            rendered=rendered,
            language=self.language,
            date=date,
            message_id=message_id,
            feedback_id=self.feedback_id,
            opt_out_url=opt_out_url,
        )


def full(
    frame: Frame,
    values: Mapping[str, str],
    *,
    to_name: str,
    to_address: str,
    date: datetime.datetime,
    message_id: str,
) -> bytes:
    """Return a finished mail the long way, rendered and built from nothing.

    :raises UnusableValue: when a value is missing or cannot stand in its place.
    :raises UnusableHeader: when a value cannot stand in a header.
    """
    everything = dict(frame.shop) | dict(values)
    _demand(sorted(templates.required_of(frame.purpose)), everything)
    letter = frame.letter(
        recipient=encoding.recipient(to_name, to_address),
        rendered=templates.render_all(frame.programs, everything),
        date=date,
        message_id=message_id,
        opt_out_url=everything.get("opt_out_url", ""),
    )
    in_ascii = to_address.isascii() and not frame.is_international
    return letters.build(letter).as_bytes(policy=letters.POLICY if in_ascii else letters.INTERNATIONAL)


@lru_cache(maxsize=256)
def skeleton(frame: Frame) -> Skeleton:
    """Return the skeleton of a frame; the last 256 stay ready in this process.

    :raises Refusal: when what its mails share cannot stand in a mail.
    """
    return Skeleton(frame)


class Skeleton:
    """A finished mail but for its places."""

    __slots__ = (
        "_date",
        "_date_line",
        "_ended",
        "_frame",
        "_has_shared_subject",
        "_has_way_out",
        "_order",
        "_own_writers",
        "_pieces",
        "_required",
        "_shared",
        "_shared_writers",
        "_static_subject",
        "_subject",
        "_written",
        "is_international",
    )

    def __init__(self, frame: Frame) -> None:
        """Render and encode what all mails of the frame share.

        :raises Refusal: when it cannot stand in a mail.
        """
        self._frame = frame
        self._date: datetime.datetime | None = None
        self._date_line = b""
        self.is_international = frame.is_international
        if self.is_international:
            return
        shop = dict(frame.shop)
        self._required = sorted(
            name for name in templates.required_of(frame.purpose) if name in frame.shape or not shop.get(name)
        )
        self._subject = _flat(frame.programs.subject, frame, Escape.HEADER)
        text = _flat(frame.programs.text, frame, Escape.NONE)
        html = _flat(frame.programs.html, frame, Escape.HTML)
        self._static_subject = b""
        if len(self._subject) == 1:
            self._static_subject = encoding.subject_line(language.one_line(str(self._subject[0])))
        forms = {node.name: node.form for node in (*text, *html) if isinstance(node, Place)}
        own = variables.hardly_shared(frame.purpose)
        shared = [name for name in forms if name not in own]
        forms = {name: forms[name] for name in (*shared, *(name for name in forms if name in own))}
        writers = [(name, encoding.writer(name, form)) for name, form in forms.items()]
        self._shared_writers, self._own_writers = writers[: len(shared)], writers[len(shared) :]
        in_subject = [node.name for node in self._subject if isinstance(node, Place)]
        self._has_shared_subject = not set(in_subject) & own
        self._shared = tuple(dict.fromkeys((*shared, *in_subject)) if self._has_shared_subject else shared)
        self._written: dict[tuple[str, ...], tuple[list[bytes], bytes]] = {}
        self._has_way_out = "opt_out_url" in frame.shape
        made = Assembly(list(forms), has_way_out=self._has_way_out)
        made.mail(_sample(frame), bodies=(text, html))
        self._pieces = made.pieces()
        self._order = itemgetter(*made.order)
        self._ended = made.ended

    def fill(
        self,
        values: Mapping[str, str],
        *,
        to_name: str,
        to_address: str,
        date: datetime.datetime,
        message_id: str,
    ) -> bytes:
        """Return the finished mail, lines ended by CRLF, dots not stuffed.

        ``values`` has exactly the names of the frame's shape, and ``to_address`` its domain in A-labels.

        :raises UnusableValue: when a value is missing or cannot stand in its place.
        :raises UnusableHeader: when a value cannot stand in a header.
        """
        if not to_address.isascii() or self.is_international:
            return full(
                self._frame, values, to_name=to_name, to_address=to_address, date=date, message_id=message_id
            )
        _demand(self._required, values)
        key = tuple([values[name] for name in self._shared])
        written = self._written.get(key)
        if written is None:
            written = self._remember(key, values)
        found = written[0].copy()
        for name, write in self._own_writers:
            found += write(values[name])
        found.append(written[1] or self._subject_line(values))
        found.append(encoding.to_line(to_name, to_address))
        if date is not self._date:
            # Mails that are filled in together share it.
            self._date, self._date_line = date, encoding.date_line(date)
        found.append(self._date_line)
        found.append(encoding.message_id_line(message_id))
        if self._has_way_out:
            found.append(encoding.way_out_line(values["opt_out_url"]))
        for index in self._ended:
            found.append(encoding.ended(found[index]))
        pieces = self._pieces.copy()
        pieces[1::2] = self._order(found)
        return b"".join(pieces)

    def is_dotless(self, to_address: str) -> bool:
        """Tell whether no line of a mail to this address begins with a dot: there is nothing to double on the wire."""
        return to_address.isascii() and not self.is_international

    def _remember(self, key: tuple[str, ...], values: Mapping[str, str]) -> tuple[list[bytes], bytes]:
        """Write what many mails share, such as the words of their inviter; that of the last few is kept."""
        pairs: list[bytes] = []
        for name, write in self._shared_writers:
            pairs += write(values[name])
        subject = self._static_subject
        if not subject and self._has_shared_subject:
            subject = self._subject_line(values)
        if len(self._written) >= _REMEMBERED:
            self._written.clear()
        self._written[key] = written = (pairs, subject)
        return written

    def _subject_line(self, values: Mapping[str, str]) -> bytes:
        filled = "".join([node if isinstance(node, str) else values[node.name] for node in self._subject])
        if line := encoding.filled_subject_line(filled):
            return line
        everything = dict(self._frame.shop) | dict(values)
        return encoding.subject_line(
            language.render(self._frame.programs.subject, everything, escape=Escape.HEADER)
        )


def _sample(frame: Frame) -> EmailMessage:
    """Return a mail of a frame, for its headers: what is in the places of a skeleton does not matter."""
    letter = frame.letter(
        recipient=Mailbox("", "somebody", "shop.example"),
        rendered=Rendered("x", "x", "x"),
        date=_SAMPLE_DATE,
        message_id="<x>",
        opt_out_url=_SAMPLE_URL if "opt_out_url" in frame.shape else dict(frame.shop).get("opt_out_url", ""),
    )
    mail = letters.build(letter)
    # "=_" stands in no quoted-printable text (RFC 2045, 6.7), the rest keeps people from writing it elsewhere.
    mail.set_boundary(f"=_{secrets.token_hex(12)}")
    return mail


def _flat(program: Program, frame: Frame, escape: Escape) -> list[str | Place]:
    """Return the text of a program for one shape: literals, and between each two of them a place.

    :raises UnusableValue: when a variable of the shop cannot stand in its place.
    """
    shop = dict(frame.shop)
    flat: list[str | Place] = [""]

    def walk(nodes: Iterable[Node]) -> None:
        for node in nodes:
            if isinstance(node, Condition):
                walk(node.then if node.name in frame.shape or shop.get(node.name) else node.otherwise)
            elif isinstance(node, Place) and node.name in frame.shape:
                flat.extend((node, ""))
            else:
                text = (
                    node if isinstance(node, str) else language.written(node, shop.get(node.name, ""), escape)
                )
                flat[-1] = f"{flat[-1]}{text}"

    walk(program.nodes)
    return flat


def _demand(names: Iterable[str], values: Mapping[str, str]) -> None:
    for name in names:
        if not values.get(name):
            raise UnusableValue(name=name)
