"""Titles: what is written to the calendar is read back as the same title, whatever Unicode it is made of."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable
from typing import Literal

import pytest
import regex  # type: ignore[import-untyped]  # ships no types
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.text import NO_TITLE, clean, clip, fits, is_blank, lacks_strokes, read, shown, strike, unstrike

S = "\u0336"
PLENTY = 100_000

# One or more of each kind that segmentation or normalisation treats on its own.
NASTY = (
    "a",
    " ",
    "=",  # composes with U+0338, which has the stroke's combining class
    S,
    "\u0335",  # class 1, before the stroke
    "\u0338",  # class 1
    "\u0301",  # class 230
    "\u0323",  # class 220
    "\u0327",  # class 202
    "\u0345",  # class 240, the highest
    "\u0344",  # decomposes into two marks
    "\u00e9",  # decomposes into a base and a mark
    "\u1e69",  # into a base and two marks
    "\u20dd",  # enclosing, class 0
    "\u034f",  # grapheme joiner, class 0
    "\ufe0f",  # emoji style
    "\u200c",  # non-joiner: extends
    "\u200d",  # joiner
    "\u200e",  # left-to-right mark: a control for segmentation
    "\u200b",  # zero-width space: likewise
    "\u00ad",  # soft hyphen: likewise
    "\U000e0001",  # language tag: likewise, beyond the first plane
    "\U000e0061",  # tag letter: extends
    "\U0001f468",  # man
    "\U0001f469",  # woman
    "\u2764",  # heart, text by default
    "\U0001f3fd",  # skin tone
    "\U0001f1e9",  # regional indicator D
    "\U0001f1ea",  # regional indicator E
    "\u1100",  # Hangul L
    "\u1161",  # Hangul V
    "\u11a8",  # Hangul T
    "\uac00",  # Hangul LV
    "\u302e",  # Hangul tone mark, class 224
    "\u0915",  # ka
    "\u0937",  # ssa
    "\u093c",  # nukta, class 7
    "\u094d",  # virama, class 9
    "\u0958",  # qa, excluded from composition
    "\u093f",  # spacing vowel sign
    "\u0dd9",  # composes with the next two, of which the second has class 9
    "\u0dcf",
    "\u0dca",
    "\u0600",  # prepended to what follows
    "\u0d4e",  # prepended
    "\u05d0",  # Hebrew
    "\u05b0",  # Hebrew point, class 10
    "\u0627",  # Arabic alef
    "\u0653",  # composes with alef
    "\u202e",  # right-to-left override
    "\u0e33",  # Thai sara am
    "\U0001d158\U0001d165",  # a note and its stem, class 216
    "\r",
    "\n",
    "\x00",
    "\u0085",
    "\u2028",
    "\ud83d",  # half an emoji
)

SINGLE = tuple(text for text in NASTY if len(text) == 1)

TITLES = st.one_of(
    st.text(st.sampled_from(SINGLE), max_size=24),
    st.lists(st.sampled_from(NASTY), max_size=24).map("".join),
    st.text(max_size=24),
    st.lists(st.one_of(st.sampled_from(NASTY), st.characters()), max_size=24).map("".join),
)


def _normal(form: Literal["NFC", "NFD"]) -> Callable[[str], str]:
    return lambda text: unicodedata.normalize(form, text)


def _as_kept(text: str) -> str:
    return text


FORMS = (_as_kept, _normal("NFC"), _normal("NFD"))


def _assert_comes_back(title: str) -> None:
    told = NO_TITLE if is_blank(title) else clean(title)
    for struck, form in itertools.product((True, False), FORMS):
        raw = form(shown(title, struck=struck, limit=PLENTY))
        assert read(raw, struck=struck) == told
        assert not (struck and lacks_strokes(raw)), "never twice for the same reason"
    struck_title = strike(clean(title))
    assert unstrike(struck_title) == clean(title)
    assert unstrike(_normal("NFC")(struck_title)) == clean(title)


@given(TITLES)
@example(f"{S}a{S}{S}b")
@example(f"\u200e\u0301{S}")
@example("\u0915\u094d\u0937")
@example("\U0001f468\u200d\U0001f469\u200d\U0001f467")
def test_every_title_comes_back_whatever_form_the_provider_keeps(title: str) -> None:
    _assert_comes_back(title)


def test_every_pair_of_nasty_characters_comes_back() -> None:
    for pair in itertools.product(NASTY, repeat=2):
        _assert_comes_back("".join(pair))


@given(TITLES)
def test_clean_is_done_once_and_leaves_no_line_break_control_or_surrogate(title: str) -> None:
    cleaned = clean(title)
    assert clean(cleaned) == cleaned
    assert not regex.search(r"[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]", cleaned)
    assert unicodedata.is_normalized("NFC", cleaned)
    cleaned.encode()


@given(TITLES, st.integers(min_value=2, max_value=40), st.booleans())
def test_what_is_shown_is_never_too_long_and_what_fits_is_never_cut(title: str, limit: int, struck: bool) -> None:
    told = NO_TITLE if is_blank(title) else clean(title)
    raw = shown(title, struck=struck, limit=limit)
    assert len(raw) <= limit
    back = read(raw, struck=struck)
    if fits(told, struck=struck, limit=limit):
        assert back == told
    else:
        assert back[-1] == "…"
        assert told.startswith(back[:-1])
        assert len(back) <= limit


@given(TITLES, st.integers(min_value=1, max_value=40))
def test_clip_cuts_between_clusters_and_as_late_as_it_can(title: str, limit: int) -> None:
    clipped = clip(title, limit)
    if len(title) <= limit:
        assert clipped == title
        return
    clusters = regex.findall(r"\X", title)
    prefixes = ["".join(clusters[:n]) for n in range(len(clusters))]
    assert clipped == max((p for p in prefixes if len(p) < limit), key=len) + "…"


@pytest.mark.parametrize(
    ("title", "cleaned"),
    [
        ("", ""),
        ("  two  spaces ", "  two  spaces "),
        ("one\ntwo", "one two"),
        ("one\r\ntwo", "one two"),
        ("one\n\rtwo", "one  two"),
        ("tab\tnul\x00del\x7fnel\x85", "tab nul del nel "),
        ("line\u2028para\u2029", "line para "),
        ("half \ud83d emoji", "half   emoji"),
        ("e\u0301", "\u00e9"),
        ("\u1100\u1161\u11a8", "\uac01"),
        ("\u200emark stays", "\u200emark stays"),
        ("\ufb01 ligature stays", "\ufb01 ligature stays"),
    ],
)
def test_clean(title: str, cleaned: str) -> None:
    assert clean(title) == cleaned


@pytest.mark.parametrize(
    ("title", "struck"),
    [
        ("", ""),
        ("ab", f"a{S}b{S}"),
        ("a b", f"a{S} {S}b{S}"),
        ("e\u0301", f"e\u0301{S}"),
        ("\U0001f468\u200d\U0001f469", f"\U0001f468\u200d\U0001f469{S}"),
        ("\U0001f1e9\U0001f1ea\U0001f1eb", f"\U0001f1e9\U0001f1ea{S}\U0001f1eb{S}"),
        ("\u0915\u094d\u0937", f"\u0915\u094d\u0937{S}"),
        ("\u200ea", f"\u200ea{S}"),
        ("a\r\nb", f"a{S}\r\nb{S}"),
        (f"a{S}b", f"a{S}{S}b{S}"),
        (S, S + S),
    ],
)
def test_strike(title: str, struck: str) -> None:
    assert strike(title) == struck


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        (f"C{S}a{S}l{S}l{S} Bob", "Call Bob"),
        (f"new C{S}a{S}ll", "new Call"),
        (f"C{S}a{S}{S}", f"Ca{S}"),
        ("plain", "plain"),
        (f"={S}\u0338", "\u2260"),
        (S, ""),
    ],
)
def test_unstrike_takes_one_stroke_from_each_cluster_that_has_one(raw: str, title: str) -> None:
    assert unstrike(raw) == title


@pytest.mark.parametrize("raw", ["Call Bob", f"C{S}a{S}l{S}l{S} Bob", f"C{S}a{S}ll", "(no title)"])
def test_what_a_person_typed_into_a_struck_title_lacks_its_strokes(raw: str) -> None:
    assert lacks_strokes(raw)
    assert not lacks_strokes(strike(unstrike(raw)))


def test_a_title_we_did_not_strike_keeps_its_strokes() -> None:
    assert read(f"a{S}b\n", struck=False) == f"a{S}b "


@pytest.mark.parametrize("title", ["", " ", "\r\n", "\u00a0\u3000", "\u200b\u200e", "\u3164", "\x00", "\ud83d"])
def test_a_title_of_which_nothing_is_seen_is_shown_as_no_title(title: str) -> None:
    assert is_blank(title)
    assert shown(title, struck=False, limit=500) == NO_TITLE
    assert shown(title, struck=True, limit=500) == strike(NO_TITLE)


@pytest.mark.parametrize("title", ["a", " a ", "0", "\u0600", "\U0001f600", S])
def test_a_title_of_which_something_is_seen_is_not_blank(title: str) -> None:
    assert not is_blank(title)


@pytest.mark.parametrize(
    ("title", "limit", "clipped"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "…"),
        ("a\U0001f468\u200d\U0001f469b", 4, "a…"),
        ("a\U0001f468\u200d\U0001f469bc", 5, "a\U0001f468\u200d\U0001f469…"),
        ("a" + "\u0323\u0301" * 50, 20, "…"),
    ],
)
def test_clip(title: str, limit: int, clipped: str) -> None:
    assert clip(title, limit) == clipped


def test_strokes_count_towards_the_limit_only_where_there_are_any() -> None:
    assert shown("abcd", struck=False, limit=4) == "abcd"
    assert shown("abcd", struck=True, limit=8) == strike("abcd")
    assert shown("abcd", struck=True, limit=7) == strike("ab…")
    assert fits("abcd", struck=False, limit=4)
    assert fits("abcd", struck=True, limit=8)
    assert not fits("abcd", struck=True, limit=7)


def test_a_limit_without_room_for_an_ellipsis_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be cut"):
        clip("ab", 0)
    with pytest.raises(ValueError, match="cannot be cut"):
        shown("ab", struck=True, limit=1)
