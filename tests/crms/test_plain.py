"""Rich bodies as plain text: what a reader needs stays, looks and code go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crms.plain import from_html, from_markdown


@pytest.mark.parametrize(
    ("html", "plain"),
    [
        ("", ""),
        ("plain", "plain"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        (
            '<div style="" dir="auto" data-top-level="true"><p style="margin:0;">Bring the quote</p></div>',
            "Bring the quote",
        ),
        ("<div>One</div><div>Two<br>Three</div>", "One\nTwo\nThree"),
        ("One<br/><br/>Two", "One\n\nTwo"),
        ("<p>Bring:</p><ul><li>quote</li><li><p>pen</p></li></ul><p>Bye</p>", "Bring:\n\n- quote\n- pen\n\nBye"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n  - b\n- c"),
        ("<b>Bold</b> and <i>not</i>", "Bold and not"),
        ("  spread \n over   lines ", "spread over lines "),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ('<a href="https://x.example/a">here</a>', "here (https://x.example/a)"),
        ('<a href="https://x.example/a">https://x.example/a</a>', "https://x.example/a"),
        ('<a href="javascript:alert(1)">here</a>', "here"),
        ("<script>alert(1)</script><style>p{}</style>seen", "seen"),
        ("Tom &amp; Ada &lt;3 &nbsp;&#128512;", "Tom & Ada <3 \xa0\U0001f600"),
        ("<p>broken <b>nowhere<p>closed", "broken nowhere\n\nclosed"),
        ('<p>see</p><img src="x" alt="a chart">', "see\n\na chart"),
    ],
)
def test_html_is_read_as_a_person_would(html: str, plain: str) -> None:
    assert from_html(html) == plain


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("", ""),
        ("line 1\n\nline 2", "line 1\n\nline 2"),
        ("line 1\nline 2", "line 1\nline 2"),
        ("# Agenda\n\n- one\n- two\n", "Agenda\n\n- one\n- two"),
        ("**Bring** the _quote_", "Bring the quote"),
        ("[the quote](https://x.example/q)", "the quote (https://x.example/q)"),
        ("<https://x.example/q>", "https://x.example/q"),
        ("1 < 2 <b>not code</b> & more", "1 < 2 <b>not code</b> & more"),
        ("\\*not emphasis\\*", "*not emphasis*"),
        ("```\na\n  b\n```", "a\n  b"),
    ],
)
def test_markdown_is_read_as_a_person_would(markdown: str, plain: str) -> None:
    assert from_markdown(markdown) == plain


@given(st.text(alphabet="<>/abp&;#\"'= \n", max_size=60))
def test_nothing_breaks_the_reading(text: str) -> None:
    assert isinstance(from_html(text), str)
    assert isinstance(from_markdown(text), str)
