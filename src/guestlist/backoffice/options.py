"""An option as a field of the configuration page: how it is shown, and what was entered for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guestlist.backoffice import paging
from guestlist.customers.models import CustomerGroup
from guestlist.invitations.config import Invitations
from guestlist.invitations.emails import InvitationKind
from guestlist.mail import actions as mail
from guestlist.refusal import Refusal
from guestlist.stores import config
from guestlist.stores.config import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import QueryDict
    from pydantic.fields import FieldInfo

Choices = tuple[tuple[str, Any], ...]
"""The values that an option can have and how each is called, in order; empty where it is a number or an open text."""

_DIGITS = 9
"""Most digits that are read as a number; no bound has more."""
YES_NO = (("true", gettext_lazy("Yes")), ("false", gettext_lazy("No")))
_INHERITED = {
    Scope.DEFAULT: gettext_lazy("Use the built-in value (%(value)s)"),
    Scope.WEBSITE: gettext_lazy("Use default (%(value)s)"),
    Scope.STORE_VIEW: gettext_lazy("Use website (%(value)s)"),
}
_WIDER = {
    Scope.DEFAULT: gettext_lazy("Set for the whole installation only, at the default scope."),
    Scope.WEBSITE: gettext_lazy("Set for the default scope or a website, not for a single store view."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """What the page shows of an option; ``lock`` and ``wider`` say why it cannot be set here."""

    name: str
    group: str
    label: Any
    help: Any
    kind: str
    value: Any
    shown: str
    inherits: bool
    inherited: str
    lock: Any = ""
    wider: Any = ""
    problem: str = ""
    choices: Choices = ()
    low: int | None = None
    high: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be set here."""
        return not (self.lock or self.wider)


@dataclass(frozen=True, slots=True)
class Change:
    """What to do with an option: give it a value here, or let the wider scope's count."""

    value: Any = None
    inherits: bool = False


@dataclass(slots=True)
class Wanted:
    """What was entered: the changes, and by option what cannot be."""

    changes: dict[str, Change] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def offered(section: type[config.Section]) -> dict[str, Choices]:
    """Return the choices of each option of a section, in as many queries for many options as for one."""
    found = _found() if section is Invitations else {}
    return {
        name: found.get(name) or config.about(info).choices or (YES_NO if info.annotation is bool else ())
        for name, info in section.model_fields.items()
    }


def rows(
    resolved: config.Resolved[Any],
    choices: Mapping[str, Choices],
    entered: QueryDict | None = None,
    problems: Mapping[str, str] | None = None,
) -> list[Row]:
    """Return every option as it stands at the place; with what was entered there, as it was entered."""
    section = type(resolved.value)
    return [_row(name, resolved, choices[name], entered, problems or {}) for name in section.model_fields]


def read(resolved: config.Resolved[Any], entered: QueryDict) -> Wanted:
    """Return what was entered, as far as it differs from what is stored; saving refuses what may not be set here."""
    wanted = Wanted()
    section = type(resolved.value)
    found = _found() if section is Invitations else {}
    for name, info in section.model_fields.items():
        if not _is_there(name, entered):
            continue
        is_own = resolved.set_here(name)
        if f"inherit_{name}" in entered:
            if is_own:
                wanted.changes[name] = Change(inherits=True)
            continue
        value = _entered(name, info, entered)
        try:
            if name in found:
                _require_offered(name, info, value, found[name])
            stored = config.checked(section, name, value)
        except Refusal as refusal:
            wanted.problems[name] = str(refusal)
            continue
        if not is_own or stored != _json(resolved.stored, name):
            wanted.changes[name] = Change(value)
    return wanted


def _require_offered(name: str, info: FieldInfo, value: Any, choices: Choices) -> None:  # noqa: ANN401 - each option has a type of its own
    """Refuse a template or a group that there is none of, which the option's type cannot tell."""
    if not {code for code, _label in choices}.issuperset(_texts(value)):
        reason = _("choose one of the values offered.")
        raise config.InvalidValue(label=config.about(info).label, reason=reason, option=name)


def _is_there(name: str, entered: QueryDict) -> bool:
    """Tell whether the form had this option: a shortened form changes only what it has."""
    return f"has_{name}" in entered or f"value_{name}" in entered or f"inherit_{name}" in entered


def _row(
    name: str,
    resolved: config.Resolved[Any],
    choices: Choices,
    entered: QueryDict | None,
    problems: Mapping[str, str],
) -> Row:
    info = type(resolved.value).model_fields[name]
    about, lock = config.about(info), resolved.locks.get(name)
    counts = _json(resolved.value if lock else resolved.stored, name)
    inherited = _json(resolved.inherited, name)
    inherits = not resolved.set_here(name)
    shown: Any = _texts(counts)
    if entered is not None and _is_there(name, entered):
        inherits = f"inherit_{name}" in entered
        # Greyed fields are not sent along: those show what they would show anyway.
        shown = entered.getlist(f"value_{name}") or ([] if name == "inviting_groups" else shown)
    kind = _kind(name, choices)
    return Row(
        name=name,
        group=about.group,
        label=about.label,
        help=about.help,
        kind=kind,
        value=shown if kind == "many" else next(iter(shown), ""),
        shown=said(counts, choices),
        inherits=inherits,
        inherited=str(_INHERITED[resolved.place.scope]) % {"value": said(inherited, choices)},
        lock=lock.reason if lock else "",
        wider=_WIDER[about.narrowest] if resolved.place.scope > about.narrowest else "",
        problem=problems.get(name, ""),
        choices=choices,
        low=_bound(info, "ge"),
        high=_bound(info, "le"),
    )


def said(value: Any, choices: Choices) -> str:  # noqa: ANN401 - each option has a type of its own
    """Return a value, as JSON stores it, in words."""
    labels = {code: str(label) for code, label in choices}
    return ", ".join(labels.get(text, text) for text in _texts(value)) or _("none")


def _found() -> dict[str, Choices]:
    groups = CustomerGroup.objects.order_by("name", "pk").values_list("pk", "name")
    return {
        "inviting_groups": tuple((str(pk), name) for pk, name in groups),
        "template": tuple(mail.template_choices(InvitationKind.purpose)),
    }


def _kind(name: str, choices: Choices) -> str:
    if name == "inviting_groups":
        return "many"
    return "one" if choices else "number"


def _entered(name: str, info: FieldInfo, entered: QueryDict) -> Any:  # noqa: ANN401 - each option has a type of its own
    """Return what was entered as the option's type; what cannot be is returned as typed, to be refused with a reason."""
    if name == "inviting_groups":
        # What is no number is said to be none by whoever checks the value.
        typed = entered.getlist(f"value_{name}")
        return [text if (number := paging.number(text)) is None else number for text in typed]
    text = entered.get(f"value_{name}", "").strip()
    if info.annotation is bool:
        return {"true": True, "false": False}.get(text, text)
    if info.annotation is int:
        digits = text.removeprefix("-")
        return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS else text
    return text


def _json(value: config.Section, name: str) -> Any:  # noqa: ANN401 - each option has a type of its own
    return value.model_dump(mode="json", include={name})[name]


def _texts(value: Any) -> list[str]:  # noqa: ANN401
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _bound(info: FieldInfo, name: str) -> int | None:
    return next((getattr(part, name) for part in info.metadata if hasattr(part, name)), None)
