// The wire: each line an arrow from lane to lane, the newest on top, with the time since a person's last edit.

import { $, call, element } from "./dom.js";

const ROWS = 60;
let last = 0;
let lanes = null;

const wait = (milliseconds) =>
  milliseconds < 1000 ? `+${milliseconds} ms` : `+${(milliseconds / 1000).toFixed(1)} s`;

function row(line, names) {
  const [from, to] = [names.indexOf(line.source), names.indexOf(line.target)];
  const [left, right] = [Math.min(from, to), Math.max(from, to)];
  const cells = [element("th", { scope: "row" }, line.at)];
  for (let place = 0; place < names.length; place += 1) {
    if (place > left && place <= right) continue;
    if (place !== left) { cells.push(element("td", { class: "rail" })); continue; }
    const way = from === to ? "stays" : from < to ? "right" : "left";
    const heading = `${lanes[line.source]} to ${lanes[line.target]}: `;
    cells.push(element("td", { class: `hop ${way}${line.ok ? "" : " bad"}${line.source === "people" ? " person" : ""}`, colspan: right - left + 1 },
      element("span", { class: "unseen" }, from === to ? `${lanes[line.source]}: ` : heading),
      element("span", { class: "words" }, line.words),
      line.after_ms === null ? null : element("span", { class: "after" }, wait(line.after_ms))));
  }
  return element("tr", {}, ...cells);
}

export async function lookAtWire(noticed) {
  const told = await call("GET", `/api/wire?since=${last}`);
  const names = told.lanes.map(([name]) => name);
  if (lanes === null) {
    lanes = Object.fromEntries(told.lanes);
    $("lanes").append(...names.map((name) => element("th", { scope: "col" }, lanes[name])));
  }
  if (!told.lines.length) return;
  last = told.lines[told.lines.length - 1].n;
  told.lines.forEach(noticed);
  if ($("still").checked) return;
  $("quiet-wire").hidden = true;
  const rows = $("wire");
  rows.prepend(...told.lines.map((line) => row(line, names)).reverse());
  while (rows.children.length > ROWS) rows.lastElementChild.remove();
}
