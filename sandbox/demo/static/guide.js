// The first minute: five small steps, each ticked when it has been seen to work. Kept for this tab.

import { $, element } from "./dom.js";

const STEPS = [
  ["on", "Switch a task on. Its event appears in its owner's calendar."],
  ["move", "Drag that event to another hour. The task follows."],
  ["hand", "Edit a task and give it to the other person. The event changes calendars."],
  ["conflict", "Hold the pushes, edit the same task and its event, let go. A banner shows both values."],
  ["break", "Kill the worker or empty Redis, then change a task. It still arrives."],
];
const begun = new Set();
const done = new Set(JSON.parse(sessionStorage.getItem("guide") || "[]"));

function tick(step) {
  if (done.has(step)) return;
  done.add(step);
  sessionStorage.setItem("guide", JSON.stringify([...done]));
  showGuide();
}

// What a line of the wire means: a person began a step, or the gateway has finished it.
export function noticed(line) {
  const person = line.source === "people";
  if (person && line.does === "switch_on") begun.add("on");
  if (person && line.does === "move") begun.add("move");
  if (person && line.does === "hand_over") begun.add("hand");
  if (line.does === "break") begun.add("break");
  if (person || line.source !== "gateway" || !line.ok) return;
  if (line.does === "event_made" && begun.has("on")) tick("on");
  if (line.does === "event_made" && begun.has("hand")) tick("hand");
  if (line.does === "task_written" && begun.has("move")) tick("move");
  const wrote = ["event_made", "event_written", "event_deleted", "task_written"].includes(line.does);
  if (wrote && begun.has("break")) tick("break");
}

export function lookForConflict(tasks) {
  if (tasks.some((task) => task.conflict)) tick("conflict");
}

export function showGuide() {
  $("guide").replaceChildren(...STEPS.map(([step, words]) => element("li", { class: done.has(step) ? "done" : null },
    element("span", { class: "tick", "aria-hidden": "true" }, done.has(step) ? "✓" : ""),
    element("span", {}, words, element("span", { class: "unseen" }, done.has(step) ? " Done." : "")))));
  $("guide-count").textContent = `${done.size} of ${STEPS.length}`;
}
