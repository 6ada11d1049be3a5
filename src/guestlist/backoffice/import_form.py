"""The form that staff say with how a file is read, and what is the same for all of its rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.utils import ErrorDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guestlist.backoffice import paging
from guestlist.backoffice.add_form import AS_CONFIGURED, LATER, AddForm
from guestlist.invitations.imports import columns, files
from guestlist.invitations.imports.columns import Field
from guestlist.invitations.imports.files import UnusableFile
from guestlist.invitations.imports.plans import Plan
from guestlist.stores.actors import Permission

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from guestlist.backoffice.access import Staff
    from guestlist.invitations.models import ImportFile
    from guestlist.refusal import Refusal

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_FIELD_OF = {
    "no_address_column": "column_email",
    "column_used_twice": "column_email",
    "no_basis": "basis",
    "message_too_long": "message",
    "message_has_controls": "message",
    "not_permitted": "store_view",
}


class ImportForm(AddForm):
    """How a file is read, which column has what, and what counts where no column says otherwise."""

    needed = Permission.IMPORT

    addresses = None  # type: ignore[assignment]  # they stand in the file
    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), choices=list(files.ENCODINGS.items()))
    delimiter = forms.ChoiceField(
        label=gettext_lazy("Cells are separated by"),
        choices=[
            ("comma", gettext_lazy("comma (,)")),
            ("semicolon", gettext_lazy("semicolon (;)")),
            ("tab", gettext_lazy("tab")),
            ("bar", gettext_lazy("bar (|)")),
        ],
    )
    header = forms.ChoiceField(
        label=gettext_lazy("The first row"),
        choices=[
            ("yes", gettext_lazy("column names")),
            ("no", gettext_lazy("a person")),
        ],
    )
    again = forms.BooleanField(
        label=gettext_lazy("Invite again who has an open invitation"),
        required=False,
    )

    def __init__(
        self,
        staff: Staff,
        now: datetime.datetime,
        file: ImportFile,
        data: Mapping[str, Any] | None = None,
        *,
        is_other_sheet: bool = False,
        problem: str = "",
    ) -> None:
        """Read the beginning of the file as the form says, or as is guessed, and offer its columns.

        Nothing is tried of a sheet that nobody has seen, nor while there is a problem with one that was asked for.
        """
        self.file = file
        self.given = data
        self.is_other_sheet, self.problem = is_other_sheet, problem
        self.is_preview = data is not None and (
            data.get("do") == "preview" or is_other_sheet or bool(problem)
        )
        self.layout = columns.guessed(file)
        try:
            if data is not None:
                self._take_layout(data)
            self.sample = columns.sample(file, self.layout)
        except UnusableFile as refusal:
            self._read_as_guessed(refusal)
        if problem:
            self._keep_sheet()
        super().__init__(staff, now, self.given)

    def _offer_more(self) -> None:
        offered = [
            ("", _("No column")),
            *(
                (str(number), f"{columns.letter(number)}: {name}")
                for number, name in enumerate(self.sample.names)
            ),
        ]
        for field in Field:
            self.fields[f"column_{field}"] = forms.ChoiceField(
                label=field.label,
                required=False,
                choices=offered,
                initial=self.layout.columns.get(field, ""),
            )
        self.fields["group"].initial = AS_CONFIGURED
        if len(self.file.sheets) > 1:
            self._offer_sheets()
        names = {code: name for name, code in _DELIMITERS.items()}
        self.initial["encoding"] = self.layout.encoding
        self.initial["delimiter"] = names[self.layout.delimiter]
        self.initial["header"] = "yes" if self.layout.has_header else "no"
        for name in ("encoding", "delimiter", "header"):
            self.fields[name].widget.attrs["data-refresh"] = ""

    def _keep_sheet(self) -> None:
        changed: Any = self.given.copy()  # type: ignore[union-attr]  # a QueryDict
        changed["sheet"] = self.file.sheet
        self.given = changed

    def _offer_sheets(self) -> None:
        self.fields["sheet"] = forms.ChoiceField(
            label=gettext_lazy("Sheet"),
            required=False,
            choices=[(name, name) for name in self.file.sheets],
            initial=self.file.sheet,
            widget=forms.Select(attrs={"data-refresh": ""}),
        )

    @property
    def errors(self) -> ErrorDict:
        """What is wrong; while it is only looked at, nothing is."""
        return ErrorDict() if self.is_preview else super().errors

    def _take_layout(self, data: Mapping[str, Any]) -> None:
        """Read the file as the form says; the columns that were chosen count as long as it is cut the same way."""
        if self.is_other_sheet:
            changed: Any = data.copy()  # type: ignore[attr-defined]  # a QueryDict
            changed["header"] = "yes" if self.layout.has_header else "no"
            self.given = data = changed
        encoding = data.get("encoding", "")
        self.layout = dataclasses.replace(
            self.layout,
            encoding=encoding if encoding in files.ENCODINGS else self.layout.encoding,
            delimiter=_DELIMITERS.get(data.get("delimiter", ""), self.layout.delimiter),
            has_header=data.get("header", "yes") == "yes",
        )
        if data.get("read_as") == self.read_as:
            chosen = {field.value: paging.number(data.get(f"column_{field}")) for field in Field}
            found = {field: number for field, number in chosen.items() if number is not None}
        else:
            found = columns.found(self.file, self.layout)
            changed = data.copy()  # type: ignore[attr-defined]  # a QueryDict
            for field in Field:
                changed[f"column_{field}"] = str(found.get(field, ""))
            self.given = changed
        self.layout = dataclasses.replace(self.layout, columns=found)

    def _read_as_guessed(self, refusal: UnusableFile) -> None:
        """Go back to what can be read, say why, and keep what else was filled in."""
        self.problem, self.is_preview = str(refusal), True
        self.layout = columns.guessed(self.file)
        self.sample = columns.sample(self.file, self.layout)
        names = {code: name for name, code in _DELIMITERS.items()}
        changed: Any = self.given.copy()  # type: ignore[union-attr]  # a QueryDict
        changed["encoding"], changed["delimiter"] = self.layout.encoding, names[self.layout.delimiter]
        for field in Field:
            changed[f"column_{field}"] = str(self.layout.columns.get(field, ""))
        self.given = changed

    @property
    def read_as(self) -> str:
        """Return a text that changes when the columns are others."""
        return f"{self.layout.encoding} {self.layout.delimiter!r} {self.layout.has_header} {self.file.sheet}"

    @property
    def column_fields(self) -> list[Any]:
        """The fields that columns are chosen by."""
        return [self[f"column_{field}"] for field in Field]

    @property
    def used(self) -> list[tuple[str, str]]:
        """Of each column of the preview: its name, and what it is used for."""
        labels = {number: str(Field(field).label) for field, number in self.layout.columns.items()}
        return [(name, labels.get(number, "")) for number, name in enumerate(self.sample.names)]

    @property
    def plan(self) -> Plan:
        """What was chosen."""
        cleaned = self.cleaned_data
        group, occasion = self.groups.get(cleaned["group"]), self.occasions.get(cleaned["occasion"])
        return Plan(
            layout=self.layout,
            width=self.sample.width,
            store_view=self.view.pk,
            group=group.pk if group else None,
            occasion=occasion.pk if occasion else None,
            message=cleaned["message"],
            when=cleaned["when"],
            ready_at=cleaned["at"] if cleaned["when"] == LATER else None,
            again=cleaned["again"],
            basis=self.why.basis,
            basis_text=self.why.words,
        )

    def refuse(self, refusal: Refusal) -> None:
        """Put a refusal on the field that it is about."""
        name = _FIELD_OF.get(refusal.code)
        self.add_error(name, str(refusal))
        if name:
            self._mark(name)


class UploadForm(forms.Form):
    """The file itself."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        allow_empty_file=True,  # which is told of as such
        error_messages={"required": gettext_lazy("Choose a file first.")},
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx,text/csv", "data-plain": ""}),
    )
