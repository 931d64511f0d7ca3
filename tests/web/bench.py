"""The web door on the real store, with everybody behind it faked: providers, accounts, CRMs, the doorbell."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway import settings
from gateway.core.errors import GatewayError
from gateway.core.model import InstallationId, LinkStatus, Task, TaskId, UserId
from gateway.core.ports import (
    CalendarInfo,
    ConsentFailed,
    Crm,
    CrmAccount,
    CrmKind,
    FlowStart,
    Grant,
    Lane,
    Mode,
    Provider,
)
from gateway.core.records import Connection, Installation, Link
from gateway.core.repositories import Store, StoreDown, UnitOfWork
from gateway.core.vitals import DatabaseVitals, KeyState, Pulse
from gateway.crms import kinds
from gateway.crms.hosts import Outbound
from gateway.deployment import Gateway, Vitals
from gateway.services import installations
from gateway.services.context import Context, link_id
from gateway.tally import Tally
from gateway.telemetry import NullMeter
from gateway.web.app import create_app
from tests.fakes import FakeAccount
from tests.fakes_crm import FakeCrm
from tests.fakes_store import HandClock
from tests.flows.forms import first_form

HERE = "http://127.0.0.1:8080"
HTTPS = "https://gateway.example.com"
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://user@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "PUBLIC_URL": HERE,
    "SECRET_KEY": "s" * 48,
    "TOKEN_KEYS": base64.b64encode(b"k" * 32).decode(),
    "DEPLOYMENT_ID": "test",
    "ALLOW_LOOPBACK": "1",
}
ADA = UserId("u-7")


class FakeSignIn:
    """Accounts that say yes: the code is the account's name. ``fails``: what the next exchange raises instead."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fails: list[Exception] = []
        self.token_fails: list[GatewayError] = []
        self.hints: list[str | None] = []
        self.extras: list[bool] = []

    def start(
        self, *, redirect_uri: str, state: str, mode: Mode, login_hint: str | None = None, extras: bool = False
    ) -> FlowStart:
        self.hints.append(login_hint)
        self.extras.append(extras)
        return FlowStart(f"https://{self.name}.example/auth?state={state}&redirect_uri={redirect_uri}", mode.encode())

    def finish(self, secret: bytes, answer: Mapping[str, str], redirect_uri: str) -> Grant:
        if self.fails:
            raise self.fails.pop()
        who = answer["code"]
        return Grant(f"https://{self.name}.example", who, f"{who}@example.com", Mode(secret.decode()), who.encode())

    def access_token(self, credential: bytes, now: datetime) -> str | None:
        if self.token_fails:
            return None
        return credential.decode() or None

    def refresh(self, credential: bytes, now: datetime) -> bytes:
        raise self.token_fails.pop()

    def revoke(self, credential: bytes) -> None:
        raise AssertionError("only workers revoke")


class Down:
    """A database that does not answer."""

    def begin(self) -> UnitOfWork:
        raise StoreDown("secret words of the database")


@dataclass
class Bench:
    """One gateway with two tenants: ``acme``, whose token ``api`` uses, and ``other``."""

    clock: HandClock
    store: Store
    variables: Mapping[str, str] = field(default_factory=dict)
    providers: tuple[str, ...] = ("google",)
    real: Mapping[str, Provider] = field(default_factory=dict)
    accounts: dict[str, FakeAccount] = field(default_factory=dict)
    rings: list[tuple[str, str, str, float]] = field(default_factory=list)
    crm: FakeCrm = field(default_factory=FakeCrm)
    pulse: Pulse | None = None

    def __post_init__(self) -> None:
        self.pulse = self.pulse or Pulse(self.clock.now(), {"now": 6, "backfill": 2}, True, 10, 0, "noeviction")
        self.settings = settings.load({**ENVIRONMENT, **self.variables})
        self.sign_in = {name: FakeSignIn(name) for name in self.providers}
        self.ctx = self._context()
        self.gateway = Gateway(
            settings=self.settings,
            ctx=self.ctx,
            store=self.store,
            probes={"database": lambda: None, "migrations": lambda: None, "queue": lambda: None},
            heard=lambda _mailbox, _lane: None,
            tally=Tally(),
            rotate_keys=lambda: iter([(3, 0, 2), (5, 0, 0)]),
            vitals=Vitals(
                queue=lambda: self.pulse,
                database=lambda: DatabaseVitals(self.clock.now(), 160002, 3, 97),
                keys=lambda: KeyState(0, 0),
                went_round=lambda: None,
            ),
        )
        self.app = create_app(self.gateway)
        self.acme, self.token = self.install("Acme")
        self.other, self.other_token = self.install("Other")
        self.rings.clear()

    def _context(self) -> Context:
        return Context(
            store=self.store,
            clock=self.clock,
            doorbell=self,
            meter=NullMeter(),
            providers={name: self._provider(name) for name in self.providers} | dict(self.real),
            crms={name: _faked(kind, self) for name, kind in kinds(Outbound(True), self.clock).items()},
            open_crm=lambda _installation: self.crm,
            deployment_id="test",
            public_url=self.settings.public_url,
            id_key=b"i" * 32,
            jitter=lambda: 0.5,
            alarm=lambda *ring: self.rings.append(ring),
        )

    def _provider(self, name: str) -> Provider:
        return Provider(
            name=name,
            label=name.title(),
            sign_in=self.sign_in[name],
            open_calendar=lambda token, calendar, style: self.account(token).open(calendar, style),
            open_account=self.account,
            read_notification=lambda _headers, _body, _query: _never(),
            names_the_event=False,
            title_limit=500,
            encode_text=str,
            door="microsoft" if name == "outlook" else "",
            extras="Colours" if name == "outlook" else "",
            walled=name != "outlook",
        )

    def ring(self, installation_id: InstallationId, mailbox: str, lane: Lane) -> None:
        self.rings.append((installation_id, mailbox, lane, 0.0))

    def account(self, token: str) -> FakeAccount:
        return self.accounts.setdefault(token, FakeAccount(self.clock.now))

    # --- tenants

    def install(self, name: str, **changes: Any) -> tuple[Installation, str]:
        added = installations.add(self.ctx, name, "generic", "http://127.0.0.1:9", "crm-token")
        given = {"return_urls": ["https://crm.example", "https://app.example/settings?tab=calendar"], **changes}
        return installations.change_settings(self.ctx, added.installation.key, given), added.api_token

    def change(self, **settings: Any) -> None:
        """Settings of ``acme``, as its operator would set them."""
        self.acme = installations.change_settings(self.ctx, self.acme.key, settings)

    def api(self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token or self.token}"} | more.pop("headers", {})
        return self.app.test_client().open(path, method=method, json=body, headers=headers, **more)

    def link(self, user: str = ADA, *, token: str | None = None, **body: Any) -> str:
        """The path of a fresh connect link."""
        made = self.api("POST", f"/v1/users/{user}/connect-links", {"provider": "google", **body}, token=token)
        assert made.status_code == 201, made.text
        return str(urlsplit(made.get_json()["url"]).path)

    # --- rows

    def connection(self, user: str = ADA, installation: Installation | None = None) -> Connection:
        with self.store.begin() as uow:
            found = uow.connections.of_user((installation or self.acme).id, UserId(user))
        assert found is not None
        return found

    def task(self, task_id: str = "t-1", owner: str = ADA, installation: Installation | None = None) -> Link:
        """A live link, as a delivery would have made it."""
        inst = (installation or self.acme).id
        task: Task = self.crm.add(task_id)
        with self.store.begin() as uow:
            link = uow.links.add(Link(link_id(inst, TaskId(task_id)), inst, TaskId(task_id), owner_id=UserId(owner)))
            uow.links.hint_task(
                inst, link.id, task, version=task.version, owner_id=UserId(owner), status=LinkStatus.LIVE
            )
            uow.commit()
        return link

    def owed(self, installation: Installation | None = None) -> set[str]:
        """The mailboxes in which something is due."""
        with self.store.begin() as uow:
            due = uow.outbox.due(self.clock.now(), 100)
        return {one.mailbox for one in due if one.installation_id == (installation or self.acme).id}


class Browser:
    """One person's browser: keeps cookies, sends forms as they stand on the page."""

    def __init__(self, bench: Bench, *, base: str = HERE) -> None:
        self.bench, self.base = bench, base
        self.client: FlaskClient = bench.app.test_client()

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, base_url=self.base, **more)

    def post(self, path: str, data: Mapping[str, str], **headers: str) -> TestResponse:
        given = {"Origin": self.base, **headers}
        return self.client.post(path, data=dict(data), base_url=self.base, headers=given)

    def send(self, page: TestResponse, **values: str) -> TestResponse:
        """Submit the page's first form."""
        form = first_form(page.text, self.base + page.request.path)
        return self.post(form.action.removeprefix(self.base), {**form.values, **values})

    def start(self, path: str, **values: str) -> str:
        """From a connect link to the provider; gives the state of the flow."""
        answer = self.send(self.get(path), **values)
        assert answer.status_code == 303, answer.text
        return parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]

    def come_back(self, state: str, account: str = "ada", door: str = "google", **more: str) -> TestResponse:
        """From the provider to where its answer leads."""
        return self.get(f"/oauth/{door}/callback", query_string={"state": state, "code": account, **more})

    def follow(self, answer: TestResponse) -> TestResponse:
        while answer.status_code == 303:
            answer = self.get(answer.headers["Location"].removeprefix(self.base))
        return answer

    def connect(self, path: str, account: str = "ada", mode: str = "own", calendar: str = "primary") -> TestResponse:
        """The whole way."""
        page = self.follow(self.come_back(self.start(path, mode=mode), account))
        if mode == "existing":
            page = self.follow(self.send(page, calendar_id=calendar))
        return page


def _faked(kind: CrmKind, bench: Bench) -> CrmKind:
    """The same kind with the bench's CRM behind it."""
    open_crm: Callable[[CrmAccount], Crm] = lambda _account: bench.crm  # noqa: E731
    return replace(kind, open=open_crm)


def _never() -> Any:
    raise AssertionError("nobody pushes here")


def failing(how: Any, detail: str = "") -> ConsentFailed:
    return ConsentFailed(how, detail)


def calendar(account: FakeAccount, name: str) -> CalendarInfo:
    return account.add_calendar(name, name.title())


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def routes(app: Flask, prefix: str) -> Iterator[tuple[str, str]]:
    """Every method and rule below a prefix, from the route table."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(prefix):
            yield from ((method, rule.rule) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
