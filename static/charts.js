// Draws line charts with uPlot, and saves them. The numbers stand in a table below each chart.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function draw(place) {
  const { across, x, lines, log, mark, low } = JSON.parse(place.dataset.chart);
  const decades = (_, ticks) => ticks.map((t) => (Number.isInteger(Math.log10(t)) ? t : null));
  const line = { stroke: colour("--line"), width: 1 };
  const lineX = log ? { ...line, filter: decades } : line;
  const axis = { stroke: colour("--muted"), grid: line, ticks: line, font: "12px system-ui, sans-serif" };
  const strokes = [colour("--muted"), colour("--accent"), colour("--ink")];
  const dashes = [[6, 4], undefined, [2, 3]];
  const names = Object.keys(lines);
  const series = names.map((label, i) => {
    const stroke = names.length === 1 ? strokes[1] : strokes[i % 3];
    return { label, stroke, width: 2, dash: names.length > 1 ? dashes[i % 3] : undefined, points: { show: x.length < 30, size: 6, fill: stroke },
      value: (_, y) => (y == null ? "–" : Number.isInteger(y) ? y.toLocaleString("en") : y.toPrecision(4)) };
  });
  const values = names.flatMap((name) => lines[name]).filter((y) => y != null);
  const top = log ? Math.min(Math.max(...values), 2 * values[0]) : Math.max(...values);  // a finder ends where the loss explodes
  const span = top - Math.min(...values) || 1;
  place.replaceChildren();
  new uPlot({
    width: place.clientWidth, height: place.clientHeight - 30,
    scales: {
      x: { time: false, distr: log ? 3 : 1, range: !log && x.length < 30 ? [x[0] - 0.3, x.at(-1) + 0.3] : undefined },
      y: { range: [low ?? Math.min(...values) - 0.08 * span, top + 0.08 * span] },
    },
    axes: [
      { ...axis, grid: lineX, ticks: lineX, label: across, labelSize: 20, labelFont: axis.font, filter: log ? decades : undefined, incrs: log ? undefined : [1, 2, 5].flatMap((n) => [n, 10 * n, 100 * n, 1e3 * n, 1e4 * n, 1e5 * n]).sort((a, b) => a - b), values: log ? (_, ticks) => ticks.map((t) => (t == null ? "" : t.toExponential(0))) : undefined },
      { ...axis, size: 52 },
    ],
    series: [{ label: across, value: (_, at) => (at == null ? "–" : log ? at.toExponential(2) : String(at)) }, ...series],
    legend: { markers: { dash: (_, i) => (names.length > 1 && ["dashed", "solid", "dotted"][(i - 1) % 3]) || "solid" } },
    hooks: mark ? { draw: [(plot) => {
      const at = plot.valToPos(mark, "x", true);
      plot.ctx.save();
      plot.ctx.strokeStyle = colour("--strong-line");
      plot.ctx.setLineDash([4, 4]);
      plot.ctx.beginPath();
      plot.ctx.moveTo(at, plot.bbox.top);
      plot.ctx.lineTo(at, plot.bbox.top + plot.bbox.height);
      plot.ctx.stroke();
      plot.ctx.restore();
    }] } : {},
  }, [x, ...names.map((name) => lines[name])], place);
}

// The chart as a picture: uPlot's canvas on the page's ground, with its title and what the lines are.
function save(place) {
  const { title, lines } = JSON.parse(place.dataset.chart);
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
  pen.fillStyle = colour("--muted");
  const names = Object.keys(lines);
  pen.fillText(names.length > 1 ? names.map((name, i) => `${name} ${["dashed", "solid", "dotted"][i % 3]}`).join(", ") : names[0], 12 * dots, 44 * dots);
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

const drawAll = () => document.querySelectorAll("[data-chart]").forEach((place) => { draw(place); offerToSave(place); });
document.addEventListener("htmx:afterSwap", drawAll);  // the curves of a run that learns
let waiting;
drawAll();
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 100); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
