"""MJML into HTML, once, when a template is saved; and what may not stand in that HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.metadata import version
from typing import NoReturn

import mjml
from django.utils.translation import gettext_lazy as _

from guestlist.mail.variables import Form, Variable
from guestlist.refusal import Refusal

COMPILER = f"mjml-python {version('mjml-python')}"
"""Part of a template version's digest: the same source under another compiler is another version."""

_REFUSED_TAGS = frozenset(
    {"script", "iframe", "frame", "frameset", "object", "embed", "applet", "base", "svg", "math"}
    | {"form", "input", "button", "textarea", "select"}
)
MAX_SOURCE = 200_000
"""Characters of a design: no mail needs more."""
MAX_TAGS = 2_000
"""Tags of a design: the compiler goes down into each, and a deep enough one would end the whole process."""
_REFUSED_SOURCE = re.compile(r"<\s*(mj-include|mj-font)\b|(@import)\b", re.IGNORECASE)
_LINKS = frozenset({"href", "src", "background", "action", "srcset"})
_FOREIGN = re.compile(r"\s*(?:https?:|//)", re.IGNORECASE)
_SAFE_LINK = re.compile(r"\s*(https?:|mailto:|tel:|#)", re.IGNORECASE)
_UNSAFE_LINK = re.compile(r"(javascript|vbscript|data|file)\s*:", re.IGNORECASE)
_PLACE = re.compile(r"\{\{[ \t]*([a-z_]+)[ \t]*\}\}")
_TAG = re.compile(r"\{%[^%]*%\}")


class MalformedMarkup(Refusal):
    """The MJML cannot be compiled."""

    code = "malformed_markup"
    message = _("The design is not valid MJML: %(reason)s.")


class RefusedMarkup(Refusal):
    """The HTML of a mail would do something that a mail may not do."""

    code = "refused_markup"
    message = _("“%(words)s” may not be used in the design of a mail.")


class MisplacedVariable(Refusal):
    """A variable stands where its value could break out of its place."""

    code = "misplaced_variable"
    message = _("The variable “%(words)s” may not stand in %(place)s.")


def compile_mjml(source: str) -> str:
    """Return the HTML of an MJML source; template tags in text and in attributes' values survive, `@media` rules too.

    :raises MalformedMarkup: when the compiler does not take it, or it is too large to be given to it.
    :raises RefusedMarkup: when it includes files or loads fonts or styles from elsewhere.
    """
    if len(source) > MAX_SOURCE or source.count("<") > MAX_TAGS:
        raise MalformedMarkup(reason="too large")
    if found := _REFUSED_SOURCE.search(source):
        raise RefusedMarkup(words=found[1] or found[2])
    try:
        return mjml.mjml2html(source, fonts={}, include_loader=_no_files)
    except ValueError as error:
        raise MalformedMarkup(reason=str(error)) from error


def inspect(markup: str, *, variables: dict[str, Variable]) -> None:
    """Check the HTML of a mail before it is kept.

    :raises RefusedMarkup: for scripts, frames, forms, event handlers and links that are none of web, mail or telephone.
    :raises MisplacedVariable: for a variable whose value could break out of where it stands.
    """
    inspector = _Inspector(variables)
    inspector.feed(markup)
    inspector.close()


def _no_files(path: str) -> NoReturn:
    raise ValueError(path)


class _Inspector(HTMLParser):
    def __init__(self, variables: dict[str, Variable]) -> None:
        super().__init__()
        self.variables = variables
        self.styling = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _REFUSED_TAGS:
            raise RefusedMarkup(words=f"<{tag}>")
        if tag == "link" or (
            tag == "meta" and ("http-equiv", "refresh") in [(n, (v or "").lower()) for n, v in attrs]
        ):
            raise RefusedMarkup(words=f"<{tag}>")
        self.styling = tag == "style"
        for name, value in attrs:
            self._attribute(name, value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self.styling = False

    def handle_data(self, data: str) -> None:
        if self.styling:
            self._places(data, {Form.COLOR}, _("a style sheet"))

    def handle_comment(self, data: str) -> None:
        self._places(data, {Form.COLOR, Form.URL, Form.TEXT}, _("a comment"))

    def _attribute(self, name: str, value: str) -> None:
        if name.startswith("on") or "{" in name:
            raise RefusedMarkup(words=name)
        if name == "style":
            self._places(value, {Form.COLOR}, _("a style"))
            return
        self._places(value, {Form.COLOR, Form.URL, Form.TEXT}, _("an attribute"))
        if name in _LINKS:
            self._link(name, value)

    def _link(self, name: str, value: str) -> None:
        if _UNSAFE_LINK.search(value):
            raise RefusedMarkup(words=f'{name}="{value[:60]}"')
        bare = _TAG.sub("", value).strip()
        if _FOREIGN.match(bare) and _PLACE.search(bare):
            # What a mail says of its reader, the link to join above all, is told to no other host.
            raise RefusedMarkup(words=f'{name}="{value[:60]}"')
        if bare and not _SAFE_LINK.match(bare):
            place = _PLACE.match(bare)
            if not place or self.variables[place[1]].form is not Form.URL:
                raise RefusedMarkup(words=f'{name}="{value[:60]}"')

    def _places(self, text: str, forms: set[Form], place: object) -> None:
        for name in _PLACE.findall(text):
            if name in self.variables and self.variables[name].form not in forms:
                raise MisplacedVariable(words=name, place=place)
