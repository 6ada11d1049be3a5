"""`guestlist report chain`: who brought whom on the command line."""

import json

import pytest

from guestlist import cli
from guestlist.customers.models import Customer
from tests import make
from tests.reports.test_chain import bring

pytestmark = pytest.mark.django_db


@pytest.fixture
def emma() -> Customer:
    """Has brought Noor, who has brought Ben, who has brought Anna, who has brought Lot."""
    view = make.store_view(make.website("alpha"))
    made = make.customer(view, email="emma@example.com", first_name="Emma", last_name="Clarke")
    bring(bring(bring(bring(made, "Noor"), "Ben"), "Anna"), "Lot")
    return made


def chains(capsys, *arguments: str):
    assert cli.main(["report", "chain", *arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["report"] == "chain"
    return told["chains"]


def names(node) -> list[str]:
    """Return the names along the chain, as far as it is open."""
    below = node["brought"] or [None]
    return [node["name"], *([] if below[0] is None else names(below[0]))]


def test_chain_is_printed_for_programs_three_levels_deep(emma, capsys) -> None:
    (told,) = chains(capsys, "--customer", "Emma@example.com")

    assert names(told) == ["Emma Clarke", "Noor", "Ben", "Anna"]
    assert (told["website"], told["email"], told["group"]) == ("alpha", "emma@example.com", "general")
    assert (told["invited"], told["joined"], told["counted_all"], told["has_more"]) == (1, 1, True, False)
    assert (told["brought_by"], told["invited_by_staff"]) == ([], False)
    anna = told["brought"][0]["brought"][0]["brought"][0]
    assert (anna["brought"], anna["joined"], anna["credit"]) == (None, 1, 1.0)
    (deep,) = chains(capsys, "--customer", "emma@example.com", "--depth", "9", "--website", "alpha")
    assert names(deep)[-1] == "Lot"
    (shallow,) = chains(capsys, "--customer", str(Customer.objects.get(first_name="Ben").pk), "--depth", "1")
    assert names(shallow) == ["Ben", "Anna"]
    assert [one["name"] for one in shallow["brought_by"]] == ["Noor", "Emma Clarke"]


def test_chain_is_printed_for_people(emma, capsys) -> None:
    assert cli.main(["report", "chain", "--customer", str(Customer.objects.get(first_name="Noor").pk)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Emma Clarke → Noor"
    assert lines[1].endswith(": joined 2026-05-03, invited 1, 1 joined")
    assert [len(line) - len(line.lstrip()) for line in lines[1:]] == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--customer", "nobody@example.com"], "There is no customer “nobody@example.com”."),
        (["--customer", "emma@example.com", "--website", "beta"], "These exist: alpha."),
    ],
)
def test_chain_says_in_one_line_what_is_wrong(emma, capsys, arguments, words) -> None:
    assert cli.main(["report", "chain", *arguments]) == 1

    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)
    assert words in told.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["chain"],
        ["chain", "--customer", "emma@example.com", "--from", "2026-05-01"],
        ["chain", "--customer", "emma@example.com", "--csv"],
        ["chain", "--customer", "emma@example.com", "--depth", "11"],
        ["invitations", "--customer", "emma@example.com"],
        ["conversions", "--depth", "2"],
    ],
)
def test_options_of_another_report_are_refused(arguments, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", *arguments])

    assert ended.value.code == 2
    assert "report" in capsys.readouterr().err
