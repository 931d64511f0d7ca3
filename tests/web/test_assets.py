"""Style sheets and scripts: under their fingerprint, compressed, asked for by condition; nothing else is served."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from gateway.web import assets
from tests.web.bench import Bench

TEMPLATES = Path(assets.__file__).parent / "templates"
PAGES = {page.name: page.read_text() for page in sorted(TEMPLATES.glob("*.html"))}
NAMED = {name for text in PAGES.values() for name in re.findall(r"asset\('([^']+)'\)", text)}


def test_every_file_that_a_page_names_is_there(bench: Bench) -> None:
    client = bench.app.test_client()
    assert "vendor/htmx.min.js" in NAMED
    wanted = {*NAMED, *assets.VENDOR, "docs.css"}
    assert {name for name in wanted if client.get(f"/static/{name}").status_code != 200} == set()


def test_no_page_holds_a_script_or_style_of_its_own_or_names_another_host() -> None:
    inline = re.compile(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE)
    elsewhere = re.compile(r"(src|href)=[\"']?(https?:)?//")
    assert {name for name, text in PAGES.items() if inline.search(text) or elsewhere.search(text)} == set()


def test_a_page_names_a_file_by_its_fingerprint_and_browsers_keep_it(bench: Bench) -> None:
    client = bench.app.test_client()
    found = re.search(r'href="(/static/pages\.css\?v=\w{16})"', client.get("/").text)
    assert found is not None
    kept = client.get(found[1])
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get("/static/pages.css?v=0").headers["Cache-Control"] == "no-cache"


def test_files_travel_compressed_where_that_is_understood(bench: Bench) -> None:
    client = bench.app.test_client()
    plain = client.get("/static/vendor/htmx.min.js")
    small = client.get("/static/vendor/htmx.min.js", headers={"Accept-Encoding": "br, gzip"})
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.data) == plain.data
    assert len(small.data) < len(plain.data) / 2
    assert plain.headers["Vary"] == small.headers["Vary"] == "Accept-Encoding"
    again = client.get("/static/vendor/htmx.min.js", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "vendor/.stamp", "vendor/htmx.min.js.gz", "none.css"])
def test_nothing_else_is_served(bench: Bench, name: str) -> None:
    assert bench.app.test_client().get(f"/static/{name}").status_code == 404


def test_a_missing_file_is_told_to_the_operator(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert assets.missing() == []
    monkeypatch.setattr(assets, "VENDOR", ("vendor/gone.js",))
    assert assets.missing() == ["vendor/gone.js"]
    assert "bin/assets.py" in caplog.text
