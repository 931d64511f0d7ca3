"""What the README tells a stranger to type, click and rely on is there."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from gateway import settings
from gateway.web import cli
from gateway.web.crm_operations import CRM_OPERATIONS
from gateway.web.openapi import GATEWAY_OPERATIONS

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()
OLDEST = "3.11.0"


def block(section: str) -> str:
    """What the ``sh`` block of a section says."""
    found = re.search(rf"^## {re.escape(section)}$.*?^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found, f"no commands under {section}"
    return found[1]


def typed(section: str, program: str) -> list[list[str]]:
    """Plays a section's commands in a shell where ``program`` only says its arguments; one list for each call."""
    script = f"{program}() {{ printf '%s\\t' \"$@\"; echo; }}; git() {{ :; }}; set -eu\n{block(section)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [line.split("\t")[:-1] for line in done.stdout.splitlines()]


def targets() -> dict[str, str]:
    """What the Makefile offers, by name, with the words of ``make help``."""
    text = (REPOSITORY / "Makefile").read_text()
    return dict(re.findall(r"^([a-z]+):.*?## (.+)$", text, re.MULTILINE))


def test_the_two_commands_are_targets_with_words() -> None:
    assert typed("Try it", "make") == [["demo"], ["test"]]
    assert {"demo", "test"} <= targets().keys()


def test_the_command_that_adds_a_crm_has_these_options_and_asks_for_no_others() -> None:
    (call,) = typed("Connect your CRM", "flask")
    assert call[:4] == ["--app", "wsgi", "installations", "add"]
    add = cli.installations.commands["add"]
    assert add.make_context("add", call[4:]).params["adapter"] == "generic"
    required = {name for one in add.params if one.required for name in one.opts}
    assert required == {word for word in call[4:] if word.startswith("--")}


def test_what_heroku_is_told_is_enough_to_start() -> None:
    (config,) = [call for call in typed("Deploy on Heroku", "heroku") if call[0] == "config:set"]
    platform = {"DATABASE_URL": "postgres://u:p@db.example:5432/d", "REDIS_URL": "rediss://:p@redis.example:6379"}
    read = settings.load(platform | dict(word.split("=", 1) for word in config[1:]))
    assert (read.redis_tls_verify, read.first_crm) == (False, None)
    assert None not in (read.google, read.microsoft)


def test_heroku_scales_the_processes_that_there_are() -> None:
    (scale,) = [call for call in typed("Deploy on Heroku", "heroku") if call[0] == "ps:scale"]
    processes = {line.split(":")[0] for line in (REPOSITORY / "Procfile").read_text().splitlines()}
    assert {word.split("=")[0] for word in scale[1:]} | {"release"} == processes


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "docs/decisions/README.md", "docs/providers.md", "docs/crms.md"]
)
def test_links_into_the_repository_lead_somewhere(document: str) -> None:
    path = REPOSITORY / document
    links = re.findall(r"\]\((?!https?://)([^)]+)\)", path.read_text())
    for link in links:
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


def anchors(document: Path) -> set[str]:
    """A heading's anchor as GitHub makes it: small letters, no punctuation, dashes for spaces."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_pictures_are_small_pngs() -> None:
    names = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert [Path(name).stem for name in names] == ["desk", "panel", "settings"]
    for name in names:
        picture = (REPOSITORY / name).read_bytes()
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(picture) < 250_000


def test_every_call_that_the_readme_names_is_in_the_interface() -> None:
    known = {(call.method.upper(), same_path(call.path)) for call in (*GATEWAY_OPERATIONS, *CRM_OPERATIONS)}
    named = {(method, same_path(path)) for method, path in re.findall(r"`(GET|PATCH|PUT|POST) (/[^`]*)`", README)}
    assert named - known == set()
    assert named >= {(call.method.upper(), same_path(call.path)) for call in CRM_OPERATIONS}


def same_path(path: str) -> str:
    """A path whatever its parameters are called."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_everything_pinned_installs_on_the_oldest_python_promised() -> None:
    """A newer patch release of 3.11 here would hide it: Debian 12 has 3.11.2."""
    assert "Python 3.11 or newer" in README
    mypy = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["mypy"]
    assert OLDEST.startswith(mypy["python_version"])
    pinned = [line for line in (REPOSITORY / "constraints.txt").read_text().splitlines() if "==" in line]
    needs = {name: str(metadata.metadata(name).json.get("requires_python", "")) for name in map(package, pinned)}
    assert {name: need for name, need in needs.items() if OLDEST not in SpecifierSet(need)} == {}


def package(line: str) -> str:
    return Requirement(line).name
