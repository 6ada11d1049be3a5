"""Bringing a file, saying what stands where, and what comes back."""

import io
import re

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from guestlist.invitations.actions import converting, tasks
from guestlist.invitations.imports import columns, records
from guestlist.invitations.models import ImportFile, Invitation, Task
from guestlist.worker.jobs import HANDLERS
from tests import make

DATA = "Naam;E-mailadres\nZoë;zoe@example.com\nx;nonsense\n"


def brought(client, data: bytes | str = DATA, name: str = "gasten.csv"):
    content = data.encode("cp1252") if isinstance(data, str) else data
    return client.post("/staff/imports/", {"file": SimpleUploadedFile(name, content)})


def fields(page: str) -> dict[str, str]:
    """Return what the form would send as it stands."""
    found = dict(
        re.findall(
            r'<input type="hidden" name="(read_as|store_view|encoding|delimiter)" value="([^"]*)"', page
        )
    )
    for name, options in re.findall(r'<select name="(\w+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)"[^>]*selected', options)
        found[name] = chosen[1] if chosen else ""
    return {name: value.replace("&#x27;", "'") for name, value in found.items()}


def worked() -> None:
    while tasks.work(handlers=HANDLERS, clock=lambda: make.NOW):
        pass


def test_file_is_read_as_it_is_meant_and_imported_once_confirmed(marketing, view) -> None:
    plan = brought(marketing, name="Gäste Łódź.csv")["Location"]
    page = marketing.get(plan).content.decode()
    form = fields(page)

    assert "Zoë" in page
    assert (form["encoding"], form["delimiter"], form["header"]) == ("cp1252", "semicolon", "yes")
    assert (form["column_email"], form["column_name"], form["column_group"]) == ("1", "0", "")
    task = marketing.post(plan, form | {"when": "keep", "do": "check"})["Location"]
    worked()
    assert not Invitation.objects.exists()
    refused = marketing.get(f"{task}refused/")
    name = "G%C3%A4ste-%C5%81%C3%B3d%C5%BA-refused.csv"
    assert refused["Content-Disposition"] == f"attachment; filename*=utf-8''{name}"
    assert "x;nonsense;3;" in b"".join(refused.streaming_content).decode()
    tried = Task.objects.get()
    tasks.confirm(task=tried, actor=tasks.actor_of(tried), now=make.NOW)
    worked()

    made = Invitation.objects.select_related("address").get()
    assert (made.address.normalized, made.address.name) == ("zoe@example.com", "Zoë")
    assert marketing.get(plan)["Location"] == task


def test_file_without_people_says_so(marketing, view) -> None:
    plan = brought(marketing, "Naam;E-mailadres\n;\n")["Location"]
    task = marketing.post(
        plan, fields(marketing.get(plan).content.decode()) | {"when": "keep", "do": "check"}
    )["Location"]
    worked()

    assert "This file has no row with a person in it" in marketing.get(task).content.decode()


def test_columns_are_guessed_anew_when_the_file_is_read_otherwise(marketing, view) -> None:
    plan = brought(marketing, "Name,Mail;A\nx,a@x.nl;1\n")["Location"]
    form = fields(marketing.get(plan).content.decode())
    assert (form["delimiter"], form["column_email"]) == ("comma", "1")

    again = fields(marketing.post(plan, form | {"delimiter": "semicolon", "do": "preview"}).content.decode())
    assert (again["delimiter"], again["column_email"]) == ("semicolon", "0")
    kept = fields(marketing.post(plan, again | {"column_email": "1", "do": "preview"}).content.decode())
    assert kept["column_email"] == "1"
    assert not Task.objects.exists()


def test_file_is_read_as_before_when_it_cannot_be_read_so(marketing, view) -> None:
    plan = brought(marketing, "Mail,Note\na@x.nl," + "|" * 150 + "\n")["Location"]
    form = fields(marketing.get(plan).content.decode()) | {"when": "keep", "message": "Hallo", "do": "check"}

    page = marketing.post(plan, form | {"delimiter": "bar"}).content.decode()

    assert "more than 100 columns" in page
    assert (fields(page)["delimiter"], fields(page)["column_email"]) == ("comma", "0")
    assert ">\nHallo</textarea>" in page
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"column_email": ""}, "Choose the column that has the e-mail addresses."),
        ({"when": "now"}, "Say why these people may be mailed."),
        ({"group": ""}, "This field is required."),
        ({"column_name": "77"}, "Select a valid choice."),
        ({"when": "later", "at": "2020-01-01T10:00", "basis": "consent"}, "This moment has passed."),
    ],
)
def test_form_says_what_is_missing_and_keeps_the_rest(marketing, view, changed, said) -> None:
    plan = brought(marketing)["Location"]
    form = fields(marketing.get(plan).content.decode()) | {"when": "keep", "message": "Hallo", "do": "check"}

    answer = marketing.post(plan, form | changed)

    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page
    assert ">\nHallo</textarea>" in page
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "a.csv", "This file is empty."),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x00", "a.csv", "This is no table"),
        (b"<html>", "a.xlsx", "This is a web page"),
        (b"PK\x03\x04zip", "a.xlsx", "This file cannot be read."),
        (b",".join([b"a"] * 200) + b"\n", "a.csv", "more than 100 columns"),
    ],
)
def test_file_is_refused_with_what_to_do_when_it_is_none(marketing, view, data, name, said) -> None:
    answer = brought(marketing, data, name)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not ImportFile.objects.exists()


@pytest.mark.parametrize(("bound", "most"), [((columns, "MAX_BEGINNING"), 50), ((records, "EFFORT"), 2_000)])
def test_file_is_refused_when_nothing_stands_in_it_for_long(
    marketing, view, monkeypatch, bound, most
) -> None:
    """Each line ends within quotation marks, so a hundred more are read for it; somebody waits for the answer."""
    monkeypatch.setattr(*bound, most)

    answer = brought(marketing, ' ","\n' * 300 + "a@x.nl\n")

    assert answer.status_code == 422
    assert "This file cannot be read." in answer.content.decode()
    assert not ImportFile.objects.exists()


def test_import_is_nobody_elses(marketing, owner, support, view) -> None:
    plan = brought(marketing)["Location"]

    assert owner.get(plan).status_code == 404
    assert support.get("/staff/imports/").status_code == 403
    assert "/staff/imports/" not in support.get("/staff/").content.decode()
    assert "/staff/imports/" in marketing.get("/staff/").content.decode()


def test_upload_asks_for_a_file_when_there_is_none(marketing, view) -> None:
    answer = marketing.post("/staff/imports/", {})

    assert answer.status_code == 422
    assert "Choose a file first." in answer.content.decode()


def two_sheets() -> bytes:
    file, book = io.BytesIO(), openpyxl.Workbook()
    book.active.append(["Name", "Mail"])
    book.active.append(["Ann", "ann@x.nl"])
    other = book.create_sheet("Other")
    other.append(["bob@x.nl", "Bob"])
    book.create_sheet("Empty")
    book.save(file)
    return file.getvalue()


def test_another_sheet_is_looked_at_before_it_is_tried(marketing, view) -> None:
    plan = brought(marketing, two_sheets(), "guests.xlsx")["Location"]
    form = fields(marketing.get(plan).content.decode()) | {"when": "keep", "message": "Hallo", "do": "check"}
    assert (form["sheet"], form["header"], form["column_email"]) == ("Sheet", "yes", "1")

    page = marketing.post(plan, form | {"sheet": "Other"}).content.decode()

    again = fields(page)
    assert (again["sheet"], again["header"], again["column_email"]) == ("Other", "no", "0")
    assert "This is the sheet “Other”." in page
    assert ">\nHallo</textarea>" in page
    assert not Task.objects.exists()
    empty = marketing.post(plan, again | {"sheet": "Empty", "do": "preview"}).content.decode()
    assert "This file is empty." in empty
    assert fields(empty)["sheet"] == "Other"
    task = Task.objects.get(
        pk=marketing.post(plan, again | {"when": "keep", "do": "check"})["Location"].split("/")[-2]
    )
    page = marketing.get(f"/staff/tasks/{task.pk}/").content.decode()
    assert "The workbook is being read, 0 rows so far." in page
    converting.work(clock=lambda: make.NOW, stopping=lambda: False)
    assert bytes(ImportFile.objects.get().parts.get().data) == b"bob@x.nl,Bob\n"
