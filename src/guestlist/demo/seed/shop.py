"""Websites, store views, groups and staff of the example shop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import make_password
from django.core.files.base import ContentFile

from guestlist.customers import actions as customers
from guestlist.customers import grants
from guestlist.customers.models import CustomerGroup, Grant, Role
from guestlist.mail import actions as mail
from guestlist.mail.config import Delivery
from guestlist.mail.models import SenderIdentity
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM
from guestlist.stores.models import StoreView, Website

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

PASSWORD = "guestlist-demo"  # noqa: S105 - it is printed at the start; the accounts exist in the demo alone
SIGN_INS = frozenset({"customer@example.com", "wholesale@example.com"})
"""Customers that people sign in as."""
_ART = Path(__file__).parents[1] / "art"

_CLAY = {
    "legal_name": "Klei & Kamille B.V.",
    "postal_address": "Bolwerksweg 12, 7201 NN Zutphen",
    "registration_number": "KvK 01234567",
    "accent_color": "#a8492f",
    "contact_address": "klei@example.com",
}
_ATTIC = {
    "legal_name": "De Zolder B.V.",
    "postal_address": "Havenstraat 3, 7411 DA Deventer",
    "registration_number": "KvK 07654321",
    "accent_color": "#2f6394",
    "contact_address": "zolder@example.com",
}
_VIEWS = (
    # code, website, name, language, path, currency, time zone
    ("klei_nl", "klei", "Klei & Kamille", "nl", "", "EUR", "Europe/Amsterdam"),
    ("klei_en", "klei", "Klei & Kamille International", "en", "/en", "GBP", "Europe/London"),
    ("klei_de", "klei", "Klei & Kamille Deutschland", "de", "/de", "EUR", "Europe/Berlin"),
    ("zolder_nl", "zolder", "De Zolder", "nl", "/outlet", "EUR", "Europe/Amsterdam"),
)
_WEBSITES = {
    "klei": ("Klei & Kamille", "klei-en-kamille.svg", _CLAY),
    "zolder": ("De Zolder", "de-zolder.svg", _ATTIC),
}
_GROUPS = (
    # VIPs are made by the shop, not by their friends.
    ("general", "General", True),
    ("wholesale", "Wholesale", True),
    ("retailer", "Retailer", True),
    ("vip", "VIP", False),
)
_STAFF = (
    # address, names, role, website (none: all of them), whether all of the staff site is theirs
    ("staff@example.com", ("Noor", "Hendriks"), "owner", None, True),
    ("marketing@example.com", ("Fatima", "Yilmaz"), "marketing", "klei", False),
    ("support@example.com", ("Bram", "Dijkstra"), "support", "klei", False),
)


def open_shops(*, base_url: str) -> dict[str, StoreView]:
    """Open both websites with their store views and groups; returns the views by their code."""
    groups = {
        code: customers.create_group(code=code, name=name, may_be_given=may_be_given)
        for code, name, may_be_given in _GROUPS
    }
    websites = {
        code: stores.open_website(code=code, name=name) for code, (name, _logo, _data) in _WEBSITES.items()
    }
    for code, website in websites.items():
        _name_senders(website, address=_WEBSITES[code][2]["contact_address"])
    views = {row[0]: _open_view(websites[row[1]], row, base_url) for row in _VIEWS}
    for view in views.values():
        customers.set_default_group(store_view=view, group=groups["general"])
    return views


def _open_view(website: Website, row: tuple[str, ...], base_url: str) -> StoreView:
    code, website_code, name, language, path, currency, time_zone = row
    _name, logo, details = _WEBSITES[website_code]
    here = f"{base_url}{path}"
    view = stores.open_store_view(
        website=website,
        code=code,
        name=name,
        language=language,
        base_url=here,
        currency=currency,
        time_zone=time_zone,
        privacy_url=f"{here}/privacy/",
        terms_url=f"{here}/terms/",
        **details,
    )
    # One of a planting that was interrupted may lie there.
    view.logo.storage.delete(f"logos/{code}.svg")
    view.logo.save(f"{code}.svg", ContentFile((_ART / logo).read_bytes()))
    return view


def _name_senders(website: Website, *, address: str) -> None:
    names = {
        SenderIdentity.Code.GENERAL: website.name,
        SenderIdentity.Code.SALES: f"Verkoop {website.name}",
        SenderIdentity.Code.SUPPORT: f"Klantenservice {website.name}",
        SenderIdentity.Code.CUSTOM_1: f"Events {website.name}",
        SenderIdentity.Code.CUSTOM_2: f"Private sales {website.name}",
    }
    for code, name in names.items():
        mail.set_sender(website=website, code=code, name=name, address=address, reply_to=address)


def hire(views: Mapping[str, StoreView]) -> None:
    """Give the staff their accounts and rights."""
    grants.make_roles()
    websites = {view.website.code: view.website for view in views.values()}
    for email, (first_name, last_name), role, website, everything in _STAFF:
        user = customers.create_user(
            email=email,
            hashed=make_password(PASSWORD),
            first_name=first_name,
            last_name=last_name,
            verified=True,
        )
        user.is_staff = True
        user.is_superuser = everything
        user.save(update_fields=["is_staff", "is_superuser"])
        Grant.objects.create(
            user=user, role=Role.objects.get(code=role), website=websites[website] if website else None
        )


def send_at_all_hours(*, now: datetime.datetime) -> None:
    """Let bulk mail leave by day and by night: who tries the demo in the evening wants to see it go."""
    for name, hour in (("send_from", 0), ("send_until", 24)):
        stores.override(section=Delivery, name=name, value=hour, place=config.DEFAULT, actor=SYSTEM, now=now)


def group(code: str) -> CustomerGroup:
    """Return a customer group by its code."""
    return CustomerGroup.objects.get(code=code)


def move(*, old: str, new: str) -> None:
    """Exchange the beginning of every address that the store views have."""
    for view in StoreView.objects.filter(base_url__startswith=old):
        for name in ("base_url", "privacy_url", "terms_url"):
            setattr(view, name, getattr(view, name).replace(old, new, 1))
        view.save(update_fields=["base_url", "privacy_url", "terms_url"])
