"""The translations: `python -m tests.catalogs` brings them up to date with the source, .po and .mo.

Only Python is needed, no GNU gettext: Django turns a template into a kind of Python, and babel reads that.
The .mo files are kept in the repository, so that a fresh machine speaks every language at once.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages import extract, mofile, pofile
from babel.messages.catalog import Catalog, Message
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "guestlist"
_KEPT = "Kept"
"""A translation whose comment starts with this word stays, though our source does not have its sentence.

With `# Kept: unfold` a package translates what a library left untranslated.
"""

_KEYWORDS = {
    **extract.DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
_TEMPLATES = {".html", ".txt", ".mjml", ".svg"}


def paths() -> list[Path]:
    """Give every .po file of the product."""
    return sorted(SOURCE.glob("**/locale/*/LC_MESSAGES/*.po"))


def read(path: Path) -> Catalog:
    """Read a .po file; its folder tells the language."""
    with path.open("rb") as file:
        return pofile.read_po(file, locale=path.parents[1].name)


def of_source(folder: Path) -> Catalog:
    """Collect the sentences of a folder with a `locale` folder, without packages that have their own."""
    catalog = Catalog(project="Guestlist", charset="utf-8")
    for path in sorted(folder.rglob("*")):
        if _home(path) != folder:
            continue
        if path.suffix == ".py":
            text = path.read_text(encoding="utf-8")
        elif path.suffix in _TEMPLATES and "templates" in path.parts:
            text = _as_python(path)
        else:
            continue
        for line, message, comments, context in _messages(text):
            place = [(path.relative_to(ROOT).as_posix(), line)]
            flags = _flags(message)
            catalog.add(message, locations=place, auto_comments=comments, context=context, flags=flags)
    return catalog


def updated(path: Path) -> Catalog:
    """Give the catalog of a .po file with the sentences of the source, no more and no fewer."""
    catalog = read(path)
    source = of_source(path.parents[3])
    for message in catalog:
        if any(comment.startswith(_KEPT) for comment in message.user_comments):
            source.add(message.id, context=message.context, flags=message.flags)
    catalog.update(source, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    return catalog


def binary(catalog: Catalog) -> bytes:
    """Give a catalog as the bytes of its .mo file."""
    file = io.BytesIO()
    mofile.write_mo(file, catalog)
    return file.getvalue()


def text(catalog: Catalog) -> bytes:
    """Give a catalog as the bytes of its .po file, without line numbers, which change with every edit."""
    file = io.BytesIO()
    pofile.write_po(file, catalog, width=100, sort_output=True, include_lineno=False, omit_header=False)
    return file.getvalue()


def is_translated(message: Message) -> bool:
    """Tell whether every form of a message has a translation; the header, which has no id, counts."""
    forms = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
    return not message.id or all(forms)


def _home(path: Path) -> Path | None:
    return next((parent for parent in path.parents if (parent / "locale").is_dir()), None)


def _messages(text: str) -> Iterator[tuple[int, str | tuple[str, ...], list[str], str | None]]:
    found = extract.extract(
        "python", io.BytesIO(text.encode()), keywords=_KEYWORDS, comment_tags=["Translators:"]
    )
    yield from found


def _as_python(path: Path) -> str:
    made = templatize(path.read_text(encoding="utf-8"), origin=str(path))
    # The blanked-out markup is indented at random, which only a reader of Python minds.
    return "\n".join(line.strip() for line in made.splitlines())


def _flags(message: str | tuple[str, ...]) -> list[str]:
    sentences = (message,) if isinstance(message, str) else message
    return ["python-format"] if any("%(" in sentence for sentence in sentences) else []


def main() -> int:
    """Write every catalog anew."""
    for path in paths():
        catalog = updated(path)
        path.write_bytes(text(catalog))
        path.with_suffix(".mo").write_bytes(binary(catalog))
        missing = sum(1 for message in catalog if not is_translated(message))
        print(f"{path.relative_to(ROOT)}: {len(catalog)} sentences, {missing} without a translation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
