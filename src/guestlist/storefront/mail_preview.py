"""The mail of an invitation before there is one: what the friend will see, with links that do not work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guestlist.invitations import emails
from guestlist.mail import actions as mail
from guestlist.mail import shop, templates
from guestlist.mail.models import SenderIdentity, TemplateText

if TYPE_CHECKING:
    import datetime

    from guestlist.customers.models import Customer
    from guestlist.invitations.config import Invitations
    from guestlist.occasions.models import Occasion
    from guestlist.stores.models import StoreView


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as it will be: who it comes from, its subject and its two parts."""

    sender: str
    subject: str
    text: str
    html: str


def of(
    *,
    inviter: Customer,
    store_view: StoreView,
    message: str,
    occasion: Occasion | None,
    invitee_address: str,
    config: Invitations,
    now: datetime.datetime,
) -> Preview:
    """Return the mail that the friend at the address will get.

    :raises NoTemplate: when the configured template is gone.
    :raises UnusableValue: when something in it cannot stand in a mail.
    """
    version = mail.current_version(config.template)
    text = _text(version.pk, store_view.language)
    programs = templates.compiled(
        purpose=emails.InvitationKind.purpose, subject=text.subject, text=text.text, html=text.html
    )
    variables = shop.variables(store_view) | emails.preview_variables(
        store_view,
        config,
        inviter=inviter,
        message=message,
        occasion=occasion,
        invitee_address=invitee_address,
        now=now,
    )
    rendered = templates.render_all(programs, variables)
    sender = SenderIdentity.objects.filter(website=store_view.website_id, code=config.sender).first()
    return Preview(str(sender or store_view.name), rendered.subject, rendered.text, rendered.html)


def _text(version_id: int, language: str) -> TemplateText:
    texts = {
        text.language: text for text in TemplateText.objects.filter(version=version_id).order_by("language")
    }
    return texts.get(language) or texts.get("en") or next(iter(texts.values()))
