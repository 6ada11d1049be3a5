"""Templates of mails: checked and compiled when they are saved, kept ready while they are used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from guestlist.mail import builtin, markup
from guestlist.mail.language import Escape, Program, parse, render
from guestlist.mail.markup import compile_mjml
from guestlist.mail.models import Template, TemplateText, TemplateVersion
from guestlist.mail.variables import Form, Variable, required_of, samples_of, variables_of
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from django_stubs_ext import StrOrPromise

__all__ = [
    "Compiled",
    "Escape",
    "MissingVariables",
    "Rendered",
    "as_trial",
    "check_subject",
    "check_text",
    "compile_mjml",
    "compiled",
    "compiled_design",
    "fill",
    "in_language",
    "install",
    "parse",
    "render",
    "render_all",
    "required_of",
    "samples_of",
    "validate",
    "variables_of",
]

MAX_SUBJECT_TEMPLATE = 250
FALLBACK_LANGUAGE = "en"
TRIAL_MARK = "[Test]"
"""How the subject of a test mail begins, in every language."""
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_BANNER = "padding:12px 16px;background:#fff3cd;color:#3d2c00;font:14px/1.4 sans-serif;text-align:center"


class MissingVariables(Refusal):
    """A template that would send mails without what every mail must have."""

    code = "missing_variables"
    message = _("%(part)s must contain %(words)s, and not only under a condition.")


class UnusableSubject(Refusal):
    """A subject of several lines, or without words."""

    code = "unusable_subject"
    message = _("The subject must be one line of at most 250 characters, without variables of several lines.")


@dataclass(frozen=True, slots=True)
class Compiled:
    """The three programs of a template in one language."""

    subject: Program
    text: Program
    html: Program


@dataclass(frozen=True, slots=True)
class Rendered:
    """The words of one mail."""

    subject: str
    text: str
    html: str


def validate(*, purpose: str, subject: str, text: str, mjml: str) -> str:
    """Return the compiled HTML of a template that staff want to keep, after checking all of it.

    :raises Refusal: with the reason, when any of the three cannot be used; then the old version stays.
    """
    check_subject(purpose, subject)
    check_text(purpose, text)
    return compiled_design(purpose, mjml)


def compiled_design(purpose: str, mjml: str) -> str:
    """Return the HTML of a template's design, after checking it.

    :raises Refusal: with the reason, when it cannot be used.
    """
    variables = variables_of(purpose)
    html = compile_mjml(mjml)
    markup.inspect(html, variables=variables)
    parse(mjml, variables=variables)  # first, so that the line in the answer is one that the writer sees
    _demand(_("The design"), parse(html, variables=variables), purpose)
    return html


def check_subject(purpose: str, subject: str) -> None:
    """Check the subject of a template.

    :raises Refusal: with the reason, when it cannot be used.
    """
    _subject(subject, variables_of(purpose))


def check_text(purpose: str, text: str) -> None:
    """Check the text part of a template.

    :raises Refusal: with the reason, when it cannot be used.
    """
    _demand(_("The text"), parse(text, variables=variables_of(purpose)), purpose)


def _demand(part: StrOrPromise, program: Program, purpose: str) -> None:
    required = required_of(purpose)
    if missing := required - program.certain(required):
        words = ", ".join(f"{{{{ {name} }}}}" for name in sorted(missing))
        raise MissingVariables(part=part, words=words)


def render_all(programs: Compiled, values: Mapping[str, str]) -> Rendered:
    """Return subject, text and HTML of one mail.

    :raises UnusableValue: when a value cannot stand in its place.
    """
    return Rendered(
        subject=render(programs.subject, values, escape=Escape.HEADER),
        text=render(programs.text, values, escape=Escape.NONE),
        html=render(programs.html, values, escape=Escape.HTML),
    )


@lru_cache(maxsize=256)
def compiled(*, purpose: str, subject: str, text: str, html: str) -> Compiled:
    """Return the programs of a kept template; the last 256 stay ready in this process."""
    variables = variables_of(purpose)
    return Compiled(
        subject=parse(subject, variables=variables),
        text=parse(text, variables=variables),
        html=parse(html, variables=variables),
    )


def fill(text: TemplateText, *, purpose: str, values: Mapping[str, str]) -> Rendered:
    """Return a kept template's words with the values in their places.

    :raises UnusableValue: when a value cannot stand in its place.
    """
    return render_all(compiled(purpose=purpose, subject=text.subject, text=text.text, html=text.html), values)


def as_trial(words: Rendered, notice: str) -> Rendered:
    """Return the words of a template so that nobody takes them for a mail that was meant: with a notice above them."""
    banner = f'<div style="{_BANNER}">{escape(notice)}</div>'
    marked, count = _BODY.subn(lambda body: body[0] + banner, words.html, count=1)
    return Rendered(
        subject=f"{TRIAL_MARK} {words.subject}",
        text=f"{notice}\n\n{words.text}",
        html=marked if count else banner + words.html,
    )


def in_language(texts: Iterable[TemplateText], language: str) -> TemplateText | None:
    """Return the words that a store view with this language gets: its own, else English, else any; None without any."""
    by_language = {text.language: text for text in texts}
    fallback = by_language.get(FALLBACK_LANGUAGE) or next(iter(by_language.values()), None)
    return by_language.get(language, fallback)


def install(*, now: datetime.datetime) -> None:
    """Install the built-in templates; one whose words changed gets a new version, and what is queued keeps the old."""
    if TemplateText._meta.db_table not in connection.introspection.table_names():
        return  # the migrations ran only part of the way
    for code, name in builtin.NAMES.items():
        sources = builtin.sources(code)
        digest = builtin.digest(sources, compiler=markup.COMPILER)
        with transaction.atomic():
            template, _created = Template.objects.update_or_create(
                code=code, defaults={"name": name, "purpose": code, "is_builtin": True}
            )
            newest = TemplateVersion.objects.filter(template=template).order_by("-number").first()
            if newest is None or newest.digest != digest:
                number = 1 if newest is None else newest.number + 1
                version = TemplateVersion.objects.create(
                    template=template, number=number, digest=digest, created_at=now
                )
                TemplateText.objects.bulk_create(_built(version, code, source) for source in sources)


def _built(version: TemplateVersion, purpose: str, source: builtin.Source) -> TemplateText:
    html = validate(purpose=purpose, subject=source.subject, text=source.text, mjml=source.mjml)
    return TemplateText(
        version=version,
        language=source.language,
        subject=source.subject,
        text=source.text,
        mjml=source.mjml,
        html=html,
    )


def _subject(subject: str, variables: dict[str, Variable]) -> Program:
    if not subject.strip() or len(subject) > MAX_SUBJECT_TEMPLATE or "\n" in subject or "\r" in subject:
        raise UnusableSubject
    program = parse(subject, variables=variables)
    if any(variables[name].form is Form.LINES for name in program.variables()):
        raise UnusableSubject
    return program
