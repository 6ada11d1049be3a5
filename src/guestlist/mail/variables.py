"""What a template may say: every variable with its sentence and a sample of it per language."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django_stubs_ext import StrOrPromise


class Form(enum.Enum):
    """How the value of a variable is written into HTML."""

    TEXT = "text"
    LINES = "lines"  # line breaks are kept
    URL = "url"
    COLOR = "color"  # the only form that may stand in a style sheet


@dataclass(frozen=True, slots=True)
class Variable:
    """One `{{ name }}` that a template of some purpose may use."""

    name: str
    form: Form
    sentence: StrOrPromise
    samples: Mapping[str, str]
    required: bool = False
    is_own: bool = False
    """Whether hardly two mails have the same; links never do."""

    def sample(self, language: str) -> str:
        """Return an example of its value in a language, in English where there is none."""
        return self.samples.get(language.split("-", maxsplit=1)[0], self.samples["en"])


def _variable(
    name: str,
    sentence: StrOrPromise,
    en: str,
    nl: str | None = None,
    *,
    form: Form = Form.TEXT,
    required: bool = False,
    is_own: bool = False,
) -> Variable:
    samples = {"en": en, "nl": en if nl is None else nl}
    return Variable(name, form, sentence, samples, required, is_own or form is Form.URL)


_SHOP = (
    _variable("store_name", _("The name of the shop."), "Linden & Loom", "Linde & Draad", required=True),
    _variable(
        "store_url", _("The address of the shop's front page."), "https://shop.example/", form=Form.URL
    ),
    _variable(
        "logo_url",
        _("The address of the shop's logo; empty where the store view has none."),
        "",
        form=Form.URL,
    ),
    _variable("accent", _("The color of the button."), "#1f5f4f", form=Form.COLOR),
    _variable(
        "accent_text", _("A color that can be read on that of the button."), "#ffffff", form=Form.COLOR
    ),
    _variable("legal_name", _("The company behind the shop."), "Linden & Loom Ltd.", "Linde & Draad B.V."),
    _variable(
        "postal_address",
        _("The company's postal address; it may have several lines."),
        "12 Mill Lane\nYork YO1 7AB\nUnited Kingdom",
        "Oudegracht 112\n3511 AW Utrecht",
        form=Form.LINES,
    ),
    _variable(
        "registration_number",
        _("The company's number in the trade register; it may be empty."),
        "Companies House 01234567",
        "KvK 12345678",
    ),
    _variable(
        "privacy_url",
        _("The page that tells what the shop keeps about people."),
        "https://shop.example/privacy/",
        form=Form.URL,
    ),
    _variable("contact_address", _("The address where people reach the shop."), "hello@shop.example"),
)

_INVITATION = (
    _variable(
        "invitation_url",
        _("The link to the invitation."),
        "https://shop.example/invitation/preview/",
        form=Form.URL,
        required=True,
    ),
    _variable(
        "message",
        _("What the inviter wrote; empty when nothing was written. Line breaks are kept."),
        "Hi Noor,\n\nThey have the wool you were looking for. Have a look around!",
        "Hoi Noor,\n\nZe hebben die wol waar je naar zocht. Kijk gerust eens rond!",
        form=Form.LINES,
    ),
    _variable(
        "inviter_name",
        _("The name of the customer who invites; empty when the shop itself invites."),
        "Emma Clarke",
        "Sanne de Vries",
    ),
    _variable(
        "inviter_address",
        _("The email address of the customer who invites; empty when the shop itself invites."),
        "emma@mail.example",
        "sanne@post.example",
    ),
    _variable(
        "occasion",
        _("What the invitation is for; empty when it is for the shop itself."),
        "the autumn preview",
        "de herfstpreview",
    ),
    _variable(
        "expires",
        _("The day until which the invitation is good, as people write it; it may be empty."),
        "21 December 2026",
        "21 december 2026",
    ),
    _variable(
        "decline_url",
        _("The page where the invited person declines this invitation."),
        "https://shop.example/never-again/preview/",
        form=Form.URL,
    ),
    _variable(
        "opt_out_url",
        _("The page where the invited person asks never to be invited by this shop again."),
        "https://shop.example/never-again/preview/",
        form=Form.URL,
        required=True,
    ),
    _variable(
        "invitee_address",
        _("The address that the invitation is sent to."),
        "noor@mail.example",
        "noor@post.example",
        is_own=True,
    ),
)

_ACTION = (
    _variable(
        "action_url",
        _("The link on the button of the mail."),
        "https://shop.example/account/confirm-email/preview/",
        form=Form.URL,
        required=True,
    ),
    _variable("valid_days", _("For how many days the link works; empty when it never ends."), "3"),
)

_ACCOUNT = (
    *_ACTION,
    _variable(
        "person_name",
        _("The name of the person the mail is for; it may be empty."),
        "Noor Jansen",
        is_own=True,
    ),
)


def _figures() -> tuple[Variable, ...]:
    """Return the figures of a week, each beside that of the week before."""
    told = (
        ("invited", _("Invitations made in the week, sent or not."), "1,240", "1.240"),
        ("sent", _("Invitations that left in the week for the first time."), "1,180", "1.180"),
        ("accepted", _("Invitations that somebody accepted in the week."), "312", "312"),
        ("joined", _("Those accepted by somebody who became a customer by it."), "287", "287"),
        ("buyers", _("Invited people whose first order was placed in the week."), "64", "64"),
        ("undeliverable", _("Invitations that ended because their mail could not be delivered."), "9", "9"),
    )
    before = {"invited": "980", "sent": "951", "accepted": "240", "joined": "221", "buyers": "58"}
    found = []
    for name, sentence, en, nl in told:
        found.append(_variable(name, sentence, en, nl))
        found.append(_variable(f"{name}_before", _("The same of the week before."), before.get(name, "12")))
    return tuple(found)


_MONDAY = (
    _variable("reader_name", _("The first name of the reader; it may be empty."), "Mia", is_own=True),
    _variable(
        "week", _("The week that it is about, in words."), "16 Nov – 22 Nov 2026", "16 nov – 22 nov 2026"
    ),
    _variable(
        "websites",
        _("The names of the websites that were counted together; empty where there is one."),
        "Linden & Loom, Linden & Loom Outlet",
        "Linde & Draad, Linde & Draad Outlet",
    ),
    *_figures(),
    _variable(
        "troubles",
        _("What somebody should look at, a line each; empty when all is well."),
        "3 of the newest invitations could not be delivered.\n1 bulk send is held until somebody releases it.",
        "3 van de nieuwste uitnodigingen konden niet worden bezorgd.\n"
        "1 bulkverzending wordt vastgehouden tot iemand die vrijgeeft.",
        form=Form.LINES,
    ),
    _variable(
        "top_inviters",
        _("The customers who sent most in the week, a line each; empty where there are none to name."),
        "Emma Clarke: 14 sent, 5 accepted\nNoor Jansen: 9 sent, 2 accepted",
        "Emma Clarke: 14 verzonden, 5 geaccepteerd\nNoor Jansen: 9 verzonden, 2 geaccepteerd",
        form=Form.LINES,
    ),
    _variable(
        "report_url",
        _("The report on the week, for staff who sign in."),
        "https://shop.example/staff/reports/invitations/",
        form=Form.URL,
        required=True,
    ),
    _variable(
        "today_url",
        _("The page Today, for staff who sign in."),
        "https://shop.example/staff/reports/today/",
        form=Form.URL,
    ),
    _variable(
        "choice_url",
        _("The page where staff choose who gets this mail."),
        "https://shop.example/staff/reports/monday/",
        form=Form.URL,
        required=True,
    ),
)

_PURPOSES: dict[str, tuple[Variable, ...]] = {
    "invitation": _SHOP + _INVITATION,
    "confirm_address": _SHOP + _ACCOUNT,
    "reset_password": _SHOP + _ACCOUNT,
    "account_exists": _SHOP + _ACCOUNT,
    "lift_suppression": _SHOP + _ACTION,
    "monday_report": _SHOP + _MONDAY,
}


def variables_of(purpose: str) -> dict[str, Variable]:
    """Return the variables that templates of a purpose may use, by name, in the order of the docs."""
    return {variable.name: variable for variable in _PURPOSES[purpose]}


def of_shop() -> frozenset[str]:
    """Return the names of the variables that mail fills in itself, from the store view."""
    return frozenset(variable.name for variable in _SHOP)


def samples_of(purpose: str, language: str) -> dict[str, str]:
    """Return a sample value for every variable of a purpose, for previews and the documentation."""
    return {name: variable.sample(language) for name, variable in variables_of(purpose).items()}


def required_of(purpose: str) -> frozenset[str]:
    """Return the names of the variables that no mail of a purpose may lack."""
    return frozenset(v.name for v in _PURPOSES[purpose] if v.required)


def hardly_shared(purpose: str) -> frozenset[str]:
    """Return the names of the variables of a purpose of which hardly two mails have the same value."""
    return frozenset(v.name for v in _PURPOSES[purpose] if v.is_own)
