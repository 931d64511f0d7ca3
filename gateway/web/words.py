"""The wording of all pages, in one catalogue: English in the source, other languages beside it as plain ``.po`` files.

Language by the person's browser (``Accept-Language``), or by ``locale`` in a frame's address, which the CRM may know
better; words by the language, times by the whole manner (``en-GB`` reads 14:00 where ``en-US`` reads 2:00 PM). Times
are told in the zone that a page names; nothing here knows the machine's.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta, tzinfo
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, Response, request
from flask_babel import Babel, Domain, get_locale
from flask_babel import gettext as translated

from gateway.core.model import Day, Moment

SOURCE: Final = "en"
FOLDER: Final = Path(__file__).parent / "translations"
LANGUAGES: Final = (SOURCE, *sorted(path.stem for path in FOLDER.glob("*.po")))
_NEAR: Final = timedelta(days=300)


class _Catalogues(Domain):  # type: ignore[misc] # the library is untyped
    """Reads ``.po`` files as they are, so that nothing has to be compiled, or be committed compiled."""

    def get_translations(self) -> NullTranslations:
        return catalogue(locale_of().language)


@cache
def catalogue(language: str) -> NullTranslations:
    """All words in one language; the source's own where there is no catalogue."""
    path = FOLDER / f"{language}.po"
    if language == SOURCE or not path.is_file():
        return NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as text:
        write_mo(compiled, read_po(text, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def speak(app: Flask) -> None:
    """Have the application's pages speak."""
    babel = Babel(app, locale_selector=_wanted)
    babel.domain_instance = _Catalogues()
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.globals.update(direction=direction, language=lambda: str(locale_of()).replace("_", "-"))
    app.jinja_env.filters.update(clock_time=clock_time, moment=moment, ago=ago)

    @app.after_request
    def vary(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.vary.add("Accept-Language")
        return response


def _wanted() -> str:
    asked = [request.args.get("locale", ""), *(name for name, _quality in request.accept_languages)]
    return next((str(found) for name in asked if (found := _known(name)) is not None), SOURCE)


@cache
def _known(name: str) -> Locale | None:
    """The manner of this name, if its language is spoken here."""
    try:
        locale = Locale.parse(name.replace("-", "_")) if name and len(name) < 20 else None
    except (UnknownLocaleError, ValueError):
        locale = None
    return locale if locale is not None and locale.language in LANGUAGES else None


def gettext(text: str, **values: object) -> str:
    """A text of the catalogue in this request's language, with its values filled in."""
    return str(translated(text, **values))


def locale_of() -> Locale:
    """How this request's person reads."""
    return get_locale() or Locale(SOURCE)


def direction() -> str:
    """``ltr`` or ``rtl``."""
    return str(locale_of().text_direction)


# --- times ----------------------------------------------------------------------------------------------------------


def zone_of(*names: str | None) -> tzinfo:
    """The first of these IANA zones that exists; UTC where none does."""
    return ZoneInfo(next((name for name in names if name in available_timezones()), "UTC"))


def moment(at: datetime, zone: tzinfo, now: datetime) -> str:
    """A day and a time of day, such as "Tue, Dec 1, 14:00"; with the year where it is far off."""
    local = at.astimezone(zone)
    return f"{_day(local, now)}, {clock_time(at, zone)}"


def _day(at: datetime, now: datetime) -> str:
    skeleton = "MMMEd" if abs(at - now) < _NEAR else "yMMMEd"
    return format_skeleton(skeleton, at.replace(tzinfo=None), locale=locale_of())


def clock_time(at: datetime, zone: tzinfo) -> str:
    """A time of day."""
    return format_time(at.astimezone(zone).timetz(), "short", locale=locale_of(), tzinfo=None)


def ago(at: datetime, now: datetime) -> str:
    """How long ago, roughly; what lies a moment ahead, by another machine's clock, is now."""
    past = min(at - now, timedelta())
    return format_timedelta(past, add_direction=True, threshold=1.2, locale=locale_of())


def value(said: str | Day | Moment, zone: tzinfo, now: datetime) -> str:
    """A field's value as a person reads it: a title in its quotation marks, a day, a moment."""
    match said:
        case Day(day):
            full = format_date(day, "full", locale=locale_of())
            return gettext("%(day)s, all day", day=full)
        case Moment(at):
            return moment(at, zone, now)
        case text:
            return gettext("“%(title)s”", title=text)
