"""A client that none of us wrote works against the stand-in: O365, which signs in through MSAL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msal
import pytest
import requests
from O365 import Account, MSGraphProtocol
from O365.utils.token import MemoryTokenBackend

from tests.sandbox.graph_world import CALLBACK, GraphWorld, OntoLoopback, marked, ours

PARIS = ZoneInfo("Europe/Paris")
TEN = dt.datetime(2026, 12, 1, 10, tzinfo=PARIS)
# O365 takes the answer in the query; MSAL would rather have a form.
pytestmark = pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended:UserWarning")


@pytest.fixture
def account(graph: GraphWorld) -> Iterator[Any]:
    """O365 signed in as Ann."""
    graph.admin("persons", email="ann@example.com")
    tokens = MemoryTokenBackend()
    protocol_class = type("Loopback", (MSGraphProtocol,), {"_protocol_url": f"{graph.url}/"})
    protocol = protocol_class(timezone=PARIS)
    credentials = (graph.client_id, graph.client_secret)
    account = Account(credentials, protocol=protocol, token_backend=tokens)
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", OntoLoopback(graph.url))
        account.con._msal_client = msal.ConfidentialClientApplication(
            *credentials, authority="https://login.microsoftonline.com/common", http_client=session, token_cache=tokens
        )
        scopes = protocol.get_scopes_for(["Calendars.ReadWrite"])
        address, flow = account.con.get_authorization_url(scopes, redirect_uri=CALLBACK)
        graph.admin("consent", email="ann@example.com")
        back = requests.get(address, allow_redirects=False, timeout=10).headers["Location"]
        assert account.con.request_token(back, flow=flow)
        yield account
        if account.con.session is not None:
            account.con.session.close()


def test_o365_writes_and_reads(account: Any) -> None:
    schedule = account.schedule()
    calendar = schedule.new_calendar("CRM")
    assert [one.name for one in schedule.list_calendars()] == ["Calendar", "CRM"]
    event = calendar.new_event()
    event.subject, event.body, event.location = "Call", "<b>Nova</b>", "Room 1"
    event.start, event.end, event.remind_before_minutes = TEN, TEN + dt.timedelta(hours=1), 5
    assert event.save()
    event.subject = "Call Nova"
    assert event.save()
    day = calendar.new_event("Day off")
    day.start, day.is_all_day = dt.date(2026, 12, 3), True
    assert day.save()
    read = calendar.get_event(event.object_id)
    assert (read.subject, read.start, read.end) == ("Call Nova", TEN, TEN + dt.timedelta(hours=1))
    assert (read.location["displayName"], read.remind_before_minutes) == ("Room 1", 5)
    assert "<b>Nova</b>" in read.body
    free = calendar.get_event(day.object_id)
    assert (free.is_all_day, free.start.date(), free.end.date()) == (True, dt.date(2026, 12, 3), dt.date(2026, 12, 4))
    assert event.delete()
    with pytest.raises(requests.HTTPError, match="not found in the store"):
        calendar.get_event(event.object_id)
    assert calendar.delete()


def test_o365_filters_and_pages(graph: GraphWorld, account: Any) -> None:
    ann = graph.person()
    for number in range(9):
        ann.add({"subject": f"call {number}", **(marked(f"d.{number}") if number % 2 else {})})
    calendar = account.schedule().get_default_calendar()

    def subjects(**options: Any) -> list[str]:
        return [event.subject for event in calendar.get_events(include_recurring=False, **options)]

    assert len(subjects(limit=None, batch=4)) == 9
    assert subjects(query=calendar.new_query().equals("subject", "call 3")) == ["call 3"]
    assert subjects(query=calendar.new_query().greater("start", TEN + dt.timedelta(days=1))) == []
    assert subjects(query=ours("startswith(ep/value,'d.')")) == ["call 1", "call 3", "call 5", "call 7"]
    assert subjects(order_by="subject desc", limit=2) == ["call 8", "call 7"]
