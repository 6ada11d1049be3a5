"""The translations are complete and what runs is what was translated."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from babel.messages import mofile
from babel.messages.catalog import Catalog

from tests import catalogs

_COMPLETE = {"nl"}  # English is the language of the source; German may still be English

every_catalog = pytest.mark.parametrize(
    "path", catalogs.paths(), ids=lambda path: str(path.relative_to(catalogs.SOURCE))
)


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
    with path.with_suffix(".mo").open("rb") as file:
        compiled = mofile.read_mo(file)
    expected = mofile.read_mo(io.BytesIO(catalogs.binary(catalogs.read(path))))
    assert _sentences(compiled) == _sentences(expected), "run: just messages"


@every_catalog
def test_catalog_has_the_sentences_of_the_source(path: Path) -> None:
    kept, wanted = _sentences(catalogs.read(path)), _sentences(catalogs.updated(path))
    assert kept.keys() == wanted.keys(), "run: just messages"


def test_sentence_has_one_translation_whichever_catalog_answers() -> None:
    translations: dict[object, set[object]] = {}
    for path in catalogs.paths():
        for key, text in _sentences(catalogs.read(path)).items():
            translations.setdefault((path.parents[1].name, key), set()).add(text)

    # Django looks them up in one heap: where two meanings need two words, a context tells them apart.
    assert not {key: texts for key, texts in translations.items() if len(texts) > 1}


def _sentences(catalog: Catalog) -> dict[tuple[object, str | None], object]:
    sentences = [sentence for sentence in catalog if sentence.id]
    return {(_fixed(sentence.id), sentence.context): _fixed(sentence.string) for sentence in sentences}


def _fixed(forms: str | Sequence[str] | None) -> str | tuple[str, ...] | None:
    return forms if forms is None or isinstance(forms, str) else tuple(forms)
