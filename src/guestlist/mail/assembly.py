"""The pieces of a finished mail in a row: constant ones, and the places between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guestlist.mail import encoding, letters
from guestlist.mail.encoding import SOFT_BREAK
from guestlist.mail.language import Place
from guestlist.mail.variables import Form

if TYPE_CHECKING:
    from email.message import EmailMessage, MIMEPart


class Assembly:
    """Puts the constant pieces of a mail in a row, with a place between each two.

    ``order`` says what comes into these places, as indexes of the list that a filling makes: text and HTML of each value,
    then the headers of ``_HEADERS``, then the values at ``ended`` once more, with a line end behind them.
    """

    _HEADERS = ("subject", "to", "date", "message-id", "list-unsubscribe")

    def __init__(self, names: list[str], *, has_way_out: bool) -> None:
        """Begin with nothing; ``names`` are those of the values, in the order in which a filling writes them."""
        self.constants = [b""]
        self.order: list[int] = []
        self.ended: list[int] = []
        self._names = names
        headers = self._HEADERS if has_way_out else self._HEADERS[:-1]
        self._headers = {name: 2 * len(names) + index for index, name in enumerate(headers)}
        self._first_ended = 2 * len(names) + len(headers)

    def pieces(self) -> list[bytes]:
        """Return the constant pieces, and nothing yet in the places between."""
        pieces = [b""] * (2 * len(self.order) + 1)
        pieces[::2] = self.constants
        return pieces

    def mail(self, sample: EmailMessage, *, bodies: tuple[list[str | Place], list[str | Place]]) -> None:
        """Take the headers from a sample, and between them the bodies of its two parts."""
        boundary = f"--{sample.get_boundary()}".encode("ascii")
        self._head(sample)
        for index, part in enumerate(sample.iter_parts()):
            self._constant(boundary + b"\r\n")
            self._head(part)
            self._body(bodies[index], offset=index)
            self._constant(b"\r\n")
        self._constant(boundary + b"--\r\n")

    def _head(self, message: MIMEPart) -> None:
        for name, value in message.raw_items():
            if name.lower() in self._headers:
                self._place(self._headers[name.lower()])
            else:
                self._constant(letters.POLICY.fold_binary(name, value))
        self._constant(b"\r\n")

    def _body(self, nodes: list[str | Place], *, offset: int) -> None:
        *literals, ending = [node for node in nodes if isinstance(node, str)]
        places = [node for node in nodes if isinstance(node, Place)]
        for literal, place in zip(literals, places, strict=True):
            encoded = encoding.quoted_printable(literal)
            self._constant(encoded if encoded.endswith(b"\n") or not encoded else encoded + SOFT_BREAK)
            self._place(2 * self._names.index(place.name) + offset)
            self._constant(SOFT_BREAK)
        if places and not ending and places[-1].form is Form.LINES:
            # The library ends a body with a line end unless there is one, and that may be the value's.
            self.ended.append(self.order[-1])
            self.order[-1] = self._first_ended + len(self.ended) - 1
            self.constants[-1] = b""
        else:
            self._constant(encoding.quoted_printable(ending if ending.endswith("\n") else f"{ending}\n"))

    def _constant(self, piece: bytes) -> None:
        self.constants[-1] += piece

    def _place(self, index: int) -> None:
        self.order.append(index)
        self.constants.append(b"")
