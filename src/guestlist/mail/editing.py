"""Templates that staff make: checked whole, compiled, and kept as a new version each time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from guestlist.mail import templates
from guestlist.mail.models import Template, TemplateText, TemplateVersion
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

_CODE_LENGTH = 40
_PARTS = {"subject": _("The subject"), "text": _("The text"), "mjml": _("The design")}


class BuiltInTemplate(Refusal):
    """The templates that come with the product stay as they are."""

    code = "built_in_template"
    message = _("A built-in template stays as it is. Make one of your own from it.")


class NoWords(Refusal):
    """A template without a single language."""

    code = "no_words"
    message = _("Fill in subject, text and design in at least one language.")


class MissingPart(Refusal):
    """A language with some of its three parts filled in, and others empty."""

    code = "missing_part"
    message = _("%(part)s is missing. Fill it in, or leave all of this language empty.")


class UnusableWords(Refusal):
    """Some words cannot be used; the version that was there stays. ``faults`` in its data has them all."""

    code = "unusable_words"
    message = _("%(reason)s")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a part of one language cannot be used: ``subject``, ``text`` or ``mjml``."""

    language: str
    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class Words:
    """What a template says in one language: subject and text part, and the design as MJML."""

    language: str
    subject: str
    text: str
    mjml: str


@transaction.atomic
def save_template(
    *,
    template: Template | None,
    name: str,
    purpose: str,
    words: Sequence[Words],
    now: datetime.datetime,
) -> TemplateVersion:
    """Keep a template's words as its newest version; without a template, make one. What is queued keeps its version.

    Saving the same words again makes no new version.

    :raises BuiltInTemplate: when it is one that comes with the product.
    :raises NoWords: when no language is filled in.
    :raises UnusableWords: when one cannot be compiled; ``faults`` in its data tell which, and why. Nothing is kept then.
    """
    if template is not None and template.is_builtin:
        raise BuiltInTemplate
    if not words:
        raise NoWords
    compiled = compile_words(words, purpose=purpose)
    # Who saves at the same moment waits here, or two would take the same code or the same number.
    list(Template.objects.select_for_update(no_key=True).filter(is_builtin=True).order_by("pk"))
    kept = template or Template(code=_free_code(name), purpose=purpose)
    kept.name = name
    kept.save()
    digest = _digest(words)
    newest = TemplateVersion.objects.filter(template=kept).order_by("-number").first()
    if newest is not None and newest.digest == digest:
        return newest
    version = TemplateVersion.objects.create(
        template=kept, number=newest.number + 1 if newest else 1, digest=digest, created_at=now
    )
    _keep_texts(version, compiled)
    return version


def restore(*, version: TemplateVersion, now: datetime.datetime) -> TemplateVersion:
    """Keep the words of an old version once more, as the newest; the name stays.

    :raises BuiltInTemplate: when it is one that comes with the product.
    :raises UnusableWords: when they would not be taken any more.
    """
    template = version.template
    words = [
        Words(text.language, text.subject, text.text, text.mjml)
        for text in version.texts.order_by("language")
    ]
    return save_template(
        template=template, name=template.name, purpose=template.purpose, words=words, now=now
    )


def _keep_texts(version: TemplateVersion, compiled: Sequence[tuple[Words, str]]) -> None:
    TemplateText.objects.bulk_create(
        TemplateText(
            version=version,
            language=one.language,
            subject=one.subject,
            text=one.text,
            mjml=one.mjml,
            html=html,
        )
        for one, html in compiled
    )


def compile_words(words: Sequence[Words], *, purpose: str) -> list[tuple[Words, str]]:
    """Return words that can be used, each with the HTML of its design.

    :raises UnusableWords: with a fault for each part that cannot.
    """
    faults: list[Fault] = []
    compiled = [(one, _compiled(one, purpose, faults)) for one in words]
    if faults:
        raise UnusableWords(reason=" ".join(one.reason for one in faults), faults=tuple(faults))
    return compiled


def _compiled(words: Words, purpose: str, faults: list[Fault]) -> str:
    """Return the HTML of the design, and add what is wrong with each of the three parts."""
    html = ""
    for part, check, text in (
        ("subject", templates.check_subject, words.subject),
        ("text", templates.check_text, words.text),
        ("mjml", templates.compiled_design, words.mjml),
    ):
        try:
            if not text.strip():
                raise MissingPart(part=_PARTS[part])
            html = check(purpose, text) or ""
        except Refusal as refusal:
            faults.append(Fault(words.language, part, str(refusal)))
    return html


def _free_code(name: str) -> str:
    wanted = slugify(name)[:_CODE_LENGTH] or "template"
    taken = set(Template.objects.filter(code__startswith=wanted).values_list("code", flat=True))
    numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return next(code for code in (wanted, *numbered) if code not in taken)


def _digest(words: Sequence[Words]) -> str:
    made = hashlib.sha256()
    for one in words:
        for part in (one.language, one.subject, one.text, one.mjml):
            made.update(len(part.encode()).to_bytes(8, "big"))
            made.update(part.encode())
    return made.hexdigest()
