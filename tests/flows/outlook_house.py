"""The house with Microsoft's stand-in beside Google's, and people who have their calendar at Outlook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sandbox.graph
from gateway.core.model import UserId
from gateway.services.access import access_token
from tests.flows.house import PRIVATE_EVENTS, Api, Browser, House, Person
from tests.sandbox.graph_world import form_of

IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}
TAG = "String {6c1f0a52-93d4-4b7e-8f21-5d0e7a3b9c64} Name GatewayTag"


class OutlookHouse(House):
    """``person`` and what follows mean Outlook here; the person's edits go through Graph as a calendar app's would."""

    def furnish(self) -> dict[str, str]:
        self.graph = sandbox.graph.start(clock=self.clock, seed=1, record=True)
        self.others.append(self.graph)
        self.graph_admin = Api(f"{self.graph.url}/_sandbox")
        uris = [f"{self.url}/oauth/microsoft/callback"]
        client = self.graph_admin.call("POST", "/clients", json={"redirect_uris": uris})
        return {
            "MICROSOFT_CLIENT_ID": client["client_id"],
            "MICROSOFT_CLIENT_SECRET": client["client_secret"],
            "MICROSOFT_AUTHORITY": f"{self.graph.url}/common",
            "MICROSOFT_GRAPH_ENDPOINT": self.graph.endpoint,
        }

    def outlook_person(self, email: str, private_events: int = PRIVATE_EVENTS) -> Person:
        """Somebody with an account on both sides, and a default calendar full of private events."""
        crm = self.crm_admin.call("POST", "/persons", json={"email": email, "time_zone": "Europe/Berlin"})
        graph = self.graph_admin.call("POST", "/persons", json={"email": email})
        who = Person(email, crm["user_id"], Api(self.crm.url, crm["token"]), Api(self.graph.endpoint, graph["token"]))
        for number in range(private_events):
            begin = datetime(2030, 1, 7, 9, tzinfo=UTC) + timedelta(hours=number)
            body = {"subject": f"Private matter {number}", **times(begin, begin + timedelta(minutes=30))}
            who.calendar.call("POST", "/me/events", json=body)
        who.calendar_id = graph["calendar_id"]
        return who

    def connect_outlook(self, who: Person, *, mode: str = "existing", extras: bool = False) -> None:
        """Through the pages and Microsoft's consent, as a browser goes."""
        self.graph_admin.call("POST", "/consent", json={"email": who.email, "decision": "allow"})
        link = self.api.call("POST", f"/v1/users/{who.user_id}/connect-links", json={"provider": "outlook"})
        browser = Browser()
        wish = {"extras": "yes"} if extras else {}
        page = browser.submit(browser.get(link["url"]), mode=mode, **wish)
        action, form = form_of(page.text)  # Microsoft's page, which sends itself
        page = browser.session.post(action, data=form, headers={"Origin": self.graph.url}, timeout=15)
        if "calendar_id" in page.text and mode == "existing":
            page = browser.submit(page, calendar_id=who.calendar_id)
        assert page.status_code == 200, page.text
        told = self.api.call("GET", f"/v1/users/{who.user_id}/connection")
        assert told["status"] == "connected", (told, page.text)
        who.calendar_id = told["calendar"]["id"] if isinstance(told.get("calendar"), dict) else told["calendar"]
        self.settle()

    def quirks(self, **what: Any) -> None:
        """What Microsoft is like from now on."""
        self.graph_admin.call("POST", "/quirks", json=what)

    # --- the person's calendar app ---

    def outlook_events(self, who: Person, calendar: str | None = None) -> list[dict[str, Any]]:
        """The live events of ours in a person's calendar."""
        query = {"$expand": f"singleValueExtendedProperties($filter=id eq '{TAG}')", "$top": "1000"}
        path = f"/me/calendars/{calendar or who.calendar_id}/events"
        listed = who.calendar.call("GET", path, params=query, headers=IMMUTABLE)
        return [event for event in listed["value"] if event.get("singleValueExtendedProperties")]

    def outlook_event(self, who: Person, calendar: str | None = None) -> dict[str, Any]:
        found = self.outlook_events(who, calendar)
        assert len(found) == 1, [event["subject"] for event in found]
        return found[0]

    def edit_outlook(self, who: Person, event: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        done: dict[str, Any] = who.calendar.call("PATCH", f"/me/events/{event['id']}", json=changes, headers=IMMUTABLE)
        return done

    def delete_outlook(self, who: Person, event: Mapping[str, Any]) -> None:
        who.calendar.call("DELETE", f"/me/events/{event['id']}")

    # --- looking ---

    def graph_mark(self) -> int:
        """Now, in Graph's ledger."""
        return int(self.graph_admin.call("GET", "/ledger?since=999999999")["next"])

    def graph_calls(self, since: int = 0) -> list[str]:
        """What the gateway asked Graph since then: the verb and what it was about."""
        entries = self.graph_admin.call("GET", f"/ledger?since={since}")["entries"]
        mine = [e for e in entries if e["direction"] == "in" and e["caller"] == "gateway"]
        return [f"{e['method']} {_about(e['path'])}" for e in mine if "/v1.0/" in e["path"]]

    def pushes_sent(self, since: int = 0) -> int:
        """How many notifications Graph sent, each counted by itself."""
        entries = self.graph_admin.call("GET", f"/ledger?since={since}")["entries"]
        sent = [e["body"] for e in entries if e["direction"] == "out" and isinstance(e.get("body"), dict)]
        return sum(len(body.get("value", [])) for body in sent)

    def foreign_reads(self) -> list[dict[str, Any]]:
        """Answers to the gateway that held an event not of ours, at either provider."""
        entries = self.graph_admin.call("GET", "/ledger?since=0")["entries"]
        incoming = [e for e in entries if e["direction"] == "in" and e["caller"] == "gateway"]
        return super().foreign_reads() + [e for e in incoming if not all(e.get("ours") or [True])]

    def subscriptions(self, who: Person) -> list[dict[str, Any]]:
        """The gateway's live subscriptions for this person, as Microsoft lists them for its app."""
        with self.ctx.store.begin() as uow:
            connection = uow.connections.of_user(self.gateway_installation(), UserId(who.user_id))
        assert connection is not None
        token, _ = access_token(self.ctx, connection)
        listed: list[dict[str, Any]] = Api(self.graph.endpoint, token).call("GET", "/subscriptions")["value"]
        return listed

    def ledger(self, who: Person) -> dict[str, Any]:
        """The gateway's own privacy ledger of this person."""
        told: dict[str, Any] = self.api.call("GET", f"/v1/users/{who.user_id}/privacy-ledger")
        return told


def times(start: datetime, end: datetime) -> dict[str, Any]:
    """Start and end as Graph takes them."""
    return {
        name: {"dateTime": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}
        for name, at in (("start", start), ("end", end))
    }


def _about(path: str) -> str:
    parts = path.split("/v1.0/")[1].split("/")
    if parts[0] == "subscriptions":
        return "subscription"
    if "events" in parts:
        return "event" if parts[-1] != "events" else "events"
    return parts[-1] if parts[-1] in ("calendars", "masterCategories", "$batch") else "calendar"
