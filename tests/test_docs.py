"""The tables in the documentation say what the code does."""

import re
from pathlib import Path

import pytest

from guestlist.invitations.config import Invitations
from guestlist.invitations.imports import columns
from guestlist.invitations.lifecycle import MOVES
from guestlist.mail.config import Delivery
from guestlist.stores import config

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def rows(page: str, mark: str) -> list[list[str]]:
    """Return the body of the table between the marks, cell by cell."""
    text = (DOCS / page).read_text(encoding="utf-8")
    part = text.split(f"<!-- {mark}:")[1].split(f"<!-- /{mark} -->")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_moves_in_concepts_are_those_of_the_lifecycle():
    documented = {(origin, target): reasons for origin, target, reasons in rows("concepts.md", "moves")}

    assert documented == {
        (
            str(move.origin.label) if move.origin else "–",
            str(move.target.label),
        ): ", ".join(sorted(move.reasons)) if len(move.reasons) > 1 else next(iter(move.reasons)).value
        for move in MOVES
    }


@pytest.mark.parametrize("section", [Invitations, Delivery], ids=lambda section: section.section)
def test_every_option_is_documented_with_its_scope(section):
    documented = {
        code.removeprefix(f"{section.section}."): (label, scope, default)
        for label, code, scope, _values, default in rows("configuration.md", f"options of {section.section}")
    }

    assert documented == {
        name: (
            str(config.about(field).label),
            config.about(field).narrowest.name.lower().replace("_", " "),
            said(field.default),
        )
        for name, field in section.model_fields.items()
    }


def said(default: object) -> str:
    """Return a default as the tables say it."""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "none" if default == () else str(default)


def test_columns_of_an_import_are_known_by_the_names_that_are_documented():
    documented = {
        label: names.split(", ") for label, _what, names in rows("staff.md", "columns of an import")
    }

    assert list(documented) == [str(one.label) for one in columns.Field]
    for field in columns.Field:
        for name in documented[str(field.label)]:
            assert columns.by_names([name]) == {field: 0}, name


def test_every_variable_of_the_environment_is_documented():
    settings = (ROOT / "src/guestlist/settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'(?:_environment|_switch|_secret)\(\s*"([A-Z_]+)"', settings))

    assert {name for name, *_ in rows("configuration.md", "environment")} == read


@pytest.mark.parametrize(
    "page", sorted(path.relative_to(ROOT) for path in ROOT.glob("docs/**/*.md")), ids=str
)
def test_links_between_pages_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")

    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target
