// What all parts of the desk use: elements, calls to its own server, a word in the corner.
// Texts are put in as text, never as markup: a task's title is somebody else's data.

export const $ = (id) => document.getElementById(id);
let statusTimer = 0;

export async function call(method, path, body) {
  const options = { method, headers: { "Content-Type": "application/json" } };
  if (body !== undefined) options.body = JSON.stringify(body);
  const answer = await fetch(path, options);
  const said = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(said.error || `The desk answered ${answer.status}.`);
  return said;
}

export function tell(text) {
  $("status").textContent = text;
  clearTimeout(statusTimer);
  statusTimer = setTimeout(() => { $("status").textContent = ""; }, 5000);
}

export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "checked") made.checked = value;
    else if (value !== null && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export const button = (key, text, label, action) =>
  element("button", { type: "button", "data-key": key, "aria-label": label, onclick: action }, text);

// Puts the rows into the list, touching only what changed, so that nothing moves under the hand or loses focus.
export function draw(list, rows, build) {
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
