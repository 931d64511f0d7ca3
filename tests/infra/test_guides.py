"""The guides: their commands run as they stand against a running gateway, their links and names are right."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.providers.google.oauth import SCOPES as GOOGLE
from gateway.providers.outlook.oauth import COLOURS
from gateway.providers.outlook.oauth import SCOPES as MICROSOFT
from gateway.web import cli
from gateway.web.crm_operations import CRM_OPERATIONS
from tests.crms.generic import deliveries
from tests.infra.test_readme import anchors, same_path
from tests.webhooks.test_on_server import API_TOKEN, Server, server

__all__ = ["server"]

REPOSITORY = Path(__file__).parents[2]
PUBLIC = "http://127.0.0.1:9"
GUIDES = ("getting-started", "connect-your-crm", "google-project", "microsoft-app")


def read(name: str) -> str:
    return (REPOSITORY / f"docs/{name}.md").read_text()


@pytest.mark.parametrize("name", GUIDES)
def test_links_lead_somewhere_and_the_readme_leads_here(name: str) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)]+)\)", read(name)):
        path, _, anchor = link.partition("#")
        target = (REPOSITORY / "docs" / path).resolve()
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link
    assert f"docs/{name}.md" in (REPOSITORY / "README.md").read_text()


@pytest.mark.parametrize("name", GUIDES)
def test_the_commands_that_are_named_exist(name: str) -> None:
    known = {command.name for command in cli.GROUPS}
    assert set(re.findall(r"flask --app wsgi ([a-z-]+)", read(name))) <= known


def test_the_scopes_are_those_that_are_asked_for() -> None:
    google = {scope for mode in GOOGLE.values() for scope in mode}
    assert set(re.findall(r"`(https://www\.googleapis\.com/auth/[\w.]+)`", read("google-project"))) == google
    asked = {name.rpartition("/")[2] for name in (*MICROSOFT, COLOURS)}
    assert set(re.findall(r"`((?:Calendars|MailboxSettings)\.\w+)`", read("microsoft-app"))) == asked


def test_the_calls_that_a_crm_answers_are_all_there() -> None:
    named = {(method.lower(), same_path(path)) for method, path in re.findall(r"\| `(\w+) (/\S*)`", read(GUIDES[1]))}
    assert named == {(one.method.lower(), same_path(one.path)) for one in CRM_OPERATIONS}


@pytest.mark.process
def test_a_crm_connects_by_typing_the_guide(server: Server, tmp_path: Path) -> None:
    snippets = re.findall(r"^```sh\n(.*?)^```$", read("connect-your-crm"), re.MULTILINE | re.DOTALL)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    gateway = f"http://127.0.0.1:{server.port}"
    env = {
        "PATH": os.environ["PATH"],
        "GATEWAY": gateway,
        "WEBHOOK_URL": server.door,
        "WEBHOOK_SECRET": deliveries.SECRET,
        "API_TOKEN": API_TOKEN,
        "NO_PROXY": "127.0.0.1",
    }
    plain = f'curl() {{ "{sys.executable}" "{Path(__file__).with_name("plain_curl.py")}" "$@"; }}\n'
    for program in (plain, "") if shutil.which("curl") else (plain,):
        _, link, state = (_typed(program + snippet, tmp_path, env) for snippet in snippets)
        assert link["url"].startswith(f"{PUBLIC}/connect/")
        assert state["state"] == "pending"  # no worker runs here that could say why


def _typed(snippet: str, folder: Path, env: dict[str, str]) -> dict[str, str]:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", snippet], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout)) if done.stdout.strip() else {}
