"""How fast one mail is made: a filled skeleton, the product's own long way, and Django's templates and mail classes.

python -m bench.rendering SECONDS       prints mails per second of each, as JSON
"""

from __future__ import annotations

import datetime
import json
import os
import sys
import time
from typing import TYPE_CHECKING

from bench.filling import words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from guestlist.mail.skeletons import Frame

_DATE = datetime.datetime(2026, 11, 21, 12, 30, tzinfo=datetime.UTC)
_SHOP = {
    "store_name": "Linden & Loom",
    "store_url": "https://shop.example/",
    "logo_url": "",
    "accent": "#1f5f4f",
    "accent_text": "#ffffff",
    "legal_name": "Linden & Loom Ltd.",
    "postal_address": "12 Mill Lane, York YO1 7AB, United Kingdom",
    "registration_number": "",
    "privacy_url": "https://shop.example/privacy/",
    "contact_address": "hello@example.com",
}
_SENDER = "shop@example.com"
_KINDS = 64
"""Different mails that are made in turn; half of them have words of the inviter's."""


def main() -> None:
    """Measure and print."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestlist.settings")
    import django

    django.setup()
    seconds = float(sys.argv[1])
    print(
        json.dumps(
            {
                "filled": _rate(_filled(), seconds),
                "full": _rate(_full(), seconds),
                "django": _rate(_django(), seconds),
            }
        )
    )


def _values(number: int) -> dict[str, str]:
    values = {
        "inviter_name": "Zoë Hébert" if number % 4 else "Emma Clarke",
        "inviter_address": "customer@example.com",
        "expires": "21 December 2026",
        "invitee_address": _address(number),
        "invitation_url": f"https://shop.example/invitation/AQEAAAAAAAB{number:09d}Zm9vYmFyYmF6cXV4/",
        "decline_url": f"https://shop.example/never-again/AQEAAAAAAAB{number:09d}Zm9vYmFyYmF6cXV4/",
        "opt_out_url": f"https://shop.example/never-again/AQEAAAAAAAB{number:09d}Zm9vYmFyYmF6cXV4/",
    }
    if number % 2:
        values["message"] = (
            "Hi!\n\nThey have the wool you were looking for, and “the good tea” too. Have a look!"
        )
    return values


def _address(number: int) -> str:
    return f"friend{number}@example.net"


def _message_id(number: int) -> str:
    return f"<{number}.0123456789abcdef01234567@example.com>"


def _rate(make: Callable[[int], bytes], seconds: float) -> float:
    """Return how often something was made in a second, after one round to warm up."""
    for number in range(_KINDS):
        assert len(make(number)) > 1000
    done, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds:
        for number in range(done, done + _KINDS):
            make(number)
        done += _KINDS
    return done / passed


def _frames() -> Callable[[dict[str, str]], Frame]:
    from guestlist.mail import templates
    from guestlist.mail.skeletons import Frame

    subject, text = words_of("subject.txt"), words_of("text.txt")
    html = templates.validate(purpose="invitation", subject=subject, text=text, mjml=words_of("design.mjml"))

    def frame(values: dict[str, str]) -> Frame:
        return Frame(
            purpose="invitation",
            subject=subject,
            text=text,
            html=html,
            language="en",
            shop=tuple(sorted(_SHOP.items())),
            sender_name="Linden & Loom",
            sender_address=_SENDER,
            reply_to_name="Linden & Loom",
            reply_to_address="hello@example.com",
            feedback_id="1:bench:invitation:guestlist-general",
            shape=frozenset(values),
        )

    return frame


def _filled() -> Callable[[int], bytes]:
    from guestlist.mail import skeletons

    frame = _frames()
    frames = [frame(_values(number)) for number in range(2)]

    def make(number: int) -> bytes:
        return skeletons.skeleton(frames[number % 2]).fill(
            _values(number),
            to_name="",
            to_address=_address(number),
            date=_DATE,
            message_id=_message_id(number),
        )

    return make


def _full() -> Callable[[int], bytes]:
    from guestlist.mail import skeletons

    frame = _frames()
    frames = [frame(_values(number)) for number in range(2)]

    def make(number: int) -> bytes:
        return skeletons.full(
            frames[number % 2],
            _values(number),
            to_name="",
            to_address=_address(number),
            date=_DATE,
            message_id=_message_id(number),
        )

    return make


def _django() -> Callable[[int], bytes]:
    from django.core.mail import EmailMultiAlternatives
    from django.template import Context, Engine

    from guestlist.mail import templates

    engine = Engine()
    html = templates.compile_mjml(words_of("design.mjml"))
    subject, text, design = (
        engine.from_string(words) for words in (words_of("subject.txt"), words_of("text.txt"), html)
    )

    def make(number: int) -> bytes:
        context = Context(_SHOP | _values(number))
        message = EmailMultiAlternatives(
            subject.render(context),
            text.render(context),
            f"Linden & Loom <{_SENDER}>",
            [_address(number)],
            headers={"Message-ID": _message_id(number)},
        )
        message.attach_alternative(design.render(context), "text/html")
        return message.message().as_bytes()

    return make


if __name__ == "__main__":
    main()
