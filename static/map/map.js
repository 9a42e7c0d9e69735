// The map: zoom, pan, hover, legend and lasso. The points come from the REST API; what is selected leads to the page Images.

import { mixed, nearest, paint } from "./draw.js";
import { address, box, contains, corners } from "./lasso.js";

const map = document.getElementById("map"), canvas = document.getElementById("picture");
const pen = canvas.getContext("2d"), frame = canvas.parentElement;
const preview = document.getElementById("preview"), show = document.getElementById("show");
const STANDINGS = ["Label agrees with the model", "Suspicious label", "Reviewed", "Not ranked"];
const SIDE = 10000, MARGIN = 24, MOST_ZOOM = 200, DELETED = -1;

let points = null;                                 // of the API, with order and colour
let by = "class";                                  // or standing: what the colours mean
let hidden = { class: new Set(), standing: new Set() };
let lit = null;                                    // the entry of the legend that is pointed at
let view = { x: SIDE / 2, y: SIDE / 2, zoom: 1 };  // the middle of the canvas in the map's numbers
let area = null;                                   // corners of the selection
let line = null;                                   // of the lasso that is being drawn, in the map's numbers
let under = -1;                                    // the point under the pointer, or in the middle for keys
let byKeys = false;
let selecting = false;                             // the next drag draws a lasso
let waiting = false;

const count = (n) => n.toLocaleString("en");
const images = (n) => `${count(n)} ${n === 1 ? "image" : "images"}`;
const ratio = () => Math.min(window.devicePixelRatio || 1, 2);

// ---- colours: of the stylesheet, so that they fit the theme

function pack(words) {
  pen.fillStyle = words;
  const [r, g, b] = pen.fillStyle.match(/[0-9a-f]{2}/g).map((part) => parseInt(part, 16));
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

const faded = (colour, ground) => {
  const mix = (shift) => Math.round(((colour >>> shift) & 255) * 0.16 + ((ground >>> shift) & 255) * 0.84) << shift;
  return ((255 << 24) | mix(16) | mix(8) | mix(0)) >>> 0;
};

let palette = null;

function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const named = (name) => pack(style.getPropertyValue(name).trim());
  const classes = Array.from({ length: 12 }, (_, i) => named(`--class-${i}`));
  palette = {
    ground: named("--surface"), ink: style.getPropertyValue("--ink").trim(), deleted: named("--strong-line"),
    class: classes, standing: [named("--soft"), named("--class-1"), named("--class-0"), named("--strong-line")],
    accent: style.getPropertyValue("--accent").trim(),
  };
}

const groupOf = (i) => (by === "class" ? points.label[i] : points.standing[i]);

function colourOf(i) {
  const group = groupOf(i);
  if (hidden[by].has(group)) return 0;
  const own = by === "standing" ? palette.standing[group] : group === DELETED ? palette.deleted : palette.class[group % 12];
  const far = (lit !== null && lit !== group) || (area !== null && !points.inside[i]);
  return far ? faded(own, palette.ground) : own;
}

function recolour() {
  const n = points.x.length;
  for (let i = 0; i < n; i += 1) points.colour[i] = colourOf(i);
  const last = (i) => (by === "standing" ? [0, 2, 1, 0][points.standing[i]] : 0) + (lit !== null && groupOf(i) === lit ? 4 : 0);
  points.order = points.mixed;
  if (by === "standing" || lit !== null) points.order = points.mixed.slice().sort((a, b) => last(a) - last(b));
  redraw();
}

// ---- the view

function scales() {
  const fit = (Math.min(canvas.width, canvas.height) - 2 * MARGIN * ratio()) / SIDE;
  const scale = fit * view.zoom;
  return { scale, left: canvas.width / 2 - view.x * scale, top: canvas.height / 2 - view.y * scale };
}

// As large as the points can be without hiding each other while all are shown; then they grow with the zoom.
function radius() {
  const apart = 0.45 * Math.min(canvas.clientWidth, canvas.clientHeight) / Math.sqrt(points.x.length);
  return ratio() * Math.min(Math.min(Math.max(apart, 1), 3.5) * view.zoom ** 0.35, 8);
}

function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; if (points) drawNow(); });
}

let pixels = null;

function drawNow() {
  const started = performance.now();
  if (!pixels || pixels.width !== canvas.width || pixels.height !== canvas.height) pixels = pen.createImageData(canvas.width, canvas.height);
  const now = scales();
  paint(new Uint32Array(pixels.data.buffer), canvas.width, canvas.height, palette.ground, points, now, radius());
  pen.putImageData(pixels, 0, 0);
  if (view.zoom < LEAST_ZOOM) thumbnails = [];
  for (const i of thumbnails) thumbnail(i, now);
  const drawn = line ?? area;
  if (drawn?.length > 1) outline(drawn, now);
  if (byKeys) cross();
  if (under >= 0) ring(now);
  map.dataset.frame = (performance.now() - started).toFixed(1);  // milliseconds, for benchmarks/image_map.py
}

// ---- few images in view are shown themselves

const LEAST_ZOOM = 3, MOST_THUMBNAILS = 60, SIZE = 56;
const pictures = new Map();                        // loaded or on their way, by the sample's id
let thumbnails = [];                               // the points that are shown as images

function findThumbnails() {
  const { scale, left, top } = scales();
  const found = [];
  for (let i = 0; view.zoom >= LEAST_ZOOM && i < points.x.length && found.length <= MOST_THUMBNAILS; i += 1) {
    const x = points.x[i] * scale + left, y = points.y[i] * scale + top;
    if (points.colour[i] !== 0 && x > 0 && y > 0 && x < canvas.width && y < canvas.height) found.push(i);
  }
  thumbnails = found.length > MOST_THUMBNAILS ? [] : found;
  if (pictures.size > 1000) pictures.clear();
  for (const i of thumbnails) {
    const id = points.samples[i];
    if (pictures.has(id)) continue;
    const picture = Object.assign(new Image(), { onload: redraw, src: `/api/v1/samples/${id}/image?size=thumbnail` });
    pictures.set(id, picture);
  }
  map.dataset.thumbnails = thumbnails.length;
  redraw();
}

function thumbnail(i, { scale, left, top }) {
  const picture = pictures.get(points.samples[i]);
  if (!picture?.naturalWidth) return;
  const size = SIZE * ratio(), edge = 3 * ratio();
  const share = size / Math.max(picture.naturalWidth, picture.naturalHeight);
  const [width, height] = [picture.naturalWidth * share, picture.naturalHeight * share];
  const x = points.x[i] * scale + left - width / 2, y = points.y[i] * scale + top - height / 2;
  const colour = points.colour[i];
  pen.fillStyle = `rgb(${colour & 255} ${(colour >>> 8) & 255} ${(colour >>> 16) & 255})`;
  pen.fillRect(x - edge, y - edge, width + 2 * edge, height + 2 * edge);
  pen.imageSmoothingEnabled = share < 1;
  pen.drawImage(picture, x, y, width, height);
}

const reach = () => (thumbnails.length ? SIZE / 2 : 10) * ratio();

function outline(drawn, { scale, left, top }) {
  pen.beginPath();
  for (const [x, y] of drawn) pen.lineTo(x * scale + left, y * scale + top);
  pen.closePath();
  pen.lineWidth = 2 * ratio();
  pen.strokeStyle = palette.accent;
  pen.stroke();
}

function ring({ scale, left, top }) {
  pen.beginPath();
  pen.arc(points.x[under] * scale + left, points.y[under] * scale + top, radius() + 3 * ratio(), 0, 7);
  pen.lineWidth = 2 * ratio();
  pen.strokeStyle = palette.ink;
  pen.stroke();
}

function cross() {
  const [x, y, arm] = [canvas.width / 2, canvas.height / 2, 8 * ratio()];
  pen.beginPath();
  for (const [dx, dy] of [[arm, 0], [0, arm]]) { pen.moveTo(x - dx, y - dy); pen.lineTo(x + dx, y + dy); }
  pen.lineWidth = ratio();
  pen.strokeStyle = palette.ink;
  pen.stroke();
}

function look(changed) {
  view = { ...view, ...changed };
  view.zoom = Math.min(Math.max(view.zoom, 0.8), MOST_ZOOM);
  view.x = Math.min(Math.max(view.x, 0), SIDE);
  view.y = Math.min(Math.max(view.y, 0), SIDE);
  redraw();
  later();
}

function zoomAt(factor, across = canvas.width / 2, down = canvas.height / 2) {
  const before = scales();
  const x = (across - before.left) / before.scale, y = (down - before.top) / before.scale;
  const zoom = Math.min(Math.max(view.zoom * factor, 0.8), MOST_ZOOM);
  const scale = before.scale * zoom / view.zoom;
  look({ zoom, x: x - (across - canvas.width / 2) / scale, y: y - (down - canvas.height / 2) / scale });
}

let timer = null;

function later() {  // once the view rests
  clearTimeout(timer);
  timer = setTimeout(() => { if (!points) return; findThumbnails(); if (byKeys) point(atMiddle()); tell(); remember(); }, 120);
}

// ---- what is selected, and where it leads

const isShown = (i) => points.colour[i] !== 0;

function inView() {
  const { scale, left, top } = scales();
  return box(-left / scale, -top / scale, (canvas.width - left) / scale, (canvas.height - top) / scale);
}

function tell() {
  if (!points) return;
  const shown = area ?? inView();
  const n = points.x.length;
  let all = 0, visible = 0;
  for (let i = 0; i < n; i += 1) {
    const is = area ? points.inside[i] : contains(shown, points.x[i], points.y[i]);
    all += is;
    visible += is && isShown(i);
  }
  const query = new URLSearchParams();
  const only = [...new Set(by === "class" ? points.label : points.standing)].filter((group) => !hidden[by].has(group));
  let leads = all;
  if (by === "class" && only.length === 1 && only[0] !== DELETED && hidden.class.size) { query.set("class", points.classes[only[0]]); leads = visible; }
  if (by === "standing" && only.length === 1 && only[0] === 1 && hidden.standing.size) { query.set("state", "open"); leads = visible; }
  if (area || leads < n || view.zoom > 1.01 || map.dataset.missing > 0) query.set("within", address(points.map, shown));
  show.href = `${map.dataset.images}${query.size ? "?" : ""}${query}`;
  show.textContent = `Show ${images(leads)}${area ? "" : " in view"}`;
  show.hidden = leads === 0;
  document.getElementById("clear").hidden = !area;
  const more = leads - visible;
  document.getElementById("chosen").value = area
    ? `${count(leads)} selected${more > 0 ? `, ${count(more)} of them hidden` : ""}`
    : "";
}

function select(found) {
  area = found && found.length > 2 ? found : null;
  points.inside = area ? Uint8Array.from(points.x, (x, i) => (contains(area, x, points.y[i]) ? 1 : 0)) : null;
  if (area && !points.inside.includes(1)) area = points.inside = null;
  recolour();
  tell();
  remember();
}

function mode(on) {
  selecting = on;
  document.getElementById("lasso").setAttribute("aria-pressed", on);
  frame.classList.toggle("selecting", on);
}

// The way back from an image leads to the same view.
function remember() {
  const hide = { class: [...hidden.class], standing: [...hidden.standing] };
  history.replaceState({ ...history.state, map: { of: points.map, view, area, by, hide } }, "");
}

function recall() {
  const kept = history.state?.map;
  if (kept?.of !== points.map) return;
  ({ view, by } = kept);
  hidden = { class: new Set(kept.hide.class), standing: new Set(kept.hide.standing) };
  for (const button of map.querySelectorAll("[data-by]")) button.setAttribute("aria-pressed", button.dataset.by === by);
  if (kept.area) select(kept.area);
}

// ---- the preview of the point under the pointer

const told = new Map();                            // what the server says of a sample, by its id

function point(i) {
  if (i === under) return;
  under = i;
  frame.classList.toggle("pointing", i >= 0 && !selecting);
  redraw();
  preview.hidden = i < 0;
  if (i < 0) return;
  const id = points.samples[i], label = points.label[i];
  const { scale, left, top } = scales();
  const [x, y] = [(points.x[i] * scale + left) / ratio(), (points.y[i] * scale + top) / ratio()];
  const wide = frame.clientWidth, high = frame.clientHeight;
  preview.style.left = `${x + 200 > wide ? Math.max(x - 196, 0) : x + 16}px`;
  preview.style.top = `${Math.min(Math.max(y - 60, 0), Math.max(high - 260, 0))}px`;
  preview.href = map.dataset.image + id;
  preview.firstElementChild.src = `/api/v1/samples/${id}/image?size=thumbnail`;
  preview.querySelector("b").textContent = label === DELETED ? "deleted" : points.classes[label];
  describe(id, i);
  setTimeout(async () => {
    if (under !== i || told.has(id)) return;
    const answer = await fetch(`${map.dataset.samples}?limit=1&cursor=${id - 1}`);
    const item = answer.ok ? (await answer.json()).items[0] : null;
    told.set(id, item?.sample === id ? item : null);
    if (under === i) describe(id, i);
  }, 80);
}

function describe(id, i) {
  const item = told.get(id);
  const model = item?.predicted_label
    ? `model: ${Math.round(100 * item.confidence)}\u00a0% ${item.predicted_label}`
    : STANDINGS[points.standing[i]];
  preview.querySelector("small").textContent = item ? `${model} · ${item.path}` : STANDINGS[points.standing[i]];
  preview.firstElementChild.classList.toggle("tiny", Boolean(item) && Math.max(item.width, item.height) <= 64);
  if (byKeys) document.getElementById("map-told").textContent = `${preview.querySelector("b").textContent}, ${preview.querySelector("small").textContent}`;
}

const atMiddle = () => nearest(points, scales(), canvas.width / 2, canvas.height / 2, 60 * ratio());
const open = (i) => { if (i >= 0) location.href = map.dataset.image + points.samples[i]; };

// ---- pointers

const down = new Map();                            // pointers that are pressed: where they are
let moved = false;

function place(event) {
  const edge = canvas.getBoundingClientRect();
  return [(event.clientX - edge.left) * ratio(), (event.clientY - edge.top) * ratio()];
}

const onMap = ([across, downwards]) => {
  const { scale, left, top } = scales();
  return [(across - left) / scale, (downwards - top) / scale];
};

canvas.addEventListener("pointerdown", (event) => {
  if (!points || event.button) return;
  canvas.setPointerCapture(event.pointerId);
  down.set(event.pointerId, place(event));
  byKeys = moved = false;
  line = down.size === 1 && (selecting || event.shiftKey) ? [onMap(place(event))] : null;
});

canvas.addEventListener("pointermove", (event) => {
  if (!points) return;
  const here = place(event), before = down.get(event.pointerId);
  if (!before) {
    byKeys = false;
    preview.classList.remove("tapped");
    if (event.pointerType === "mouse") point(nearest(points, scales(), ...here, reach()));
    return;
  }
  const way = Math.hypot(here[0] - before[0], here[1] - before[1]);
  if (!moved && way < 4 * ratio() && down.size === 1) return;
  moved = true;
  point(-1);
  if (line) {
    line.push(onMap(here));
    redraw();
  } else if (down.size === 1) {
    const { scale } = scales();
    look({ x: view.x - (here[0] - before[0]) / scale, y: view.y - (here[1] - before[1]) / scale });
  } else {
    const other = [...down].find(([id]) => id !== event.pointerId)[1];
    const gap = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
    if (gap(before) > 0) zoomAt(gap(here) / gap(before), (here[0] + other[0]) / 2, (here[1] + other[1]) / 2);
  }
  down.set(event.pointerId, here);
});

function up(event) {
  if (!down.delete(event.pointerId)) return;
  if (line) {
    const drawn = corners(line);
    line = null;
    if (moved) { select(drawn); mode(false); return; }
  }
  if (moved || event.type === "pointercancel") return;
  const found = nearest(points, scales(), ...place(event), event.pointerType === "mouse" ? reach() : 24 * ratio());
  if (event.pointerType === "mouse") open(found);
  else { point(found); preview.classList.toggle("tapped", found >= 0); }  // a second tap, on the preview, opens it
}

canvas.addEventListener("pointerup", up);
canvas.addEventListener("pointercancel", up);
canvas.addEventListener("pointerleave", () => { if (!byKeys && !preview.classList.contains("tapped")) point(-1); });
canvas.addEventListener("wheel", (event) => {
  if (!points) return;
  event.preventDefault();
  point(-1);
  zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...place(event));
}, { passive: false });

// ---- keys and buttons

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

canvas.addEventListener("keydown", (event) => {
  if (!points || event.ctrlKey || event.metaKey || event.altKey) return;
  const move = MOVES[event.key];
  const step = 80 * ratio() / scales().scale;
  if (move) { byKeys = true; look({ x: view.x + move[0] * step, y: view.y + move[1] * step }); }
  else if (event.key === "+" || event.key === "=") { byKeys = true; zoomAt(1.4); }
  else if (event.key === "-") { byKeys = true; zoomAt(1 / 1.4); }
  else if (event.key === "0") look({ x: SIDE / 2, y: SIDE / 2, zoom: 1 });
  else if (event.key === "Enter") open(byKeys ? atMiddle() : under);
  else if (event.key === "Escape") { mode(false); select(null); }
  else if (event.key.toLowerCase() === "l") mode(!selecting);
  else return;
  event.preventDefault();
});
canvas.addEventListener("blur", () => { byKeys = false; redraw(); });

document.getElementById("lasso").addEventListener("click", () => mode(!selecting));
document.getElementById("clear").addEventListener("click", () => { select(null); canvas.focus(); });
for (const button of map.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => {
    if (button.dataset.zoom === "all") look({ x: SIDE / 2, y: SIDE / 2, zoom: 1 });
    else zoomAt(button.dataset.zoom === "in" ? 1.6 : 1 / 1.6);
  });
}
for (const button of map.querySelectorAll("[data-by]")) {
  button.addEventListener("click", () => {
    by = button.dataset.by;
    for (const each of map.querySelectorAll("[data-by]")) each.setAttribute("aria-pressed", each === button);
    legend();
    recolour();
    tell();
    remember();
  });
}

// ---- the legend: a press hides, pointing at an entry fades the others

function legend() {
  const groups = new Map();
  for (let i = 0; i < points.x.length; i += 1) groups.set(groupOf(i), (groups.get(groupOf(i)) ?? 0) + 1);
  const entries = [...groups].sort(([a], [b]) => (a === DELETED) - (b === DELETED) || a - b);
  document.getElementById("legend").replaceChildren(...entries.map(([group, n]) => entry(group, n)));
}

function entry(group, n) {
  const item = document.createElement("li"), button = document.createElement("button"), number = document.createElement("span");
  button.type = "button";
  const swatch = by === "standing" ? `standing-${group}` : group === DELETED ? "deleted" : `class-${group % 12}`;
  button.innerHTML = `<svg class="swatch ${swatch}" aria-hidden="true"><rect/></svg>`;
  button.append(by === "standing" ? STANDINGS[group] : group === DELETED ? "deleted" : points.classes[group]);
  number.className = "num muted";
  number.textContent = count(n);
  button.append(number);
  button.setAttribute("aria-pressed", !hidden[by].has(group));
  button.addEventListener("click", () => {
    if (!hidden[by].delete(group)) hidden[by].add(group);
    button.setAttribute("aria-pressed", !hidden[by].has(group));
    recolour();
    tell();
    remember();
  });
  const light = (value) => () => { lit = value; recolour(); };
  button.addEventListener("pointerenter", light(group));
  button.addEventListener("pointerleave", light(null));
  item.append(button);
  return item;
}

// ---- the start

function resize() {
  canvas.width = Math.round(canvas.clientWidth * ratio());
  canvas.height = Math.round(canvas.clientHeight * ratio());
  redraw();
  later();
}

async function start() {
  const status = document.getElementById("map-status");
  const answer = await fetch(map.dataset.points).catch(() => null);
  if (!answer?.ok) {
    status.textContent = "The map could not be loaded. Load the page again.";
    return;
  }
  const got = await answer.json();
  const n = got.samples.length, order = mixed(n);
  points = {
    ...got, x: Float32Array.from(got.x), y: Float32Array.from(got.y),
    mixed: order, order, colour: new Uint32Array(n), inside: null,
  };
  status.textContent = "";
  readPalette();
  recall();
  legend();
  recolour();
  resize();
  tell();
  new ResizeObserver(resize).observe(canvas);
  const again = () => { readPalette(); recolour(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  new MutationObserver(again).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "class"] });
  map.dataset.ready = n;
}

document.documentElement.classList.add("scripting");
start();
