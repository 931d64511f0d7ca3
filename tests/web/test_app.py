"""What every answer has in common: headers, ids, how failures are told."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from flask import request

from gateway.core import errors
from gateway.deployment import Gateway
from gateway.services.context import Context
from gateway.web.app import create_app
from gateway.web.failures import failure_of
from tests.web.bench import HTTPS, Bench, Browser, Down, routes

SECRET = "the secret words in an exception"


def broken(bench: Bench, error: Exception) -> None:
    """Every call of the CRM fails from now on."""

    def fail(*_: object) -> None:
        raise error

    bench.crm.get = fail  # type: ignore[assignment]


def with_store_down(bench: Bench) -> Bench:
    ctx = Context(**{name: getattr(bench.ctx, name) for name in Context.__slots__} | {"store": Down()})
    values = {name: getattr(bench.gateway, name) for name in Gateway.__slots__}
    bench.app = create_app(Gateway(**values | {"ctx": ctx, "store": Down()}))
    return bench


@pytest.mark.parametrize("path", ["/", "/nothing", "/healthz", "/docs", "/openapi.json", "/v1/conflicts"])
def test_every_answer_is_hardened(bench: Bench, path: str) -> None:
    headers = bench.app.test_client().get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert "Strict-Transport-Security" not in headers
    assert headers["X-Request-Id"]


@pytest.mark.parametrize(("path", "kept"), [("/", "no-store"), ("/v1/conflicts", "no-store"), ("/docs", "public")])
def test_pages_with_data_are_not_kept(bench: Bench, path: str, kept: str) -> None:
    assert bench.app.test_client().get(path).headers["Cache-Control"].startswith(kept)


def test_https_is_promised_for_a_year_where_it_is_spoken(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(variables={"PUBLIC_URL": HTTPS, "ALLOW_LOOPBACK": "1"})
    answer = bench.app.test_client().get("/healthz", base_url=HTTPS)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_cookies_belong_to_this_host_and_to_https(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(variables={"PUBLIC_URL": HTTPS})
    page = Browser(bench, base=HTTPS).get(bench.link())
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-browser=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in cookie
    assert "http:" not in page.headers["Content-Security-Policy"]


def test_one_hop_of_proxies_is_believed(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(variables={"PUBLIC_URL": HTTPS})
    seen: list[str | None] = []
    bench.app.before_request(lambda: seen.append(request.remote_addr))
    bench.app.test_client().get("/healthz", headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.4"})
    assert seen == ["198.51.100.4"]


def test_a_request_keeps_the_platforms_id_if_it_is_one(bench: Bench) -> None:
    client = bench.app.test_client()
    given = client.get("/healthz", headers={"X-Request-Id": "1a2b3c4d-5e6f"}).headers["X-Request-Id"]
    odd = client.get("/healthz", headers={"X-Request-Id": "<script>"}).headers["X-Request-Id"]
    assert given == "1a2b3c4d-5e6f"
    assert odd.isalnum()


def test_the_log_names_the_route_and_no_token(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    link = bench.link()
    bench.app.test_client().get(link)
    told = [record.__dict__["path"] for record in caplog.records if "path" in record.__dict__]
    assert told[-1] == "/connect/<token>"
    assert link.rpartition("/")[2] not in caplog.text


# --- failures -------------------------------------------------------------------------------------------------------


def test_a_bug_is_told_with_a_reference_and_nothing_else(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    broken(bench, KeyError(SECRET))
    answer = bench.api("PUT", "/v1/tasks/t-1/sync", {"enabled": False})
    assert answer.status_code == 500
    assert answer.get_json()["code"] == "internal_error"
    assert answer.headers["X-Request-Id"] in answer.get_json()["detail"]
    assert SECRET not in answer.text
    assert any(record.exc_info for record in caplog.records)


def test_a_database_that_does_not_answer_is_a_503_that_says_when_to_come_back(bench: Bench) -> None:
    down = with_store_down(bench)
    answer = down.api("GET", "/v1/conflicts")
    page = down.app.test_client().get("/connect/x", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert answer.headers["Retry-After"] == page.headers["Retry-After"] == "5"
    assert "secret words" not in answer.text + page.text
    assert down.app.test_client().get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.TryLater("x"), 503, "try_later"),
        (errors.Unauthorised("x"), 503, "not_accepted"),
        (errors.Forbidden("x"), 403, "forbidden"),
        (errors.Refused("x", ("title",)), 422, "refused"),
        (errors.OperatorFault("x"), 503, "operator_fault"),
        (errors.AccessRevoked("x"), 409, "reconnect"),
        (errors.SignInAgain("x"), 409, "reconnect"),
        (errors.StaleWrite("x"), 409, "moved_on"),
        (errors.TargetGone("x"), 409, "calendar_gone"),
        (errors.LeaseLost("x"), 409, "busy"),
        (errors.CursorExpired("x"), 503, "try_later"),
        (errors.NotReadable("a.b", "way out"), 400, "not_readable"),
    ],
)
def test_every_failure_has_its_row(bench: Bench, error: errors.GatewayError, status: int, code: str) -> None:
    broken(bench, error)
    answer = bench.api("PUT", "/v1/tasks/t-1/sync", {"enabled": False})
    assert (answer.status_code, answer.get_json()["code"], answer.get_json()["status"]) == (status, code, status)
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_no_failure_of_ours_is_a_surprise() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GatewayError)]
    made = [kind("f", "h") if kind is errors.NotReadable else kind("x") for kind in kinds]
    assert all(failure_of(error) is not None for error in made)


@pytest.mark.parametrize(
    ("path", "accept", "mimetype"),
    [
        ("/nothing", "text/html", "text/html"),
        ("/nothing", "application/json", "application/problem+json"),
        ("/nothing", "", "text/html"),
        ("/v1/nothing", "text/html", "application/problem+json"),
    ],
)
def test_programs_and_people_are_told_in_their_own_way(bench: Bench, path: str, accept: str, mimetype: str) -> None:
    answer = bench.app.test_client().get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (404, mimetype)


def test_a_wrong_method_names_the_right_ones(bench: Bench) -> None:
    answer = bench.app.test_client().post("/healthz")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_what_is_described_below_v1_is_there_or_says_404(bench: Bench) -> None:
    assert {rule for _, rule in routes(bench.app, "/v1")} >= {"/v1/users/<path:uid>/connection", "/v1/conflicts"}


# --- health ---------------------------------------------------------------------------------------------------------


def test_ready_says_what_is_missing(bench: Bench) -> None:
    client = bench.app.test_client()
    assert (client.get("/readyz").status_code, client.get("/readyz").get_json()["status"]) == (200, "ready")
    probes = {**bench.gateway.probes, "migrations": lambda: "missing: run `alembic upgrade head`"}
    values = {name: getattr(bench.gateway, name) for name in Gateway.__slots__} | {"probes": probes}
    answer = create_app(Gateway(**values)).test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json() == {
        "status": "not ready",
        "database": "ok",
        "migrations": "missing: run `alembic upgrade head`",
        "queue": "ok",
    }


def test_42_without_redis_the_doors_stay_open(bench: Bench) -> None:
    probes = {**bench.gateway.probes, "queue": lambda: "does not answer"}
    values = {name: getattr(bench.gateway, name) for name in Gateway.__slots__} | {"probes": probes}
    answer = create_app(Gateway(**values)).test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "degraded")


def test_robots_may_reach_the_webhooks_only(bench: Bench) -> None:
    said = bench.app.test_client().get("/robots.txt").text
    assert "Allow: /webhooks/" in said
    assert "Disallow: /" in said


def test_the_interface_is_served(bench: Bench) -> None:
    client = bench.app.test_client()
    assert client.get("/openapi.json").get_json()["servers"] == [{"url": bench.settings.public_url}]
    assert "connect-links" in client.get("/docs").text
    for name in ("docs.css", "pages.css"):
        assert client.get(f"/static/{name}", buffered=True).status_code == 200
