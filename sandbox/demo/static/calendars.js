// The people's calendars (FullCalendar). Times are the desk's own, without an offset: "UTC" leaves them as they are.

import { $, element } from "./dom.js";

const DAYS = matchMedia("(max-width: 40rem)").matches ? 2 : 3;
const PRIVATE = "#6b7280";
const shown = new Map();
let held = false;

export const pathOf = (event) => `/api/people/${event.person}/events/${encodeURIComponent(event.id)}`;

function asShown(event) {
  return {
    id: event.id, title: event.title || "(no title)", start: event.start, end: event.end, allDay: !event.time,
    color: event.ours ? event.colour || "#3f51b5" : PRIVATE, extendedProps: { event },
  };
}

// What a drag or a pull at the lower edge has made of an event, as the desk's server wants it.
function spanOf(moved) {
  const start = moved.startStr.slice(0, 16);
  if (moved.allDay) return { day: start.slice(0, 10), time: "" };
  const minutes = moved.end ? Math.round((moved.end - moved.start) / 60000) : 30;
  return { day: start.slice(0, 10), time: start.slice(11, 16), minutes };
}

function make(person, place, state, hooks) {
  const moved = ({ event }) => hooks.change(event.extendedProps.event, spanOf(event));
  const calendar = new FullCalendar.Calendar(place, {
    timeZone: "UTC", now: () => state().now, initialView: "days", views: { days: { type: "timeGrid", duration: { days: DAYS } } },
    headerToolbar: { start: "title", center: "", end: "prev,today,next" }, height: 520, scrollTime: "08:00:00",
    nowIndicator: true, editable: true, eventInteractive: true, snapDuration: "00:15:00", slotDuration: "00:30:00",
    displayEventTime: false, todayHint: "Today", prevHint: "Earlier days", nextHint: "Later days",
    dayHeaderFormat: { weekday: "short", day: "numeric" }, titleFormat: { month: "short", day: "numeric" }, locale: "en-GB",
    events: (_range, done) => done(mine(person, state())), eventDrop: moved, eventResize: moved,
    eventDragStart: () => { held = true; }, eventDragStop: () => { held = false; },
    eventResizeStart: () => { held = true; }, eventResizeStop: () => { held = false; },
    eventClick: ({ event }) => hooks.open(event.extendedProps.event),
  });
  calendar.render();
  return calendar;
}

const mine = (person, state) =>
  state.events.filter((event) => event.person === person.id && (event.ours || $("private").checked)).map(asShown);

export function showCalendars(state, hooks) {
  for (const person of state().persons) {
    if (!shown.has(person.id)) {
      const place = element("div", { class: "calendar-place" });
      $("calendars").append(element("section", { class: "calendar", "aria-label": `${person.name}'s calendar`, "data-id": person.id },
        element("h3", { class: "whose" }, person.name, element("small", {}, ` ${person.calendar} · ${person.email}`)),
        place, element("p", { class: "empty" }, "Nothing from the CRM in this calendar. Switch a task on.")));
      shown.set(person.id, { calendar: make(person, place, state, hooks), looks: "", place });
    }
    const kept = shown.get(person.id);
    const events = mine(person, state());
    const looks = JSON.stringify(events);
    if (looks !== kept.looks && !held) {
      kept.looks = looks;
      kept.calendar.refetchEvents();
    }
    kept.place.nextElementSibling.hidden = events.some((one) => one.extendedProps.event.ours);
  }
}
