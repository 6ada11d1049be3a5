"""The translations are complete and what runs is what was translated."""

from pathlib import Path

import pytest

from tests import catalogs

_COMPLETE = {"nl"}  # English is the language of the source; German may still be English

every_catalog = pytest.mark.parametrize(
    "path", catalogs.paths(), ids=lambda path: str(path.relative_to(catalogs.SOURCE))
)


@pytest.fixture(scope="module")
def source():
    return catalogs.of_source()


@every_catalog
def test_catalog_is_complete_when_the_language_is_promised(path: Path) -> None:
    catalog = catalogs.read(path)
    assert not [message.id for message in catalog if message.id and message.fuzzy]
    if path.parents[1].name in _COMPLETE:
        assert not [message.id for message in catalog if not catalogs.is_translated(message)]


@every_catalog
def test_placeholders_are_the_same_when_translated(path: Path) -> None:
    catalog = catalogs.read(path)
    assert not [(message.id, [str(error) for error in errors]) for message, errors in catalog.check()]


@every_catalog
def test_compiled_catalog_is_up_to_date(path: Path) -> None:
    assert path.with_suffix(".mo").read_bytes() == catalogs.binary(catalogs.read(path)), "run: just messages"


@pytest.mark.parametrize("path", sorted(catalogs.MAIN.glob("*/LC_MESSAGES/django.po")), ids=str)
def test_catalog_has_the_sentences_of_the_source(path: Path, source) -> None:
    kept, wanted = ({(m.id, m.context) for m in c if m.id} for c in (catalogs.read(path), source))
    assert kept == wanted, "run: just messages"
