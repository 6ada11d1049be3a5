"""Mails as they will look, for people to see before anything leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guestlist.mail import actions, editing, shop, templates, variables
from guestlist.mail.models import SenderIdentity, TemplateText

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guestlist.stores.models import StoreView


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as it will be: who it comes from, its subject and its two parts; ``language`` is the one it was found in."""

    sender: str
    subject: str
    text: str
    html: str
    language: str


def of(
    store_view: StoreView, *, template: str, sender: str, purpose: str, values: Mapping[str, str]
) -> Preview:
    """Return the mail that a store view will send with these values; ``template`` and ``sender`` are codes.

    :raises NoTemplate: when the template is gone.
    :raises UnusableValue: when something in it cannot stand in a mail.
    """
    version = actions.current_version(template)
    text = templates.in_language(
        TemplateText.objects.filter(version=version).order_by("language"), store_view.language
    )
    if text is None:
        raise actions.NoTemplate(template=template)
    identity = SenderIdentity.objects.filter(website=store_view.website_id, code=sender).first()
    return _filled(text, purpose, {**shop.variables(store_view), **values}, str(identity or store_view.name))


def of_sample(text: TemplateText, *, purpose: str) -> Preview:
    """Return a kept template filled with sample values, from nobody."""
    return _filled(text, purpose, variables.samples_of(purpose, text.language), "")


def of_words(words: editing.Words, *, purpose: str) -> Preview:
    """Return words that are not kept yet, filled with sample values, from nobody.

    :raises UnusableWords: when they could not be kept either.
    """
    [(_words, html)] = editing.compile_words([words], purpose=purpose)
    text = TemplateText(
        language=words.language, subject=words.subject, text=words.text, mjml=words.mjml, html=html
    )
    return of_sample(text, purpose=purpose)


def _filled(text: TemplateText, purpose: str, values: Mapping[str, str], sender: str) -> Preview:
    made = templates.fill(text, purpose=purpose, values=values)
    return Preview(sender, made.subject, made.text, made.html, text.language)
