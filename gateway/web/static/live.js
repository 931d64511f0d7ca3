// Keeps the part of a page with id "live" up to date: asks each second while somebody may be looking, every 15 seconds
// after an idle minute, never while hidden. An unchanged answer is a bare 304. No connection is held.
"use strict";
(() => {
  const QUICK = 1000, SLOW = 15000, IDLE = 60000, GIVE_UP = 10000;
  const part = () => document.getElementById("live");
  let tag = null, seen = Date.now(), asked = 0, ahead = 0;

  // --- asking

  function look() {
    const live = part();
    if (!live?.hasAttribute("hx-get")) return; // closed
    const wait = Date.now() - seen < IDLE ? QUICK : SLOW;
    const busy = asked && Date.now() - asked < GIVE_UP;
    if (!document.hidden && !busy) {
      asked = Date.now();
      htmx.trigger(live, "look");
    }
    setTimeout(look, wait);
  }

  htmx.registerExtension("live", {
    htmx_config_request(_element, { ctx }) {
      const live = part();
      if (live?.dataset.live) ctx.request.headers["Authorization"] = `Bearer ${live.dataset.live}`;
      if (ctx.request.method === "GET" && tag) ctx.request.headers["If-None-Match"] = tag;
    },
    htmx_after_request(_element, { ctx }) {
      asked = 0;
      const headers = ctx.response?.headers;
      if (!headers) return;
      const there = Date.parse(headers.get("Date"));
      if (there) ahead = there - Date.now();
      if (ctx.response.status === 304) return;
      tag = ctx.request.method === "GET" ? headers.get("ETag") : null;
      seen = Date.now();
    },
    htmx_after_swap() {
      times();
      tell();
    },
  });

  // --- telling the page around: its exact origins only

  const parents = () => (part()?.dataset.parents || "").split(" ").filter(Boolean);
  let told = "", height = 0;

  function post(message) {
    if (window.parent === window) return;
    for (const origin of parents()) window.parent.postMessage(message, origin);
  }

  function tell() {
    const { state, reason, task } = part()?.dataset ?? {};
    const now = JSON.stringify([state, reason]);
    if (!state || now === told) return;
    told = now;
    post({ type: "calendar-gateway:state", task, state, reason: reason || null });
  }

  function measure() {
    const now = Math.ceil(document.documentElement.getBoundingClientRect().height);
    if (now === height) return;
    height = now;
    post({ type: "calendar-gateway:height", height });
  }

  // --- how long ago

  const rough = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always", style: "short" });
  const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", Infinity]];

  function ago(seconds) {
    let count = Math.max(0, seconds);
    for (const [unit, size] of STEPS) {
      if (count < size) return rough.format(-Math.floor(count), unit);
      count /= size;
    }
    return "";
  }

  function times() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const at = Date.parse(time.dateTime), gone = (Date.now() + ahead - at) / 1000;
      time.dataset.full ||= time.textContent;
      time.title = time.dataset.full;
      const text = gone < 86400 ? `${ago(gone)} · ${time.dataset.full}` : time.dataset.full;
      if (time.textContent !== text) time.textContent = text;
    }
  }

  addEventListener("DOMContentLoaded", () => {
    new ResizeObserver(measure).observe(document.documentElement);
    for (const sign of ["pointerdown", "pointermove", "keydown", "focus"]) {
      addEventListener(sign, () => (seen = Date.now()), { passive: true });
    }
    document.addEventListener("visibilitychange", () => (seen = Date.now()));
    times();
    tell();
    setInterval(times, QUICK);
    setTimeout(look, QUICK);
  });
})();
