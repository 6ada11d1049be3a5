"""The small language of mail templates: `{{ variable }}` and `{% if variable %}…{% else %}…{% endif %}`, nothing else.

A template is parsed once into a :class:`Program`, which is then rendered for each mail. There are no attributes, filters or
loops, so that a template made by staff cannot reach anything but the documented values, nor take long
(trust 27).
"""

from __future__ import annotations

import enum
import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from guestlist.mail.variables import Form, Variable
from guestlist.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_LENGTH = 200_000
"""Characters of one template, compiled or not."""
MAX_TAG = 120
MAX_DEPTH = 5
MAX_SUBJECT = 200
"""Characters of a rendered header; what is longer is cut."""

_VARIABLE = re.compile(r"\{\{[ \t]*([a-z][a-z_]*)[ \t]*\}\}")
_IF = re.compile(r"\{%[ \t]*if[ \t]+([a-z][a-z_]*)[ \t]*%\}")
_ELSE = re.compile(r"\{%[ \t]*else[ \t]*%\}")
_ENDIF = re.compile(r"\{%[ \t]*endif[ \t]*%\}")
_OPENING = re.compile(r"\{[{%]")
# C0, DEL, C1, separators that some programs read as a line end (ASVS 1.3.11), what reorders the text around it, and halves
# of characters, which no encoding knows.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL_IN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINE_END = re.compile("\r\n|[\r\x85\u2028\u2029]")
_SPACES = re.compile(" {2,}")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_URL = re.compile(r"https?://[^\s\"'()<>\\\x00-\x20\x7f-\x9f]+")


class MalformedTemplate(Refusal):
    """A template says something that it may not say."""

    code = "malformed_template"
    message = _("Line %(line)s: “%(words)s” is not understood.")


class UnknownTag(MalformedTemplate):
    """A tag that is neither a variable nor a condition."""

    code = "unknown_tag"
    message = _(
        "Line %(line)s: “%(words)s” is not understood. Only {{ variable }} and "
        "{%% if variable %%} … {%% endif %%} may be used."
    )


class UnknownVariable(MalformedTemplate):
    """A variable that mails of this purpose do not have."""

    code = "unknown_variable"
    message = _("Line %(line)s: there is no variable “%(words)s” in this mail.")


class UnclosedCondition(MalformedTemplate):
    """An `{% if %}` without its end."""

    code = "unclosed_condition"
    message = _("Line %(line)s: “%(words)s” is never closed with {%% endif %%}.")


class StrayTag(MalformedTemplate):
    """An `{% else %}` or `{% endif %}` that belongs to no condition."""

    code = "stray_tag"
    message = _("Line %(line)s: “%(words)s” belongs to no {%% if %%}.")


class TooDeep(MalformedTemplate):
    """Conditions within conditions within conditions."""

    code = "too_deep"
    message = _("Line %(line)s: “%(words)s” is nested too deep; %(most)s levels are allowed.")


class TooLong(MalformedTemplate):
    """More text than any mail needs."""

    code = "template_too_long"
    message = _("This template has %(length)s characters; at most %(most)s are allowed.")


class UnusableValue(Refusal):
    """A value that cannot stand where the template wants it; it fails one mail, not a batch."""

    code = "unusable_value"
    message = _("The value of “%(name)s” cannot be used in a mail.")


class Escape(enum.Enum):
    """Where the rendered text goes, which decides how values are written."""

    HTML = "html"
    NONE = "none"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is filled in."""

    name: str
    form: Form


@dataclass(frozen=True, slots=True)
class Condition:
    """What is rendered when a value is there, and what when it is not."""

    name: str
    then: tuple[Node, ...]
    otherwise: tuple[Node, ...]


type Node = str | Place | Condition


@dataclass(frozen=True, slots=True)
class Program:
    """A parsed template."""

    nodes: tuple[Node, ...]

    def variables(self) -> frozenset[str]:
        """Return the names of all values that may be filled in."""
        return frozenset(node.name for node in _walk(self.nodes) if isinstance(node, Place))

    def conditions(self) -> frozenset[str]:
        """Return the names whose presence decides the shape of the result."""
        return frozenset(node.name for node in _walk(self.nodes) if isinstance(node, Condition))

    def certain(self, given: frozenset[str]) -> frozenset[str]:
        """Return the names that are printed in every mail, when those of `given` always have a value."""
        return _certain(self.nodes, given)


def parse(text: str, *, variables: Mapping[str, Variable]) -> Program:
    """Return the program of a template that may use the given variables.

    A condition's tag that stands alone on its line takes the line with it, so that plain text keeps its shape.

    :raises MalformedTemplate: when the template says anything else, with the line and the words.
    """
    if len(text) > MAX_LENGTH:
        raise TooLong(length=len(text), most=MAX_LENGTH)
    return _Parser(text.replace("\r\n", "\n").replace("\r", "\n"), variables).program()


def render(program: Program, values: Mapping[str, str], *, escape: Escape) -> str:
    """Return the text of a program with values filled in; a value that is missing counts as empty.

    :raises UnusableValue: when a value has control characters, or is no address or color where one is needed.
    """
    parts: list[str] = []
    _render(program.nodes, values, escape, parts)
    text = "".join(parts)
    return one_line(text) if escape is Escape.HEADER else text


def one_line(text: str) -> str:
    """Return a rendered header without needless spaces, cut to 200 characters."""
    text = _SPACES.sub(" ", text).strip()
    return text if len(text) <= MAX_SUBJECT else text[: MAX_SUBJECT - 1].rstrip() + "…"


def _render(nodes: tuple[Node, ...], values: Mapping[str, str], escape: Escape, parts: list[str]) -> None:
    for node in nodes:
        if isinstance(node, str):
            parts.append(node)
        elif isinstance(node, Place):
            parts.append(written(node, values.get(node.name, ""), escape))
        else:
            _render(node.then if values.get(node.name) else node.otherwise, values, escape, parts)


def written(place: Place, value: str, escape: Escape) -> str:
    """Return a value as it stands in its place.

    :raises UnusableValue: when it has control characters, or is no address or color where one is needed.
    """
    if escape is Escape.HEADER:
        if _CONTROL.search(value):
            raise UnusableValue(name=place.name)
        return value
    value = _LINE_END.sub("\n", value)
    if _CONTROL_IN_TEXT.search(value) or _misshapen(place.form, value):
        raise UnusableValue(name=place.name)
    if place.form is not Form.LINES:
        value = value.replace("\n", " ")
    if escape is Escape.NONE:
        return value
    return html.escape(value).replace("\n", "<br>\n")


def _misshapen(form: Form, value: str) -> bool:
    if form is Form.COLOR:
        return not _COLOR.fullmatch(value)
    # An empty address stands behind a condition; anything but the web in a link would be a trap.
    return form is Form.URL and bool(value) and not _URL.fullmatch(value)


def _walk(nodes: tuple[Node, ...]) -> Iterator[Place | Condition]:
    for node in nodes:
        if isinstance(node, str):
            continue
        yield node
        if isinstance(node, Condition):
            yield from _walk(node.then)
            yield from _walk(node.otherwise)


def _certain(nodes: tuple[Node, ...], given: frozenset[str]) -> frozenset[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Place):
            found.add(node.name)
        elif isinstance(node, Condition):
            then = _certain(node.then, given)
            found |= then if node.name in given else then & _certain(node.otherwise, given)
    return frozenset(found)


@dataclass(slots=True)
class _Open:
    """A condition that is being read."""

    name: str
    words: str
    line: int
    outer: list[Node]
    then: list[Node] | None = None


class _Parser:
    """Reads a template from left to right, once."""

    def __init__(self, text: str, variables: Mapping[str, Variable]) -> None:
        self.text = text
        self.variables = variables
        self.nodes: list[Node] = []
        self.open: list[_Open] = []
        self.line = 1

    def program(self) -> Program:
        at = 0
        while opening := _OPENING.search(self.text, at):
            start = opening.start()
            closing = "}}" if opening.group() == "{{" else "%}"
            end = self.text.find(closing, start, start + MAX_TAG)
            self.line += self.text.count("\n", at, start)
            if end < 0:
                raise UnknownTag(line=self.line, words=self.text[start : start + 40].split("\n")[0])
            end += 2
            tag = self.text[start:end]
            before, after = (start, end) if closing == "}}" else self._whole_line(at, start, end)
            self._literal(self.text[at:before])
            self._tag(tag)
            self.line += self.text.count("\n", start, after)
            at = after
        self._literal(self.text[at:])
        if self.open:
            raise UnclosedCondition(line=self.open[-1].line, words=self.open[-1].words)
        return Program(tuple(self.nodes))

    def _whole_line(self, at: int, start: int, end: int) -> tuple[int, int]:
        """Return the tag's line with its end, when nothing else stands on it; else the tag alone."""
        begin = self.text.rfind("\n", 0, start) + 1
        stop = self.text.find("\n", end)
        stop = len(self.text) if stop < 0 else stop + 1
        alone = begin >= at and not self.text[begin:start].strip() and not self.text[end:stop].strip()
        return (begin, stop) if alone else (start, end)

    def _literal(self, text: str) -> None:
        if text:
            self.nodes.append(text)

    def _tag(self, tag: str) -> None:
        if match := _VARIABLE.fullmatch(tag):
            self.nodes.append(Place(match[1], self._known(match[1]).form))
        elif match := _IF.fullmatch(tag):
            self._known(match[1])
            if len(self.open) == MAX_DEPTH:
                raise TooDeep(line=self.line, words=tag, most=MAX_DEPTH)
            self.open.append(_Open(match[1], tag, self.line, self.nodes))
            self.nodes = []
        elif _ELSE.fullmatch(tag):
            if not self.open or self.open[-1].then is not None:
                raise StrayTag(line=self.line, words=tag)
            self.open[-1].then, self.nodes = self.nodes, []
        elif _ENDIF.fullmatch(tag):
            self._close(tag)
        else:
            raise UnknownTag(line=self.line, words=tag)

    def _close(self, tag: str) -> None:
        if not self.open:
            raise StrayTag(line=self.line, words=tag)
        done = self.open.pop()
        then, otherwise = (self.nodes, []) if done.then is None else (done.then, self.nodes)
        self.nodes = done.outer
        self.nodes.append(Condition(done.name, tuple(then), tuple(otherwise)))

    def _known(self, name: str) -> Variable:
        if name not in self.variables:
            raise UnknownVariable(line=self.line, words=name)
        return self.variables[name]
