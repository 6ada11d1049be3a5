"""Mails as they will look, for staff to see before anything leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guestlist.invitations import config, emails
from guestlist.mail import actions as mail
from guestlist.mail import shop, templates, variables

if TYPE_CHECKING:
    import datetime

    from guestlist.mail.models import TemplateText
    from guestlist.occasions.models import Occasion
    from guestlist.stores.models import StoreView


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail's words and design; ``language`` is the one it was found in."""

    subject: str
    text: str
    html: str
    language: str


def of_invitation(
    store_view: StoreView, *, message: str, occasion: Occasion | None, address: str, now: datetime.datetime
) -> Preview:
    """Return the mail that staff's invitation will be, with a link that says it does not work.

    :raises NoTemplate: when the configured template is gone.
    """
    options = config.of(store_view)
    values = shop.variables(store_view) | emails.preview_variables(
        store_view,
        options,
        inviter=None,
        message=message,
        occasion=occasion,
        invitee_address=address,
        now=now,
    )
    texts = {one.language: one for one in mail.current_version(options.template).texts.all()}
    text = texts.get(store_view.language) or texts.get("en") or next(iter(texts.values()))
    return _of(text, emails.InvitationKind.purpose, values)


def of_template(text: TemplateText, purpose: str) -> Preview:
    """Return a kept template filled with sample values."""
    return _of(text, purpose, variables.samples_of(purpose, text.language))


def _of(text: TemplateText, purpose: str, values: dict[str, str]) -> Preview:
    programs = templates.compiled(purpose=purpose, subject=text.subject, text=text.text, html=text.html)
    made = templates.render_all(programs, values)
    return Preview(made.subject, made.text, made.html, text.language)
