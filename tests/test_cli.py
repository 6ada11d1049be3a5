"""What the command line hands on to whom."""

import dataclasses
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from django.db import ProgrammingError

import guestlist
from guestlist import cli
from guestlist.cli import files
from guestlist.invitations import recounting
from guestlist.invitations.filters import Filter
from guestlist.invitations.models import FiguresDelta, Invitation
from guestlist.mail import templates
from guestlist.stores.models import StoreView
from guestlist.worker import audit
from tests import make
from tests.mail import nameserver


def test_check_is_djangos_own_when_nothing_else_is_asked_for(capsys):
    assert cli.main(["check", "--tag", "mail", "--fail-level", "WARNING"]) == 0
    assert capsys.readouterr().out.startswith("System check identified no issues")


@pytest.mark.django_db
def test_check_looks_at_mail_when_asked_for(capsys, settings):
    with nameserver.running() as names:
        settings.GUESTLIST_DNS_SERVER = names.setting
        status = cli.main(["check", "--mail", "--address", "192.0.2.1", "--json"])

    assert status == 1
    assert '"code": "reverse_missing"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--mail", "--deploy"],
        ["--mail", "--totals"],
        ["--totals", "--website", "main"],
        ["--totals", "--address", "192.0.2.1"],
        ["--json"],
        ["--website", "main"],
    ],
    ids=" ".join,
)
def test_check_refuses_options_that_do_not_belong_together(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", *arguments])

    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_help_of_check_names_both_kinds_of_options(capsys):
    with pytest.raises(SystemExit):
        cli.main(["check", "--help"])

    shown = capsys.readouterr().out
    assert all(word in shown for word in ("--mail", "--totals", "--json", "--deploy"))


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("GUESTLIST_DKIM", "s1:shop.example:/nowhere/key.pem", "GUESTLIST_DKIM: the key /nowhere/key.pem"),
        ("GUESTLIST_SMTP_URL", "ftp://mail.example", "GUESTLIST_SMTP_URL must look like"),
        ("GUESTLIST_DEMO", "perhaps", "GUESTLIST_DEMO must be 1 or 0"),
        ("DATABASE_URL", "postgresql://shop:se/cret@db.example/shop", "DATABASE_URL cannot be read"),
        ("GUESTLIST_SMTP_URL", "smtp://shop:se/cret@mail.example", "GUESTLIST_SMTP_URL cannot be read"),
    ],
)
def test_worker_says_in_one_sentence_what_is_set_wrong(variable, value, words, tmp_path):
    ended = ran(["worker"], tmp_path, {"GUESTLIST_SMTP_URL": "smtp://127.0.0.1:9", variable: value})

    assert ended.returncode == 1
    assert words in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert "'se'" not in ended.stderr
    assert "cret@" not in ended.stderr


@pytest.mark.django_db
def test_recount_puts_figures_right_and_says_which(capsys):
    make.sent_invitation()
    FiguresDelta.objects.filter(measure="created").update(amount=3)

    assert cli.main(["recount"]) == 0
    told = capsys.readouterr().out
    assert "created kept 3, in the history 1" in told
    assert "1 invitations and 0 orders of those who accepted them: 2 figures were put right." in told
    assert cli.main(["recount", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"invitations": 1, "orders": 0, "differences": []}
    assert cli.main(["check", "--totals"]) == 0


@pytest.mark.django_db
def test_recount_says_when_another_was_faster(capsys, monkeypatch):
    def overtaken(*, now):
        raise recounting.RecountedMeanwhile

    monkeypatch.setattr(recounting, "recount", overtaken)

    assert cli.main(["recount"]) == 1
    assert capsys.readouterr().err.endswith("Run it again.\n")


@pytest.mark.django_db(transaction=True)
def test_fill_makes_as_many_invitations_as_asked_for_and_only_in_an_empty_shop(capsys):
    assert cli.main(["fill", "--invitations", "40"]) == 0
    assert Invitation.objects.count() == 40
    assert "40 invitations" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="invitations already"):
        cli.main(["fill", "--invitations", "40"])


def test_fill_takes_a_number_from_one_on():
    with pytest.raises(SystemExit, match="from 1 on"):
        cli.main(["fill", "--invitations", "0"])


UNREACHABLE = "postgresql://shop:secret@127.0.0.1:9/shop"


@pytest.mark.parametrize(
    "arguments", ["migrate", "manage showmigrations", "check --mail", "check --totals", "recount", "send"]
)
def test_commands_say_in_one_line_that_the_database_is_away(arguments, tmp_path):
    ended = ran(arguments.split(), tmp_path, {"DATABASE_URL": UNREACHABLE})

    assert ended.returncode == 1
    assert [line for line in ended.stderr.splitlines() if "connection failed" in line] == [
        line
        for line in ended.stderr.splitlines()
        if line.startswith("guestlist: The database cannot be used:")
    ]
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stderr


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    ["send", "send --watch", "worker", "check --totals", "check --mail", "celery worker --pool solo"],
)
def test_commands_say_once_that_the_database_has_no_tables(arguments, tmp_path):
    # The database that tests are given is empty: they make others beside it.
    empty = {
        "DATABASE_URL": os.environ.get("DATABASE_URL", ""),
        "GUESTLIST_BROKER_URL": "redis://127.0.0.1:9/0",
    }
    ended = ran(arguments.split(), tmp_path, empty)

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        "The database has no tables yet (or those of an older release): run guestlist migrate."
    )
    assert "Traceback" not in ended.stderr
    assert "no such table" not in ended.stderr
    assert "does not exist" not in ended.stderr


@pytest.mark.django_db(transaction=True)
def test_mistake_in_the_program_keeps_its_traceback(monkeypatch):
    def fails(**_options):
        raise ProgrammingError("no such column")

    monkeypatch.setattr(audit, "totals", fails)

    with pytest.raises(ProgrammingError, match="no such column"):
        cli.main(["check", "--totals"])


def ran(arguments, data, environment):
    """Run a command in a process of its own, with nothing else in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "guestlist", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(guestlist.__file__).parents[1]),
            "GUESTLIST_DATA": str(data),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.django_db
def test_export_writes_what_matches_to_a_file(tmp_path, capsys):
    view = make.store_view()
    kept, queued = make.staff_invitation(view, keep=True), make.staff_invitation(view)
    file = tmp_path / "guests.csv"

    status = cli.main(
        ["export", "--website", view.website.code, "--delivery", "queued", "--output", str(file)]
    )

    assert status == 0
    assert queued.address.typed in file.read_text(encoding="utf-8-sig")
    assert kept.address.typed not in file.read_text(encoding="utf-8-sig")
    assert cli.main(["export", "--website", "nowhere", "--output", str(tmp_path / "none.csv")]) == 1
    assert f"These exist: {view.website.code}." in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["guests.csv"]


@pytest.mark.django_db
def test_export_has_the_days_of_the_shop_that_is_asked_for(tmp_path):
    here = make.store_view(make.website("alpha"))
    tokyo = make.store_view(make.website("beta"), time_zone="Asia/Tokyo")
    file = tmp_path / "guests.csv"
    evening = datetime.datetime(2026, 3, 3, 23, 30, tzinfo=datetime.UTC)
    sent = {one: make.sent_invitation(make.customer(one), now=evening) for one in (here, tokyo)}

    def exported(*options):
        assert cli.main(["export", *options, "--sent-from", "2026-03-04", "--output", str(file)]) == 0
        return file.read_text(encoding="utf-8-sig")

    of_first, of_tokyo = exported(), exported("--store-view", tokyo.code)

    assert "2026-03-04 00:30:00" in of_first
    assert f"Sent ({here.time_zone})" in of_first
    assert sent[tokyo].address.typed in of_first
    assert "2026-03-04 08:30:00" in of_tokyo
    assert "Sent (Asia/Tokyo)" in exported("--website", "beta")


def test_export_offers_every_field_of_the_filter():
    assert set(files.FILTERS) == {one.name for one in dataclasses.fields(Filter)}


@pytest.mark.django_db
def test_import_tries_the_rows_and_invites_only_when_told_so(tmp_path, capsys):
    templates.install(now=make.NOW)
    view = make.store_view()
    file, refused = tmp_path / "guests.csv", tmp_path / "refused.csv"
    file.write_text("who\nann@example.com\nnonsense\n", encoding="utf-8")
    command = ["import", str(file), "--store-view", view.code, "--map", "email=who"]

    assert cli.main([*command, "--dry-run", "--refused", str(refused)]) == 3
    said = capsys.readouterr().out
    assert "1  new" in said
    assert "1  not an e-mail address" in said
    assert not Invitation.objects.exists()
    assert "nonsense,3,This is not a mail address." in refused.read_text(encoding="utf-8-sig")
    assert cli.main([*command, "--yes"]) == 3
    assert Invitation.objects.get().address.typed == "ann@example.com"
    assert cli.main([*command, "--yes"]) == 1
    assert cli.main(["import", str(file), "--store-view", view.code, "--map", "email=Z"]) == 1
    assert "There is no column “Z”. These exist: who." in capsys.readouterr().err


@pytest.mark.django_db
def test_import_reads_the_sheet_that_is_named(tmp_path, capsys):
    templates.install(now=make.NOW)
    view, file, book = make.store_view(), tmp_path / "guests.xlsx", openpyxl.Workbook()
    book.active.append(["nothing of use"])
    book.create_sheet("Guests").append(["ann@example.com"])
    book.save(file)
    command = ["import", str(file), "--store-view", view.code, "--yes"]

    assert cli.main([*command, "--sheet", "Guest"]) == 1
    assert "It has these: Sheet, Guests." in capsys.readouterr().err
    assert cli.main([*command, "--sheet", "Guests"]) == 0
    assert Invitation.objects.get().address.typed == "ann@example.com"


@pytest.fixture
def invited():
    """Let two be invited in May at one of two websites."""
    view, _other = make.store_view(make.website("alpha")), make.store_view(make.website("beta"))
    one = make.sent_invitation(make.customer(view))
    make.registered(make.sent_invitation(one.inviter))
    return view


MAY = ["--from", "2026-05-01", "--to", "2026-05-31", "--by", "month"]


@pytest.mark.django_db
def test_report_is_printed_for_programs(invited, capsys):
    assert cli.main(["report", "invitations", *MAY, "--website", "alpha", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["total"]["sent"], told["total"]["accept_rate"]) == (2, 0.5)
    assert [row["from"] for row in told["rows"]] == ["2026-05-01"]

    nothing = [*MAY[:4], "--store-view", StoreView.objects.get(website__code="beta").code]
    assert cli.main(["report", "invitations", *nothing, "--json", "--skip-empty", "--by-event"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["total"]["accept_rate"], told["basis"]) == ([], None, "event")


@pytest.mark.django_db
def test_report_is_printed_for_people_and_spreadsheets(invited, capsysbinary):
    assert cli.main(["report", "conversions", *MAY]) == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert lines[0].split()[:3] == ["Month", "Sent", "Accepted"]
    assert lines[2].split()[:6] == ["May", "2026", "2", "1", "0", "0.0%"]
    assert lines[-2].split()[:3] == ["Total", "2", "1"]
    assert lines[-1].startswith("Before: 1 Apr – 30 Apr 2026")

    assert cli.main(["report", "invitations", *MAY, "--reasons", "--csv"]) == 0
    rows = [line.split(",") for line in capsysbinary.readouterr().out.decode("utf-8-sig").splitlines()]
    assert [len(row) for row in rows] == [21] * 3
    assert [row[3] for row in rows] == ["Sent", "2", "2"]


@pytest.mark.django_db
def test_report_names_who_invited_and_who_was_invited(invited, capsysbinary):
    def printed(*arguments: str) -> str:
        assert cli.main(["report", "customers", *MAY, *arguments]) == 0
        return str(capsysbinary.readouterr().out.decode("utf-8-sig"))

    told = json.loads(printed("--json"))
    assert [(row["from"], row["sent"], row["accepted"]) for row in told["rows"]] == [("2026-05-01", 2, 1)]
    assert told["all_invitations"] == {"sent": 2, "accepted": 1}
    people = json.loads(printed("--json", "--people"))["rows"]
    assert [row["status"] for row in people] == ["sent", "accepted"]
    assert {row["sent_on"] for row in people} == {"2026-05-03"}
    assert [line.split(",")[-2:] for line in printed("--csv").splitlines()[1:]] == [["2", "1"]] * 2
    assert len(printed("--people").splitlines()) == 3
    assert told["total"] == {"sent": 2, "accepted": 1}
    assert "total" not in json.loads(printed("--json", "--people"))
    assert printed().splitlines()[-1].split("\t") == ["Total", "", "", "", "", "2", "1"]
    assert json.loads(printed("--website", "beta", "--json"))["rows"] == []


@pytest.mark.django_db
def test_funnel_is_printed_for_programs_people_and_spreadsheets(invited, capsysbinary):
    days = MAY[:4]
    assert cli.main(["report", "funnel", *days, "--by", "store_view", "--json"]) == 0
    told = json.loads(capsysbinary.readouterr().out)
    assert (told["by"], len(told["rows"]), told["total"]["sent"]) == ("store_view", 1, 2)

    assert cli.main(["report", "funnel", *days, "--by", "inviter"]) == 0
    text = capsysbinary.readouterr().out.decode()
    assert text.split("\n\n")[-1].splitlines()[0] == "Total"
    assert [line.split() for line in text.splitlines() if "  Registered  " in line][-1] == ["Registered", "1"]

    assert cli.main(["report", "funnel", *days, "--csv"]) == 0
    rows = [line.split(",") for line in capsysbinary.readouterr().out.decode("utf-8-sig").splitlines()]
    assert [row[:3] for row in rows[1:]] == [["All together", "2", "2"], ["Total", "2", "2"]]

    assert cli.main(["report", "funnel", *days, "--by", "month"]) == 1
    assert b"inviter, occasion, send" in capsysbinary.readouterr().err


@pytest.mark.parametrize(
    ("report", "option"),
    [
        ("customers", "--by-event"),
        ("customers", "--skip-empty"),
        ("funnel", "--own-view"),
        ("funnel", "--reasons"),
        ("conversions", "--reasons"),
        ("invitations", "--own-view"),
        ("invitations", "--people"),
        ("chain", "--people"),
        ("chain", "--csv"),
    ],
)
def test_report_refuses_an_option_that_it_does_not_have(report, option, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", report, option, *(["--customer", "1"] if report == "chain" else [])])

    assert ended.value.code == 2
    assert f"{option} is no option of the report {report}" in capsys.readouterr().err


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "2026-05-02", "--to", "2026-05-01"], "From is after To."),
        (["--by", "decade"], "“decade” is not a period."),
        (["--website", "gamma"], "These exist: alpha, beta."),
    ],
)
def test_report_says_in_one_line_what_is_wrong(invited, arguments, words, capsys):
    assert cli.main(["report", "invitations", *arguments]) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert len(said.err.splitlines()) == 1
