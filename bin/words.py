"""Bring the catalogues in ``gateway/web/translations`` up to date with what the pages say.

    .venv/bin/python bin/words.py       (also: make words)

New texts come in untranslated, texts that nobody says any more go. ``tests/web/test_words.py`` says which are missing.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from babel.messages.catalog import Catalog  # noqa: E402 - the checkout comes first
from babel.messages.extract import extract_from_dir  # noqa: E402
from babel.messages.pofile import read_po, write_po  # noqa: E402

from gateway.web import failures, words  # noqa: E402

_METHODS = [("templates/ops/**.html", "ignore"), ("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
_OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
_IDLE = tuple(f'"{name}' for name in ("Project", "Report", "POT-", "PO-", "Last-", "Language-Team", "Generated"))
"""What a catalogue's head tells of tools and times: it would make every run a change."""
_ELSEWHERE = {"Colours for the categories of your tasks"}
"""What a provider's own record offers (``Provider.extras``)."""
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}


def spoken() -> Catalog:
    """Everything that pages for people say, in English, in a stable order."""
    catalog = Catalog(project="Calendar Gateway", charset="utf-8")
    found = extract_from_dir(ROOT / "gateway/web", _METHODS, _OPTIONS, _KEYWORDS, strip_comment_tags=True)
    texts = {message for _file, _line, message, _comments, _context in found}
    for message in sorted(texts | failures.texts() | _ELSEWHERE, key=str):
        catalog.add(message)
    return catalog


def main() -> None:
    """Merge into each language's file."""
    template = spoken()
    for path in sorted(words.FOLDER.glob("*.po")):
        with path.open("rb") as text:
            catalog = read_po(text, locale=path.stem)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        out = io.BytesIO()
        write_po(out, catalog, width=0, no_location=True, omit_header=False, sort_output=False)
        lines = out.getvalue().decode().rstrip().splitlines()
        path.write_text("\n".join(line for line in lines if not line.startswith(_IDLE)) + "\n", encoding="utf-8")
        print(path.stem, sum(1 for one in catalog if one.id and not all(_strings(one.string))), "to translate")


def _strings(said: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return list(said) if isinstance(said, (tuple, list)) else [said or ""]


if __name__ == "__main__":
    main()
