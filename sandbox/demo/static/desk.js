// The desk's page: asks its own server for the state each second, draws what changed, sends what the person does.
// Texts are put in as text, never as markup: a task's title is somebody else's data.

const $ = (id) => document.getElementById(id);
let state = null;
let statusTimer = 0;

async function call(method, path, body) {
  const options = { method, headers: { "Content-Type": "application/json" } };
  if (body !== undefined) options.body = JSON.stringify(body);
  const answer = await fetch(path, options);
  const said = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(said.error || `The desk answered ${answer.status}.`);
  return said;
}

async function act(method, path, body, done) {
  try {
    await call(method, path, body);
    if (done) tell(done);
  } catch (error) {
    tell(error.message);
  }
  await look();
}

function tell(text) {
  $("status").textContent = text;
  clearTimeout(statusTimer);
  statusTimer = setTimeout(() => { $("status").textContent = ""; }, 5000);
}

// ---- drawing -------------------------------------------------------------------------------------------------

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "checked") made.checked = value;
    else if (value !== null && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const button = (key, text, label, action) =>
  element("button", { type: "button", "data-key": key, "aria-label": label, onclick: action }, text);

// Puts the rows into the list, touching only what changed, so that nothing moves under the hand or loses focus.
function draw(list, rows, build) {
  const before = new Map([...list.children].map((child) => [child.dataset.id, child]));
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const [focusId, focusKey] = [focused?.closest("[data-id]")?.dataset.id, focused?.dataset.key];
  rows.forEach((row, place) => {
    const looks = JSON.stringify(row);
    let child = before.get(row.id);
    if (!child || child.dataset.looks !== looks) {
      const fresh = build(row);
      fresh.dataset.id = row.id;
      fresh.dataset.looks = looks;
      if (child) child.replaceWith(fresh);
      child = fresh;
    }
    before.delete(row.id);
    if (list.children[place] !== child) list.insertBefore(child, list.children[place] || null);
  });
  before.forEach((child) => child.remove());
  if (focusId && !list.contains(document.activeElement)) {
    [...list.children].find((child) => child.dataset.id === focusId)?.querySelector(`[data-key="${focusKey}"]`)?.focus();
  }
}

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

const agendaRow = (row) => (row.heading ? element("h3", { class: row.today ? "today" : null }, row.heading) : eventCard(row));

function eventCard(event) {
  const name = event.title || "(no title)";
  const when = event.time ? `${event.time}–${event.until}` : "All day";
  const card = element("div", { class: event.ours ? "card event" : "card event foreign" },
    element("div", { class: "title" }, name),
    element("p", { class: "meta" }, event.ours ? when : `${when} · private: the gateway never sees it`));
  if (event.colour) card.style.setProperty("--colour", event.colour);
  if (!event.ours) return card;
  const path = pathOf(event);
  card.append(element("div", { class: "actions" },
    button("edit", "Edit", `Edit event ${name}`, () => editEvent(event)),
    button("later", "A day later", `Move event ${name} to the next day`,
      () => act("PATCH", path, { day: nextDay(event.day), time: event.time, minutes: event.minutes })),
    button("all-day", event.time ? "Make all-day" : "Give it 09:00", `${event.time ? "Make all-day" : "Give a time"}: ${name}`,
      () => act("PATCH", path, { day: event.day, time: event.time ? "" : "09:00" })),
    button("delete", "Delete", `Delete event ${name}`, () => act("DELETE", path, {}))));
  return card;
}

const pathOf = (event) => `/api/people/${event.person}/events/${encodeURIComponent(event.id)}`;

function nextDay(day) {
  const date = new Date(`${day}T12:00:00Z`);
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}

const personOf = (id) => state.persons.find((person) => person.id === id) || { name: "nobody here" };

function calendarOf(person) {
  return element("section", { class: "calendar", "aria-label": `${person.name}'s calendar` },
    element("h3", { class: "whose" }, person.name, element("small", {}, ` ${person.calendar} · ${person.email}`)),
    element("div", { class: "agenda" }),
    element("p", { class: "empty", hidden: "" }, "Nothing from the CRM in this calendar. Switch a task on."));
}

function withHeadings(events) {
  const rows = [];
  let day = "";
  for (const event of events) {
    if (event.day !== day) {
      day = event.day;
      const today = day === state.today;
      rows.push({ id: `day ${day}`, heading: today ? `Today, ${event.day_label}` : event.day_label, today });
    }
    rows.push(event);
  }
  return rows;
}

function show() {
  draw($("task-list"), state.tasks, taskCard);
  $("no-tasks").hidden = state.tasks.length > 0;
  draw($("calendars"), state.persons, calendarOf);
  for (const person of state.persons) {
    const section = [...$("calendars").children].find((one) => one.dataset.id === person.id);
    const shown = state.events.filter((event) => event.person === person.id && (event.ours || $("private").checked));
    draw(section.querySelector(".agenda"), withHeadings(shown), agendaRow);
    section.querySelector(".empty").hidden = shown.length > 0;
  }
  const foreign = state.events.filter((event) => !event.ours).length;
  $("private-note").textContent = `${foreign} private events are in these calendars these weeks. The gateway asks for its own only. Times are those of ${state.zone}.`;
  $("hold").checked = state.held;
  $("hold-note").textContent = state.held
    ? "Held. Edit a task and its event now, then let go."
    : "Webhooks and pushes arrive at once. Hold them, edit both sides of a task, let go: a conflict.";
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
  } catch {
    $("lost").hidden = false;
  }
}

async function keepLooking() {
  await look();
  setTimeout(keepLooking, 1000);
}

$("new-task").addEventListener("click", () => editTask(null));
$("private").addEventListener("change", show);
$("hold").addEventListener("change", (event) =>
  act("PUT", "/api/hold", { held: event.target.checked }, event.target.checked ? "Holding." : "Let go."));
for (const closing of document.querySelectorAll("[data-close]")) {
  closing.addEventListener("click", () => closing.closest("dialog").close());
}
keepLooking();
