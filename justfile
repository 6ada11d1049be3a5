python := ".venv/bin/python"

# the recipes
default:
    @just --list

# everything that CI runs, with the time of each stage
check:
    .ci/run

# all tests on SQLite, then those that touch the database on PostgreSQL
test *arguments:
    ./guestlist test {{ arguments }}

# style of Python and templates
lint:
    {{ python }} -m ruff check .
    {{ python }} -m ruff format --check .
    {{ python }} -m djlint --lint --quiet src

# put the style right where a program can
format:
    {{ python }} -m ruff check --fix .
    {{ python }} -m ruff format .

# types, strictly
types:
    GUESTLIST_DEMO=1 GUESTLIST_DATA=build/data {{ python }} -m mypy

# imports only go down
contracts:
    .venv/bin/lint-imports --no-logo

# the models have no changes without a migration
migrations:
    GUESTLIST_DEMO=1 GUESTLIST_DATA=build/data ./guestlist manage makemigrations --check --dry-run

# journeys in a real browser
journeys *arguments:
    {{ python }} -m pytest tests/e2e -n 2 --dist loadgroup {{ arguments }}

# make the documentation's screenshots anew; with a folder, all pages in all looks go there too
screenshots *folder:
    {{ python }} -m tests.e2e.screenshots {{ folder }}

# bring the translations up to date with the source: .po and .mo
messages:
    {{ python }} -m tests.catalogs

# pin the requirements anew: `just lock --upgrade`, `just lock --upgrade-package django`
lock *arguments:
    uv pip compile pyproject.toml {{ lock_options }} {{ arguments }} -o requirements/base.txt
    uv pip compile pyproject.toml --group dev -c requirements/base.txt {{ lock_options }} {{ arguments }} -o requirements/dev.txt
    uv pip compile pyproject.toml --all-extras -c requirements/dev.txt {{ lock_options }} {{ arguments }} -o requirements/extras.txt

lock_options := "--generate-hashes --universal --python-version 3.12 --no-emit-index-url --no-emit-find-links --no-header --quiet"
