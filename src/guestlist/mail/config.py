"""The options of delivery: when bulk mail leaves, how fast, and what happens to mail in doubt."""

from __future__ import annotations

from typing import ClassVar, Literal

from django.utils.translation import gettext_lazy as _

from guestlist.stores.config import Scope, Section, option


class Delivery(Section):
    """How mail leaves."""

    section: ClassVar[str] = "delivery"

    send_from: int = option(
        8,
        narrowest=Scope.STORE_VIEW,
        label=_("Bulk mail from"),
        help=_(
            "The hour, in the store view's time, from which bulk sends leave. A customer's own invitation goes at once."
        ),
        group="hours",
        ge=0,
        le=23,
    )
    send_until: int = option(
        20,
        narrowest=Scope.STORE_VIEW,
        label=_("Bulk mail until"),
        help=_("The hour at which bulk sends stop for the day. 0 to 24 means all day."),
        group="hours",
        ge=1,
        le=24,
    )
    late_after_hours: int = option(
        24,
        narrowest=Scope.WEBSITE,
        label=_("Ask before sending late, after hours"),
        help=_(
            "A scheduled send whose time passed longer ago, because no worker ran, is held until you release it."
        ),
        group="hours",
        ge=1,
        le=720,
    )
    in_doubt: Literal["resend", "hold"] = option(
        "resend",
        narrowest=Scope.WEBSITE,
        label=_("Mail in doubt"),
        help=_(
            "When a worker is killed, nobody knows of the few mails it was just handing over whether they went out. "
            "Sent again they keep their Message-ID, so that most mail programs show them once."
        ),
        group="limits",
        choices=(("resend", _("Send again")), ("hold", _("Hold for staff"))),
    )
    all_per_second: int = option(
        0,
        narrowest=Scope.DEFAULT,
        label=_("All mail, most per second"),
        help=_("0 is no limit. Each sender identity may have limits of its own."),
        group="limits",
        ge=0,
        le=100_000,
    )
    all_per_day: int = option(
        0,
        narrowest=Scope.DEFAULT,
        label=_("All mail, most per day"),
        help=_("0 is no limit; days are UTC. Single mails count, but only bulk sends wait for the next day."),
        group="limits",
        ge=0,
        le=1_000_000_000,
    )
    domain_per_second: int = option(
        0,
        narrowest=Scope.DEFAULT,
        label=_("One recipient domain, most per second"),
        help=_("0 is no limit."),
        group="limits",
        ge=0,
        le=100_000,
    )
    domain_per_day: int = option(
        0,
        narrowest=Scope.DEFAULT,
        label=_("One recipient domain, most per day"),
        help=_("0 is no limit; days are UTC. Single mails count, but only bulk sends wait for the next day."),
        group="limits",
        ge=0,
        le=1_000_000_000,
    )
