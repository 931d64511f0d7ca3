// The desk's page: asks its own server for the state each second, draws what changed, sends what the person does.

import { pathOf, showCalendars } from "./calendars.js";
import { $, button, call, draw, element, tell } from "./dom.js";
import { lookForConflict, noticed, showGuide } from "./guide.js";
import { lookAtWire } from "./wire.js";

let state = null;

async function act(method, path, body, done) {
  try {
    await call(method, path, body);
    if (done) tell(done);
  } catch (error) {
    tell(error.message);
  }
  await look();
}

const personOf = (id) => state.persons.find((person) => person.id === id) || { name: "nobody here" };

// ---- drawing -------------------------------------------------------------------------------------------------

function taskCard(task) {
  const name = task.title || "(no title)";
  const done = task.status !== "open";
  const toggle = element("input", {
    type: "checkbox", role: "switch", "data-key": "switch", checked: task.on,
    "aria-label": `Sync to calendar: ${name}`,
    onchange: (event) => act("PATCH", `/api/tasks/${task.id}`, { on: event.target.checked }),
  });
  return element("li", { class: done ? "card done" : "card" },
    element("div", { class: "head" },
      element("div", {},
        element("div", { class: "title" }, name),
        element("p", { class: "meta" },
          task.due ? task.due.label : "No due date", " · ", personOf(task.owner).name, " · ",
          element("span", { class: `priority-${task.priority}` }, `${task.priority === "none" ? "no" : task.priority} priority`),
          done ? ` · ${task.status}` : "")),
      element("label", { class: "switch" }, toggle, element("span", {}, "Sync"))),
    element("p", { class: `state ${task.tone}` }, task.words),
    task.conflict ? banner(task.conflict) : null,
    element("div", { class: "actions" },
      button("edit", "Edit", `Edit task ${name}`, () => editTask(task)),
      button("done", done ? "Reopen" : "Complete", `${done ? "Reopen" : "Complete"} task ${name}`,
        () => act("PATCH", `/api/tasks/${task.id}`, { status: done ? "open" : "completed" })),
      button("delete", "Delete", `Delete task ${name}`, () => act("DELETE", `/api/tasks/${task.id}`, {})),
      button("timeline", "What happened", `What happened to ${name}`, () => showTimeline(task))));
}

function banner(conflict) {
  const values = conflict.fields.flatMap((field) => [
    element("dt", {}, `${field.name}, CRM (kept)`), element("dd", {}, field.kept),
    element("dt", {}, `${field.name}, calendar`), element("dd", {}, field.calendar)]);
  const resolve = (keep) => () => act("POST", `/api/conflicts/${conflict.id}`, { keep }, "Conflict closed.");
  return element("div", { class: "banner", role: "group", "aria-label": "Conflict" },
    element("p", {}, "Changed on both sides at once. The CRM's value was kept."),
    element("dl", {}, ...values),
    element("div", { class: "actions" },
      button("keep-crm", "Keep the CRM's", "Keep the CRM's value", resolve("crm")),
      button("keep-calendar", "Use the calendar's", "Use the calendar's value", resolve("calendar"))));
}

const HOOKS = {
  change: (event, span) => act("PATCH", pathOf(event), span),
  open: (event) => editEvent(event),
};

const BROKEN = {
  held: "Webhooks and pushes are held. Edit a task and its event now, then let go.",
  busy: "Google and Microsoft ask the gateway for patience. Changes wait, none is lost.",
};

function showBroken({ held, busy, revoked }) {
  $("hold").checked = held;
  const gone = state.persons.filter((person) => revoked.includes(person.id)).map((person) => person.name);
  const words = [held ? BROKEN.held : "", busy ? BROKEN.busy : "", gone.length ? `${gone.join(" and ")} took the access away.` : ""];
  const said = words.filter(Boolean).join(" ");
  if ($("broken").textContent !== said) $("broken").textContent = said;
  draw($("access"), state.persons.map((person) => ({ ...person, away: revoked.includes(person.id) })), (person) => {
    const text = person.away ? `Give ${person.name}'s access back` : `Take ${person.name}'s access away`;
    return element("span", {}, button("access", text, text,
      () => act("PUT", `/api/people/${person.id}/access`, { given: person.away }, person.away ? "Connected again." : "Taken away.")));
  });
}

function show() {
  draw($("task-list"), state.tasks, taskCard);
  $("no-tasks").hidden = state.tasks.length > 0;
  showCalendars(() => state, HOOKS);
  const foreign = state.events.filter((event) => !event.ours).length;
  $("private-note").textContent = `${foreign} private events are in these calendars these weeks. The gateway asks for its own only. Times are those of ${state.zone}.`;
  showBroken(state.broken);
  lookForConflict(state.tasks);
}

// ---- dialogs -------------------------------------------------------------------------------------------------

function open(dialog, values, save) {
  const form = dialog.querySelector("form");
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements[name];
    if (field.type === "checkbox") field.checked = value;
    else field.value = value;
  }
  form.onsubmit = () => save(form.elements);
  dialog.showModal();
}

function editTask(task) {
  $("task-dialog-title").textContent = task ? "Edit task" : "New task";
  const owner = state.persons[0].id;
  const now = task || { title: "", description: "", due: null, priority: "normal", status: "open", on: true, owner };
  $("task-dialog").querySelector("[name=owner]").replaceChildren(...state.persons.map((person) =>
    element("option", { value: person.id }, `${person.name} (${person.calendar})`)));
  const { title, description, priority, status, on } = now;
  const shown = { title, description, priority, status, on, owner: now.owner, day: now.due?.day || "", time: now.due?.time || "" };
  open($("task-dialog"), shown, (fields) => {
    const typed = {
      title: fields.title.value, description: fields.description.value, priority: fields.priority.value,
      status: fields.status.value, on: fields.on.checked, owner: fields.owner.value,
    };
    const changed = task ? Object.fromEntries(Object.entries(typed).filter(([name, value]) => value !== task[name])) : typed;
    const [day, time] = [fields.day.value, fields.time.value];
    if (!task || day !== shown.day || time !== shown.time) Object.assign(changed, { day, time });
    if (!task) act("POST", "/api/tasks", changed, "Task made.");
    else if (Object.keys(changed).length) act("PATCH", `/api/tasks/${task.id}`, changed);
  });
}

function editEvent(event) {
  const fields = $("event-dialog").querySelector("form").elements;
  const follow = () => { fields.time.disabled = fields.minutes.disabled = fields.all_day.checked; };
  fields.all_day.onchange = follow;
  $("event-description").textContent = event.description;
  $("event-description").hidden = !event.description;
  $("event-dialog-title").textContent = event.ours ? "Event" : "Private event";
  $("event-delete").onclick = () => { $("event-dialog").close(); act("DELETE", pathOf(event), {}, "Deleted."); };
  const minutes = event.time ? event.minutes : 30;
  open($("event-dialog"), {
    title: event.title, day: event.day, time: event.time || "09:00", minutes, all_day: !event.time,
  }, () => {
    const changed = fields.title.value === event.title ? {} : { title: fields.title.value };
    const time = fields.all_day.checked ? "" : fields.time.value;
    if (fields.day.value !== event.day || time !== event.time || Number(fields.minutes.value) !== minutes) {
      Object.assign(changed, { day: fields.day.value, time, minutes: Number(fields.minutes.value) });
    }
    if (Object.keys(changed).length) act("PATCH", pathOf(event), changed);
  });
  follow();
}

async function showTimeline(task) {
  try {
    const { hops } = await call("GET", `/api/tasks/${task.id}/timeline`);
    $("hops").replaceChildren(...hops.map((hop) =>
      element("li", {}, element("time", {}, hop.at), ` ${hop.actor}: ${hop.reason}`)));
    if (!hops.length) $("hops").append("Nothing yet.");
    $("timeline-title").textContent = `What happened to “${task.title}”`;
    $("timeline-dialog").showModal();
  } catch (error) {
    tell(error.message);
  }
}

// ---- the page's life -----------------------------------------------------------------------------------------

async function look() {
  try {
    state = await call("GET", "/api/state");
    $("lost").hidden = true;
    show();
    await lookAtWire(noticed);
  } catch {
    $("lost").hidden = false;
  }
}

async function keepLooking() {
  await look();
  setTimeout(keepLooking, 700);
}

$("new-task").addEventListener("click", () => editTask(null));
$("private").addEventListener("change", show);
$("hold").addEventListener("change", (event) =>
  act("PUT", "/api/hold", { held: event.target.checked }, event.target.checked ? "Holding." : "Let go."));
for (const breaking of document.querySelectorAll("[data-break]")) {
  breaking.addEventListener("click", () => act("POST", `/api/break/${breaking.dataset.break}`, {}, "Done. Now change something."));
}
for (const closing of document.querySelectorAll("[data-close]")) {
  closing.addEventListener("click", () => closing.closest("dialog").close());
}
showGuide();
keepLooking();
