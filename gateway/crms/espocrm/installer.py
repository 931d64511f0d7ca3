"""Installing ourselves in EspoCRM: fields and lock with an administrator's hands, webhooks with our own.

An API user can never be an administrator, so fields need an administrator's ``name:password`` for this one time, or a
person. Webhooks belong to the API user: only so can EspoCRM leave out what we changed ourselves (``skipOwn``, 9.2 on).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from gateway.core.errors import Forbidden, GatewayError, Refused, TryLater, Unauthorised
from gateway.core.installing import Door, Installed, Outcome, Step
from gateway.core.model import State
from gateway.core.ports import Clock
from gateway.crms.espocrm import errors
from gateway.crms.espocrm.names import NOTE, OURS, STATE, TOGGLE
from gateway.crms.espocrm.secrets import EVENTS, Hook, read_all, written
from gateway.crms.hosts import Outbound
from gateway.crms.http import Line

FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    TOGGLE: {"type": "bool", "name": "calendarSync", "label": "Sync to calendar"},
    STATE: {
        "type": "enum",
        "name": "calendarSyncState",
        "label": "Calendar",
        "options": [state.value for state in State],
        "default": State.OFF.value,
        "style": {"synced": "success", "pending": "info", "conflict": "warning", "error": "danger"},
        "displayAsLabel": True,
        "readOnly": False,
    },
    NOTE: {"type": "text", "name": "calendarSyncNote", "label": "Calendar note"},
}
"""Our fields as the field manager makes them; it puts a ``c`` before each name."""

_ROLE: Final = (
    "The role of the API user must allow: Tasks read all and edit all, Webhooks enabled. Without that the gateway sees "
    "only some tasks."
)
_FIELDS_BY_HAND: Final = (
    "Administration > Entity Manager > Task > Fields: add {}. Or run this again with an administrator's name:password "
    "in the variable named by --admin-env."
)
_KINDS: Final = {
    "bool": "a Boolean",
    "enum": "an Enum (options off, pending, synced, conflict, error)",
    "text": "a Text",
}
_LAYOUT: Final = (
    "Administration > Layout Manager > Task > Detail: put the three fields on the form, so that people see the switch."
)
_LOCK: Final = (
    "Administration > Entity Manager > Task > Edit: switch on Optimistic concurrency control. Without it, of two edits "
    "in the same second one may be overwritten."
)
_PACE: Final = (
    'Administration > Scheduled Jobs > Process Webhook Queue: set the scheduling to "* * * * *", and let the daemon or '
    "cron pass every few seconds (the daemon does so every 10 s). Webhooks leave only then: as installed, every 2 to 5 "
    "minutes, and edits reach calendars no sooner."
)
_HOOK_REFUSED: Final = (
    "EspoCRM did not take the webhook: {}. If the gateway's address is internal, name its host:port in "
    "webhookAllowedAddressList of data/config-internal.php."
)


class Installer:
    """One visit. ``api``: where the API begins. Reads first and changes only what is not as it should be."""

    def __init__(self, line: Line, api: str, door: Door, outbound: Outbound, clock: Clock) -> None:
        self._line, self._door, self._clock = line, door, clock
        self._admin: Line | None = None
        if door.admin:
            basic = base64.b64encode(door.admin.encode()).decode("ascii")
            self._admin = Line(api, {"Authorization": f"Basic {basic}"}, outbound)

    def install(self) -> Installed:
        """Make what is missing. Raises ``Unauthorised`` and ``TryLater`` before anything is made."""
        steps = [self._rights(), *self._fields(mends=True), self._lock(mends=True), self._layout(), self._pace()]
        hooks, told = self._hooks(mends=True)
        secret = written(hooks) if hooks else None
        if secret in self._door.secrets[:1]:
            secret = None
        return Installed((*steps, *told), secret)

    def check(self) -> tuple[Step, ...]:
        """Name what is missing or broken."""
        steps = [self._rights(), *self._fields(mends=False), self._lock(mends=False), self._layout(), self._pace()]
        return (*steps, *self._hooks(mends=False)[1])

    # --- who we are -------------------------------------------------------------------------------------------------

    def _rights(self) -> Step:
        found = self._ask("GET", "/App/user")
        user, table = found.get("user") or {}, (found.get("acl") or {}).get("table") or {}
        if user.get("type") != "api":
            return Step("API user", Outcome.BROKEN, "This key is not that of an API user: make one, of type API.")
        task = table.get("Task") or {}
        fine = task.get("read") == "all" and task.get("edit") == "all" and table.get("Webhook")
        return Step("API user", Outcome.ALREADY) if fine else Step("API user", Outcome.BROKEN, _ROLE)

    # --- fields, lock, layout, pace ---------------------------------------------------------------------------------

    def _fields(self, *, mends: bool) -> list[Step]:
        known = self._metadata("entityDefs.Task.fields") or {}
        return [self._field(name, known.get(name), mends=mends) for name in OURS]

    def _field(self, name: str, known: Mapping[str, Any] | None, *, mends: bool) -> Step:
        wanted, what = FIELDS[name], f"field {name}"
        if known is not None:
            right = known.get("type") == wanted["type"]
            kind = _KINDS[str(wanted["type"])]
            return Step(what, Outcome.ALREADY) if right else Step(what, Outcome.BROKEN, f"It must be {kind}.")
        by_hand = _FIELDS_BY_HAND.format(f"{_KINDS[str(wanted['type'])]} named {wanted['name']}")
        if not mends or self._admin is None:
            return Step(what, Outcome.BY_HAND if mends else Outcome.BROKEN, by_hand)
        return self._as_admin(what, "POST", "/Admin/fieldManager/Task", wanted, by_hand)

    def _lock(self, *, mends: bool) -> Step:
        what = "optimistic lock"
        if self._metadata("entityDefs.Task.optimisticConcurrencyControl") is True:
            return Step(what, Outcome.ALREADY)
        if not mends or self._admin is None:
            return Step(what, Outcome.BY_HAND if mends else Outcome.BROKEN, _LOCK)
        wanted = {"name": "Task", "optimisticConcurrencyControl": True}
        done = self._as_admin(what, "POST", "/EntityManager/action/updateEntity", wanted, _LOCK)
        return self._as_admin(what, "POST", "/Admin/rebuild", {}, _LOCK) if done.outcome is Outcome.DONE else done

    def _layout(self) -> Step:
        answer = self._line.call("GET", "/Task/layout/detail")
        shown = answer.body.decode("utf-8", "replace") if answer.status == 200 else ""
        on_it = all(f'"{name}"' in shown for name in OURS)
        return Step("layout", Outcome.ALREADY) if on_it else Step("layout", Outcome.BY_HAND, _LAYOUT)

    def _pace(self) -> Step:
        """The schedule of the job that sends webhooks; only an administrator sees it."""
        what = "webhook schedule"
        if self._admin is None:
            return Step(what, Outcome.BY_HAND, _PACE)
        query = {
            "select": "scheduling,status",
            "where[0][type]": "equals",
            "where[0][attribute]": "job",
            "where[0][value]": "ProcessWebhookQueue",
        }
        try:
            jobs = self._ask("GET", "/ScheduledJob", params=query, line=self._admin).get("list") or []
        except (Forbidden, Unauthorised, Refused) as error:
            return Step(what, Outcome.BY_HAND, f"{_PACE} (Not seen: {error}.)")
        every_pass = any(job.get("scheduling") == "* * * * *" and job.get("status") == "Active" for job in jobs)
        return Step(what, Outcome.ALREADY) if every_pass else Step(what, Outcome.BY_HAND, _PACE)

    def _as_admin(self, what: str, method: str, path: str, body: Mapping[str, Any], by_hand: str) -> Step:
        """One change as an administrator; where it fails, a person is asked to do it."""
        try:
            self._ask(method, path, body=body, line=self._admin)
        except (Forbidden, Unauthorised, Refused, TryLater) as error:
            return Step(what, Outcome.BROKEN, f"{error}. {by_hand}")
        return Step(what, Outcome.DONE)

    # --- webhooks ---------------------------------------------------------------------------------------------------

    def _hooks(self, *, mends: bool) -> tuple[list[Hook], list[Step]]:
        """One hook for each kind of event, at our door. With ``fresh`` all are made anew, then the old ones go."""
        listed = self._ask("GET", "/Webhook", params={"maxSize": "50"}).get("list") or []
        ours = [one for one in listed if one.get("url") == self._door.url]
        kept = [] if self._door.fresh else ours
        hooks: list[Hook] = []
        steps: list[Step] = []
        for event in EVENTS:
            hook, step = self._hook(event, [one for one in kept if one.get("event") == f"Task.{event}"], mends=mends)
            hooks += [hook] if hook else []
            steps.append(step)
        if mends and len(hooks) == len(EVENTS):
            self._remove([one for one in ours if one.get("id") not in {hook.id for hook in hooks}])
        if not mends:
            return hooks, steps
        # What could not be read or made now stays trusted as it was.
        known = {} if self._door.fresh else {hook.event: hook for hook in read_all(self._door.secrets[:1]).values()}
        return list({**known, **{hook.event: hook for hook in hooks}}.values()), steps

    def _hook(self, event: str, found: list[Any], *, mends: bool) -> tuple[Hook | None, Step]:
        what = f"webhook Task.{event}"
        known = read_all(self._door.secrets)
        hooks = [self._read(event, str(one.get("id"))) for one in found]
        hook = next((one for one in hooks if one), None)
        state: Mapping[str, Any] = next((one for one in found if hook and one.get("id") == hook.id), {})
        if hook is None:
            if not mends:
                return None, Step(what, Outcome.BROKEN, "There is none: run `installations install`.")
            return self._make(event, what)
        wrong = [name for name in ("isActive", "skipOwn") if state.get(name) is False]
        if wrong and mends:
            self._ask("PUT", f"/Webhook/{hook.id}", body=dict.fromkeys(wrong, True))
            return hook, Step(what, Outcome.DONE)
        if wrong or (not mends and known.get(hook.id) != hook):
            return hook, Step(what, Outcome.BROKEN, "It is off or not as it was made: run `installations install`.")
        return hook, Step(what, Outcome.ALREADY)

    def _read(self, event: str, hook_id: str) -> Hook | None:
        """A hook with its secret, which a list does not show."""
        found = self._ask("GET", f"/Webhook/{hook_id}")
        secret = found.get("secretKey")
        return Hook(event, hook_id, secret) if isinstance(secret, str) and secret else None

    def _make(self, event: str, what: str) -> tuple[Hook | None, Step]:
        body = {"event": f"Task.{event}", "url": self._door.url, "skipOwn": True}
        try:
            made = self._ask("POST", "/Webhook", body=body)
        except (Forbidden, Refused, TryLater) as error:
            return None, Step(what, Outcome.BROKEN, _HOOK_REFUSED.format(error))
        hook_id, secret = made.get("id"), made.get("secretKey")
        if not isinstance(hook_id, str) or not isinstance(secret, str):
            return None, Step(what, Outcome.BROKEN, _HOOK_REFUSED.format("its answer shows no secret"))
        return Hook(event, hook_id, secret), Step(what, Outcome.DONE)

    def _remove(self, surplus: list[Any]) -> None:
        """Hooks of ours beside those that are kept: each edit would be told twice."""
        for one in surplus:
            answer = self._line.call("DELETE", f"/Webhook/{one.get('id')}")
            if answer.status not in (200, *errors.GONE):
                raise self._failure(answer)

    # --- calls ------------------------------------------------------------------------------------------------------

    def _metadata(self, key: str) -> Any:
        answer = self._line.call("GET", "/Metadata", params={"key": key})
        if answer.status != 200:
            raise self._failure(answer)
        return answer.json()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        line: Line | None = None,
    ) -> dict[str, Any]:
        """One call; an answer that is no object counts as an empty one."""
        answer = (line or self._line).call(method, path, body=body, params=params)
        if answer.status not in (200, 201):
            raise self._failure(answer)
        found = answer.json()
        return found if isinstance(found, dict) else {}

    def _failure(self, answer: Any) -> GatewayError:
        return errors.failure(answer, self._clock.now())
