// The plots of the operator's page: p50 solid, p95 dashed, on a scale of tens, in the colours of the style sheet.

const length = (milliseconds) => {
  if (milliseconds === null || milliseconds === undefined) return "–";
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60000) return `${Math.round(milliseconds / 100) / 10} s`;
  return milliseconds < 3600000 ? `${Math.round(milliseconds / 6000) / 10} min` : `${Math.round(milliseconds / 360000) / 10} h`;
};

function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// Hours of the day, and the day where it begins: for eyes that read 14:00.
const times = (_plot, seconds) => seconds.map((second) => {
  const at = new Date(second * 1000);
  const two = (number) => String(number).padStart(2, "0");
  return at.getHours() ? `${two(at.getHours())}:00` : `${two(at.getDate())}/${two(at.getMonth() + 1)}`;
});

const tens = (value, round) => 10 ** round(Math.log10(value));

function options(place, sparse) {
  const [line, quiet, accent, warn] = ["--line", "--quiet", "--accent", "--warn"].map(colour);
  const axis = { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
  const series = (label, dash) => ({
    label, dash, stroke: dash ? warn : accent, width: 2, spanGaps: false, points: { show: sparse, size: 6, fill: dash ? warn : accent },
    value: (_plot, value) => length(value),
  });
  return {
    width: Math.max(place.clientWidth, 240), height: 208,
    scales: { x: { time: true }, y: { distr: 3, range: (_plot, low, high) => [tens(Math.min(low ?? 100, 100), Math.floor), tens(Math.max(high ?? 1000, 1000), Math.ceil)] } },
    axes: [{ ...axis, values: times }, { ...axis, size: 62, values: (_plot, values) => values.map((value) => (Number.isInteger(Math.log10(value)) ? length(value) : "")) }],
    series: [{ value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, series("p50"), series("p95", [6, 4])],
    legend: { live: true }, cursor: { drag: { x: false, y: false } },
  };
}

function draw() {
  for (const place of document.querySelectorAll("[data-plot]")) {
    place.replaceChildren();
    const data = JSON.parse(place.dataset.plot);
    const sparse = data[1].filter((one) => one !== null).length < 48; // a lone slot between gaps has no line
    new uPlot(options(place, sparse), data, place);
  }
}

let waiting = 0;
const again = () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); };
addEventListener("resize", again);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
if (window.uPlot) draw();
