"""The panel's words: collects every English sentence into the Italian catalogue and compiles it.

python dev.d/messages.py            collect, then compile
python dev.d/messages.py --check    say what is missing or old; exit 1 where something is
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings

ROOT = Path(__file__).resolve().parents[1]
PANEL = ROOT / "src" / "nervo" / "panel"
PO = PANEL / "locale" / "it" / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
KEYWORDS = {"gettext": None, "gettext_noop": None, "_": None, "ngettext": (1, 2)}
Message = str | tuple[str, ...]


def sentences() -> Iterator[tuple[Message, str]]:
    """Every sentence of the code and the templates, with its file."""
    for path in sorted(PANEL.rglob("*.py")):
        for _, message, _, _ in extract("python", io.BytesIO(path.read_bytes()), keywords=KEYWORDS):
            yield message, path.relative_to(PANEL).as_posix()
    for path in sorted((PANEL / "templates").rglob("*.html")):
        for _, message, _, _ in extract("javascript", io.BytesIO(_code(path)), keywords=KEYWORDS):
            yield message, path.relative_to(PANEL).as_posix()


def _code(path: Path) -> bytes:
    """A template as the calls of gettext that it makes, which read as JavaScript too."""
    from django.utils.translation.template import templatize

    if not settings.configured:
        settings.configure(USE_I18N=True)
    return templatize(path.read_text(encoding="utf-8")).encode()


def collected() -> Catalog:
    """The catalogue as it should be: today's sentences, with the translations there are."""
    catalogue = Catalog(locale="it", project="nervo", header_comment="# The panel in Italian.", fuzzy=False)
    kept = read_po(io.BytesIO(PO.read_bytes()), locale="it") if PO.exists() else Catalog(locale="it")
    for message, place in sentences():
        one = message[0] if isinstance(message, tuple) else message
        known = kept.get(one)
        catalogue.add(message, known.string if known else None, locations=[(place, 0)])
    return catalogue


def missing(catalogue: Catalog) -> list[str]:
    """Sentences without an Italian one."""
    return [
        str(m.id) for m in catalogue if m.id and not (all(m.string) if isinstance(m.string, tuple | list) else m.string)
    ]


def text_of(catalogue: Catalog) -> bytes:
    """The catalogue as its file has it: without line numbers and dates, so that it differs only where words do."""
    out = io.BytesIO()
    write_po(out, catalogue, width=120, sort_output=True, omit_header=False, include_lineno=False)
    return b"\n".join(
        line for line in out.getvalue().split(b"\n") if b"-Date: " not in line and b"Generated-By" not in line
    )


def compiled(catalogue: Catalog) -> bytes:
    """The compiled catalogue without the time of its making."""
    out = io.BytesIO()
    write_mo(out, read_po(io.BytesIO(text_of(catalogue)), locale="it"))
    return out.getvalue()


def problems() -> list[str]:
    """What --check finds."""
    catalogue = collected()
    found = [f"not translated: {sentence}" for sentence in missing(catalogue)]
    found += [] if PO.exists() and PO.read_bytes() == text_of(catalogue) else [f"{PO.name} is old"]
    return found + ([] if MO.exists() and translations(MO) == translations_of(catalogue) else [f"{MO.name} is old"])


def translations(mo: Path) -> dict[Message, Message]:
    """What a compiled file says."""
    from babel.messages.mofile import read_mo

    return translations_of(read_mo(io.BytesIO(mo.read_bytes())))


def translations_of(catalogue: Catalog) -> dict[Message, Message]:
    return {_same(m.id): _same(m.string) for m in catalogue if m.id}


def _same(words: Any) -> Message:
    return words if isinstance(words, str) else tuple(words)


def main() -> int:
    if "--check" in sys.argv:
        print("\n".join(problems()) or "the Italian catalogue is complete and current")
        return 1 if problems() else 0
    catalogue = collected()
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(text_of(catalogue))
    MO.write_bytes(compiled(catalogue))
    print(f"{len(catalogue)} sentences, {len(missing(catalogue))} not translated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
