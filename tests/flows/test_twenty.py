"""What only Twenty does: full records that are never sent again, one bucket of calls, a door with a signed clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.twenty import webhooks
from tests.crms.captured import captures
from tests.flows.crm_houses import TwentyHouse
from tests.flows.house import Person
from tests.flows.trouble import nothing_is_left, until_quiet

EDITS = 200
CAPTURES = Path(__file__).parents[1] / "crms" / "twenty" / "captures"


@pytest.fixture
def house(tmp_path: Path, database_url: str) -> Iterator[TwentyHouse]:
    made = TwentyHouse(tmp_path, database_url)
    made.install()
    made.settle()
    yield made
    made.stop()


@pytest.fixture
def ada(house: TwentyHouse) -> Person:
    who = house.person("ada@example.com")
    house.connect(who)
    return who


def test_a_burst_of_200_edits_is_hardly_asked_for_and_new_tasks_wait_for_the_limit(
    house: TwentyHouse, ada: Person
) -> None:
    """Its webhooks hold the whole task, so edits are not asked for; what is asked for waits until the bucket fills. A
    webhook that the door of a busy machine did not take is never sent again: the next catch-up finds its edit."""
    house.crm_admin.call("POST", "/behaviour", json={"limit_per_minute": 6})
    tasks = [house.new(ada, title=f"Task {number}") for number in range(10)]
    until_quiet(house)
    mark = house.mark()
    for number in range(EDITS):
        house.edit(ada, tasks[number % 10], title=f"Task {number % 10}, edit {number}")
    until_quiet(house)
    assert len(house.calls(mark, which="crm")) < len(tasks), "not one a task, far from one an edit"
    house.advance(minutes=16)
    house.tick()
    until_quiet(house)
    wanted = {f"Task {n}, edit {EDITS - 10 + n}" for n in range(10)}
    assert {event["summary"] for event in house.events(ada)} == wanted
    assert {house.seen(task).state for task in tasks} == {"synced"}
    everything = requests.get(f"{house.crm.url}/_sandbox/ledger?since=0", timeout=10).json()["entries"]
    assert 429 in {entry["status"] for entry in everything}
    nothing_is_left(house)


def test_the_door_takes_what_is_signed_lately_once(house: TwentyHouse, ada: Person) -> None:
    house.synced(ada)
    url, raw = house.installation["webhook_url"], captures(CAPTURES)[0].raw

    def post(secret: str, nonce: str, body: bytes = raw, **ago: float) -> int:
        now = house.ctx.clock.now() - timedelta(**ago)
        return requests.post(url, data=body, headers=webhooks.headers(secret, body, now, nonce), timeout=10).status_code

    old = house.installation["webhook_secret"]
    assert [post(old, "n-1"), post(old, "n-1")] == [202, 200]
    assert post("another", "n-2") == 401
    assert post(old, "n-3", minutes=6) == 401
    assert post(old, "n-4", b"[]") == 400
    assert post(old, "n-5", b" " * (5 * 1024 * 1024 + 1)) == 413
    house.command("rotate-secret", house.key)
    assert post(old, "n-6") == 202, "until tomorrow"
    hooks: list[dict[str, Any]] = house.crm_admin.call("GET", "/webhooks")["webhooks"]
    assert hooks[0]["secret"] != old, "Twenty was told the new one"
    assert post(hooks[0]["secret"], "n-7") == 202
    house.advance(hours=25)
    assert post(old, "n-8") == 401
