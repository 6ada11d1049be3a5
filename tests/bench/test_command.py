"""The command: its names, its table, its JSON, and the page that a full run writes."""

import json

import pytest

from bench import __main__ as command
from bench import docs
from bench.figures import Figure, Goal, Report, number


def report(*, quick=False):
    made = Report("Delivery", quick=quick)
    made.add("roof", "C generator", 18_000.4, "mails/s")
    made.add("roof_ratio", "… against the generator", 0.6249, "×", goal=Goal(at_least=0.5), long=True)
    made.add("lost", "lost", 1, "mails", goal=Goal(at_most=0))
    return made


def test_help_names_every_benchmark(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])

    shown = capsys.readouterr().out
    assert all(f"{name} " in shown for name in command.BENCHMARKS)


@pytest.mark.parametrize("name", command.BENCHMARKS)
def test_every_benchmark_can_be_quick_and_write_json(name, capsys):
    with pytest.raises(SystemExit):
        command.main([name, "--help"])

    shown = capsys.readouterr().out
    assert "--quick" in shown
    assert "--json FILE" in shown


def test_json_has_value_unit_goal_and_verdict_when_written(tmp_path):
    report().write_json(tmp_path / "figures.json")

    assert json.loads((tmp_path / "figures.json").read_text(encoding="utf-8")) == {
        "roof": {"value": 18000.4, "unit": "mails/s", "goal": None, "met": None},
        "roof_ratio": {"value": 0.6249, "unit": "×", "goal": "≥ 0.50", "met": True},
        "lost": {"value": 1, "unit": "mails", "goal": "≤ 0", "met": False},
    }


def test_goal_that_needs_a_long_run_is_not_judged_when_the_run_is_quick():
    made = report(quick=True)

    assert [figure.met for figure in made.figures] == [None, None, False]
    assert [figure.name for figure in made.failed] == ["lost"]


def test_table_tells_each_verdict():
    shown = report().table()

    assert "18,000 mails/s" in shown
    assert "≥ 0.50" in shown
    assert "met" in shown
    assert "MISSED" in shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.126, "0.13"), (12.34, "12.3"), (120, "120"), (123456.7, "123,457")]
)
def test_number_has_the_digits_that_are_read(value, shown):
    assert number(value) == shown


def test_goal_at_the_bound_is_met():
    assert Figure("a", "a", 0.5, "×", Goal(at_least=0.5)).met is True
    assert Figure("a", "a", 120, "MB", Goal(at_most=120)).met is True


def test_page_keeps_the_words_around_the_marks_when_it_is_written(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Before\n<!-- delivery: written by ./guestlist bench delivery -->\nold\n<!-- /delivery -->\nAfter\n",
        encoding="utf-8",
    )

    docs.write(report(), [("Processor", "two cores"), ("Django", "6.1")], mark="delivery", page=page)

    written = page.read_text(encoding="utf-8")
    assert written.startswith("# Before\n")
    assert written.endswith("<!-- /delivery -->\nAfter\n")
    assert "old" not in written
    assert "Processor: two cores; Django: 6.1" in written
    assert "| … against the generator | 0.62 × | ≥ 0.50 | met |" in written
    assert "| lost | 1 mails | ≤ 0 | **missed** |" in written


def test_page_without_a_place_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Nothing\n", encoding="utf-8")

    with pytest.raises(ValueError, match="no place for delivery"):
        docs.write(report(), [], mark="delivery", page=page)


@pytest.mark.parametrize("mark", ["delivery", "kill"])
def test_documentation_has_a_place_for_what_is_measured(mark):
    text = docs.PAGE.read_text(encoding="utf-8")

    assert f"<!-- {mark}: written by ./guestlist bench {mark} -->" in text
    assert f"<!-- /{mark} -->" in text
