// Draws line charts with uPlot, and saves them. Legend and numbers stand beside a chart as HTML; a tooltip says the values at the pointer.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const looksOf = (names) => (names.length === 1 ? ["--accent"] : ["--second", "--accent", "--ink"]);
const about = (place) => JSON.parse(place.dataset.chart);
const short = (y) => (y == null ? "–" : Number.isInteger(y) ? y.toLocaleString("en") : y.toPrecision(3));

// What the tooltip says of one point across.
function words({ across, x, lines, bands, log, unit = "" }, at) {
  const told = Object.entries(lines).map(([name, values]) => {
    const range = bands[name]?.[at];
    return `${name} ${short(values[at])}${unit}${range ? ` (${short(range[0])} to ${short(range[1])})` : ""}`;
  });
  return [`${across} ${log ? x[at].toExponential(2) : x[at]}`, ...told].join("\n");
}

function tooltip(chart) {
  const tip = Object.assign(document.createElement("div"), { className: "chart-tip", hidden: true });
  return { hooks: {
    init: (plot) => plot.over.append(tip),
    setCursor: (plot) => {
      const { idx, left, top } = plot.cursor;
      tip.hidden = idx == null || left < 0;
      if (tip.hidden) return;
      tip.textContent = words(chart, idx);
      const after = left + tip.offsetWidth + 16 < plot.over.clientWidth;
      tip.style.left = `${Math.max(0, after ? left + 12 : left - tip.offsetWidth - 12)}px`;
      tip.style.top = `${Math.max(0, Math.min(top, plot.over.clientHeight - tip.offsetHeight))}px`;
    },
  } };
}

function markAt(mark) {
  return { hooks: { draw: (plot) => {
    const at = plot.valToPos(mark, "x", true);
    plot.ctx.save();
    plot.ctx.strokeStyle = colour("--strong-line");
    plot.ctx.setLineDash([4, 4]);
    plot.ctx.beginPath();
    plot.ctx.moveTo(at, plot.bbox.top);
    plot.ctx.lineTo(at, plot.bbox.top + plot.bbox.height);
    plot.ctx.stroke();
    plot.ctx.restore();
  } } };
}

function draw(place) {
  if (!place.clientWidth) return;  // in a tab that is closed; it is drawn when that opens
  const chart = about(place);
  const { across, x, lines, bands, log, mark, low } = chart;
  const decades = (_, ticks) => ticks.map((t) => (Number.isInteger(Math.log10(t)) ? t : null));
  const line = { stroke: colour("--line"), width: 1 };
  const lineX = log ? { ...line, filter: decades } : line;
  const axis = { stroke: colour("--muted"), grid: line, ticks: line, font: "12px system-ui, sans-serif" };
  const names = Object.keys(lines), strokes = looksOf(names).map(colour);
  const series = names.map((label, i) => {
    const stroke = strokes[i % strokes.length];
    return { label, stroke, width: 2, points: { show: x.length < 30, size: 6, fill: stroke } };
  });
  const data = [x, ...names.map((name) => lines[name])];
  const filled = [];
  for (const name of Object.keys(bands)) {  // two lines without a stroke, and what lies between them
    const stroke = strokes[names.indexOf(name) % strokes.length];
    for (const end of [1, 0]) {
      data.push(bands[name].map((range) => range?.[end] ?? null));
      series.push({ stroke: "transparent", width: 0, points: { show: false } });
    }
    filled.push({ series: [series.length - 1, series.length], fill: `${stroke}2e` });
  }
  const values = data.slice(1).flat().filter((y) => y != null);
  const first = lines[names[0]][0];
  const top = log ? Math.min(Math.max(...values), 2 * first) : Math.max(...values);  // a finder ends where the loss explodes
  const span = top - (low ?? Math.min(...values)) || 1;
  place.replaceChildren();
  new uPlot({
    width: place.clientWidth, height: place.clientHeight,
    scales: {
      x: { time: false, distr: log ? 3 : 1, range: !log && x.length < 30 ? [x[0] - 0.3, x.at(-1) + 0.3] : undefined },
      y: { range: [low ?? Math.min(...values) - 0.08 * span, top + 0.08 * span] },
    },
    axes: [
      { ...axis, grid: lineX, ticks: lineX, label: across, labelSize: 20, labelFont: axis.font, filter: log ? decades : undefined, incrs: log ? undefined : [1, 2, 5].flatMap((n) => [n, 10 * n, 100 * n, 1e3 * n, 1e4 * n, 1e5 * n]).sort((a, b) => a - b), values: log ? (_, ticks) => ticks.map((t) => (t == null ? "" : t.toExponential(0))) : undefined },
      { ...axis, size: 52 },
    ],
    series: [{ label: across }, ...series],
    bands: filled,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    plugins: [tooltip(chart), ...(mark ? [markAt(mark)] : [])],
  }, data, place);
}

// The chart as a picture: uPlot's canvas on the page's ground, with its title and its legend.
function save(place) {
  const { title, lines } = about(place);
  const chart = place.querySelector("canvas");
  const dots = devicePixelRatio, head = 56 * dots;
  const picture = Object.assign(document.createElement("canvas"), { width: chart.width, height: chart.height + head });
  const pen = picture.getContext("2d");
  pen.fillStyle = colour("--surface");
  pen.fillRect(0, 0, picture.width, picture.height);
  pen.fillStyle = colour("--ink");
  pen.font = `600 ${15 * dots}px system-ui, sans-serif`;
  pen.fillText(title, 12 * dots, 22 * dots);
  pen.font = `${12 * dots}px system-ui, sans-serif`;
  const names = Object.keys(lines), looks = looksOf(names);
  let left = 12 * dots;
  for (const [i, name] of names.entries()) {
    pen.fillStyle = colour(looks[i % looks.length]);
    pen.fillRect(left, 35 * dots, 10 * dots, 10 * dots);
    pen.fillStyle = colour("--muted");
    pen.fillText(name, left + 16 * dots, 44 * dots);
    left += 32 * dots + pen.measureText(name).width;
  }
  pen.drawImage(chart, 0, head);
  picture.toBlob((blob) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${title}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
}

function offerToSave(place) {
  const actions = place.parentElement.querySelector("[data-save]");
  if (!actions || actions.querySelector("button")) return;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: "PNG" });
  button.addEventListener("click", () => save(place));
  actions.append(button);
}

const drawIn = (part) => part.querySelectorAll("[data-chart]").forEach((place) => { draw(place); offerToSave(place); });
const drawAll = () => drawIn(document);
document.addEventListener("htmx:afterSwap", drawAll);  // the curves of a model that learns
document.addEventListener("toggle", ({ target }) => { if (target.open) drawIn(target); }, true);  // a tab opens
let waiting;
drawAll();
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 100); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
