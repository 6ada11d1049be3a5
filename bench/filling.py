"""Fills the outbox of a shop by the product's own actions, so that history, figures and totals are as always.

Half of the mails are one bulk send by staff, the others customers' own invitations; half of all have words of the
inviter's. The shop's sender is stopped when this ends: workers that already run wait until `bench.shop` releases it.

    python -m bench.filling MAILS       fills the database that the environment names
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from guestlist.mail.models import Send
    from guestlist.stores.models import StoreView

LETTER = Path(__file__).with_name("letter")
AT_ONCE = 1_000
"""Invitations that are made in one transaction."""
_NAMES = (
    ("Emma", "Clarke"),
    ("Zoë", "Hébert"),
    ("Jan-Willem", "van den Berg"),
    ("Noor", "Jansen"),
    ("Ali", "Öz"),
)
_DOMAINS = ("example.com", "example.net", "example.org", "mail.example.com")
_WORDS = "Hi!\n\nThey have the wool you were looking for, and “the good tea” too. Have a look around!"


def main() -> None:
    """Fill the database that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mails", type=int)
    parser.add_argument(
        "--built-in", action="store_true", help="with the built-in template, not the short one"
    )
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestlist.settings")
    import django

    django.setup()
    from django.utils import timezone

    fill(mails=options.mails, built_in=options.built_in, now=timezone.now())


def fill(*, mails: int, now: datetime.datetime, built_in: bool = False, at_once: int = AT_ONCE) -> None:
    """Put so many mails into the outbox, ready to leave as soon as their sender is started; opens the shop when needed."""
    from guestlist.invitations.models import Invitation
    from guestlist.mail.models import SenderIdentity

    view = store_view(built_in=built_in, now=now)
    SenderIdentity.objects.filter(website=view.website_id).update(
        stopped_at=now, stopped_reason="being filled"
    )
    first = Invitation.objects.count()
    by_staff = mails // 2
    send = _open_send(view, now) if by_staff else None
    for numbers, message in _parts(range(first, first + by_staff), at_once):
        _invite_as_staff(view, numbers, message, send, now)
    for numbers, message in _parts(range(first + by_staff, first + mails), at_once):
        _invite_as_customer(view, numbers, message, now)


def _parts(numbers: range, at_once: int) -> Iterator[tuple[range, str]]:
    """Cut the numbers of mails into parts of one transaction, half of each with the inviter's words."""
    half = max(at_once // 2, 1)
    for position, start in enumerate(range(0, len(numbers), half)):
        yield numbers[start : start + half], _WORDS if position % 2 else ""


def _addresses(numbers: range) -> list[str]:
    return [f"friend{number}@{_DOMAINS[number % len(_DOMAINS)]}" for number in numbers]


def store_view(*, built_in: bool, now: datetime.datetime) -> StoreView:
    """Return the store view of a new shop, with its sender and template: the shop of all benchmarks."""
    from guestlist.customers import actions as customers
    from guestlist.invitations.config import Invitations
    from guestlist.mail import actions as mail
    from guestlist.mail.config import Delivery
    from guestlist.stores import actions as stores
    from guestlist.stores import config
    from guestlist.stores.actors import SYSTEM
    from guestlist.stores.models import StoreView

    found = StoreView.objects.select_related("website").filter(code="bench").first()
    if found is not None:
        return found
    website = stores.open_website(code="bench", name="Linden & Loom")
    view = stores.open_store_view(
        website=website,
        code="bench",
        name="Linden & Loom",
        language="en",
        base_url="https://shop.example",
        legal_name="Linden & Loom Ltd.",
        postal_address="12 Mill Lane, York YO1 7AB, United Kingdom",
        contact_address="hello@example.com",
        privacy_url="https://shop.example/privacy/",
    )
    customers.set_default_group(store_view=view, group=customers.create_group(code="general", name="General"))
    mail.set_sender(website=website, code="general", name=view.name, address="shop@example.com")
    options: list[tuple[type[config.Section], str, object]] = [
        (Delivery, "send_from", 0),
        (Delivery, "send_until", 24),
    ]
    if not built_in:
        options.append((Invitations, "template", _short_template(now)))
    for section, name, value in options:
        stores.override(section=section, name=name, value=value, place=config.DEFAULT, actor=SYSTEM, now=now)
    return view


def _short_template(now: datetime.datetime) -> str:
    from guestlist.mail import editing

    words = editing.Words(
        language="en",
        subject=words_of("subject.txt"),
        text=words_of("text.txt"),
        mjml=words_of("design.mjml"),
    )
    version = editing.save_template(
        template=None, name="Short invitation", purpose="invitation", words=[words], now=now
    )
    return version.template.code


def words_of(name: str) -> str:
    """Return one part of the short mail: subject.txt, text.txt or design.mjml."""
    return (LETTER / name).read_text(encoding="utf-8").strip()


def _open_send(view: StoreView, now: datetime.datetime) -> Send:
    from guestlist.mail import sends
    from guestlist.mail.models import SenderIdentity, SendOrigin

    return sends.open_send(
        store_view=view,
        sender=SenderIdentity.objects.get(website=view.website_id, code="general"),
        origin=SendOrigin.STAFF,
        created_by_id=None,
        ready_at=now,
        late_after_hours=24,
        now=now,
    )


def _invite_as_staff(
    view: StoreView, numbers: range, message: str, send: Send | None, now: datetime.datetime
) -> None:
    from django.db import transaction

    from guestlist.invitations import actions as invitations
    from guestlist.invitations.actions import sending
    from guestlist.invitations.config import Invitations
    from guestlist.stores import config
    from guestlist.stores.actors import SYSTEM

    options = config.resolve(Invitations, config.at(view)).value
    verdicts = invitations.invite_as_staff(
        actor=SYSTEM,
        store_view=view,
        addresses=_addresses(numbers),
        message=message,
        ready_at=None,
        config=options,
        now=now,
    )
    made = [verdict.invitation for verdict in verdicts if verdict.invitation is not None]
    # One send of any size, as an imported file becomes; the form for staff takes 2,000 addresses at a time.
    with transaction.atomic():
        sending.queue(made, config=options, ready_at=now, now=now, send=send)


def _invite_as_customer(view: StoreView, numbers: range, message: str, now: datetime.datetime) -> None:
    from guestlist.customers import actions as customers
    from guestlist.customers.models import CustomerGroup
    from guestlist.invitations import actions as invitations
    from guestlist.invitations.config import Invitations
    from guestlist.stores import config

    options = config.resolve(Invitations, config.at(view)).value.model_copy(update={"max_at_once": AT_ONCE})
    first_name, last_name = _NAMES[numbers[0] // len(numbers) % len(_NAMES)]
    inviter = customers.create_customer(
        store_view=view,
        group=CustomerGroup.objects.get(code="general"),
        email=f"customer{numbers[0]}@example.com",
        first_name=first_name,
        last_name=last_name,
        now=now,
    )
    invitations.invite(
        inviter=inviter,
        store_view=view,
        addresses=_addresses(numbers),
        message=message,
        config=options,
        now=now,
    )


if __name__ == "__main__":
    main()
