// The review page: a key shows the next card at once, the answer travels behind it.
// Everything here also works without this file, as plain forms and links.

const review = () => document.getElementById("review");
const cards = () => [...review().querySelectorAll(".card")];
const current = () => review()?.querySelector(".card:not([hidden])");
const idOf = (card) => card.dataset.sample;

const HELD = 6;                                    // cards in the page, their images loaded
const MOST_HELD = 60;                              // as many as the server gives
const PAUSES = [500, 1000, 2000, 4000, 8000];      // ms between attempts to save an answer
const outbox = [];                                 // what still has to reach the server, in order
const answered = [];                               // cards answered in this page, for undo
const undone = [];                                 // for redo: an answer that never left this page, or null for one that the server knows
const skipped = new Set();
let sending = false;
let signedOut = false;
let shownAt = 0;

function newId() {  // crypto.randomUUID exists on https and localhost only
  return crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

// ---- the deck

function show(card) {
  for (const each of cards()) each.hidden = each !== card;
  document.getElementById("rest").hidden = Boolean(card);
  review().classList.toggle("idle", !card);
  if (!card) return;
  card.querySelector("[name=client_id]").value = newId();
  shownAt = performance.now();
  sharpen(card);
  document.getElementById("announce").textContent = document.body.classList.contains("blind") ? "The next image" : card.dataset.said;
}

function step(by) {
  const all = cards();
  const next = all[all.indexOf(current()) + by];
  if (next) show(next);
}

function after(card) {
  return card.nextElementSibling?.matches(".card") ? card.nextElementSibling : cards().find((each) => each !== card);
}

function leave(card) {  // take a card out of the deck and show the one after it
  const next = after(card);
  card.remove();
  show(next);
}

function putBack(card) {
  const twin = cards().find((each) => idOf(each) === idOf(card));
  twin?.remove();
  (cards()[0] ?? document.getElementById("rest")).before(card);
  show(card);
}

function decide(card, answer) {
  const form = card.querySelector("form");
  const body = new URLSearchParams(new FormData(form));
  body.set("answer", answer);
  body.set("milliseconds", Math.round(performance.now() - shownAt));
  skipped.delete(idOf(card));
  document.querySelector("#messages .note")?.remove();  // read by now; refusals stay until they are closed
  leave(card);
  answered.push(card);
  post({ url: form.action, body, card });
}

function skip(card) {  // to the end of the deck; when only skipped cards are left to come, ask for more
  const next = after(card) ?? card;
  skipped.add(idOf(card));
  document.getElementById("rest").before(card);
  show(next);
  if (cards().filter((each) => !skipped.has(idOf(each))).length < HELD / 2) {
    post({ url: `/d/${review().dataset.name}/review/claims`, body: new URLSearchParams() });
  }
}

function undo() {
  const last = outbox.at(-1);
  const card = answered.pop();
  if (card) putBack(card);
  if (last?.card && last.card === card && !(sending && outbox.length === 1)) {
    outbox.pop();  // it never left this page
    undone.push({ card, answer: last.body.get("answer") });
    count();
    return;
  }
  undone.push(null);
  post({ url: document.getElementById("undo").action, body: new URLSearchParams({ client_id: newId() }), undone: card ?? null });
}

function redo() {
  const last = undone.pop();
  if (last) {
    if (last.card.isConnected) decide(last.card, last.answer);  // else it has left the page meanwhile
  } else post({ url: document.getElementById("redo").action, body: new URLSearchParams({ client_id: newId() }) });
}

// ---- why this image: nothing of it is here before somebody asks

async function why(link) {
  const card = link.closest(".card");
  const shown = card.querySelector(".why");
  link.setAttribute("aria-expanded", String(!shown));
  if (shown) {
    shown.remove();
    return;
  }
  const panel = document.createElement("section");
  panel.className = "why opinion";
  panel.setAttribute("aria-label", "Why this image");
  panel.textContent = "Loading…";
  card.querySelector(".stage").after(panel);
  try {
    const response = await fetch(`${link.pathname}/why`, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15000) });
    if (!response.ok || response.headers.has("HX-Redirect")) throw new Error("refused, or signed out");
    panel.innerHTML = await response.text();
    if (card === current()) document.getElementById("announce").textContent = panel.querySelector(".reasons")?.textContent ?? panel.textContent;
  } catch {
    panel.textContent = "This cannot be shown now; try again in a moment.";
  }
}

// ---- the lease: while somebody looks at their cards, these stay theirs

const RENEW = 60_000;                              // ms; a lease is minutes long
const AWAY = 600_000;                              // without a key or a move somebody has gone, and the cards go back to the others
let touched = performance.now();
for (const kind of ["keydown", "pointermove", "pointerdown"]) addEventListener(kind, () => { touched = performance.now(); }, { passive: true });
setInterval(() => {
  const here = !document.hidden && performance.now() - touched < AWAY;
  if (here && current() && !outbox.length) post({ url: `/d/${review().dataset.name}/review/claims`, body: new URLSearchParams() });
}, RENEW);

// ---- the outbox

function post(item) {
  item.body.set("queue", review().dataset.queue);
  item.body.set("hold", Math.min(MOST_HELD, HELD + skipped.size));
  outbox.push(item);
  count();
  if (!sending && !signedOut) send();
}

function count() {  // how many answers are on their way, for styles and tests
  document.body.dataset.unsaved = outbox.length;
}

async function send() {
  sending = true;
  while (outbox.length) {
    const item = outbox[0];
    const outcome = await attempt(item);
    if (outcome === "wait") break;
    outbox.shift();
    count();
    if (outcome !== "saved") {
      const lost = outcome === "lost" ? [item, ...outbox.splice(0)] : [item];
      if (item.undone?.isConnected) leave(item.undone);
      for (const each of lost.reverse()) if (each.card) giveBack(each.card);
      count();
      const many = lost.filter((each) => each.card).length;
      const what = many === 1 ? "One answer was not saved; its card is shown again." : `${many} answers were not saved; their cards are shown again.`;
      if (outcome === "lost") banner(`The server cannot be reached. ${many ? what : "Try again."}`);
    }
  }
  sending = false;
}

function giveBack(card) {
  const index = answered.indexOf(card);
  if (index >= 0) answered.splice(index, 1);
  putBack(card);
}

function known() {  // cards that need not be sent again: in the deck, or answered and on their way
  return new Set([...cards(), ...outbox.filter((each) => each.card).map((each) => each.card)].map(idOf));
}

async function attempt(item) {
  const have = known();
  if (item.card) have.delete(idOf(item.card));  // once this is saved I no longer hold it
  item.body.set("have", [...have].join(" "));
  item.body.set("ranking", review().dataset.ranking);
  item.body.set("viewer", review().dataset.viewer);
  for (let tried = 0; ; tried += 1) {
    try {
      const response = await fetch(item.url, {
        method: "POST", body: item.body, headers: { "HX-Request": "true" }, keepalive: true, redirect: "manual", signal: AbortSignal.timeout(15000),
      });
      const text = await response.text();
      if (response.ok) {
        if (tried) banner("");
        merge(text, item);
        return "saved";
      }
      if (response.status === 401) {
        signedOut = true;
        banner("You are signed out; your answers wait in this page. Sign in in another tab, then", "message", "Go on", () => { signedOut = false; send(); });
        return "wait";
      }
      if (response.status < 500 && response.status !== 429) {
        banner(`Not saved: ${new DOMParser().parseFromString(text, "text/html").body.textContent.trim()}`);
        return "refused";
      }
    } catch { /* no connection, or too slow: try again */ }
    if (tried >= PAUSES.length) return "lost";
    if (tried >= 1) banner(`Not saved yet: ${outbox.length}. Trying again…`);
    await new Promise((done) => setTimeout(done, PAUSES[tried]));
  }
}

function merge(html, item) {
  const answer = new DOMParser().parseFromString(html, "text/html").getElementById("review");
  if (!answer) return;
  const takenBack = answer.dataset.undone;
  if (item.undone && takenBack !== idOf(item.undone) && item.undone.isConnected) leave(item.undone);
  const again = cards().find((card) => idOf(card) === answer.dataset.redone);
  if (again) {
    leave(again);
    answered.push(again);
  }
  if (review().dataset.ranking && answer.dataset.ranking !== review().dataset.ranking) {
    const better = answer.dataset.run === review().dataset.run;
    banner(`A ${better ? "better" : "new"} ranking has arrived; the cards after this one come from run ${answer.dataset.run}.`, "note");
    for (const card of cards()) if (card !== current()) card.remove();  // their opinions are those of the ranking before
  }
  for (const name of ["run", "ranking"]) review().dataset[name] = answer.dataset[name];
  for (const part of ["status", "tray"]) document.getElementById(part).replaceWith(answer.querySelector(`#${part}`));
  const gone = (answer.dataset.gone ?? "").split(" ");  // my lease ended, or somebody decided it
  for (const card of cards()) if (gone.includes(idOf(card)) && card !== current()) card.remove();
  const here = known();
  for (const card of answer.querySelectorAll(".card")) {
    if (here.has(idOf(card))) continue;
    card.hidden = true;
    (cards().find((each) => skipped.has(idOf(each))) ?? document.getElementById("rest")).before(card);
    card.querySelector("img").decode().catch(() => {});
    if (idOf(card) === takenBack) putBack(card);
  }
  const rest = document.getElementById("rest");
  rest.replaceWith(answer.querySelector("#rest"));
  if (review().dataset.queue.includes("order=random")) htmx.trigger("#notice", "counted");  // of the audit
  if (!current()) show(cards()[0]);
  document.getElementById("rest").hidden = Boolean(current());
  window.htmx?.process(document.getElementById("rest"));
  if (!current() && !answer.classList.contains("idle") && outbox.length < 2) {  // the cards that I said I had are gone
    post({ url: `/d/${review().dataset.name}/review/claims`, body: new URLSearchParams() });
  }
}

function banner(words, kind = "message", label = "Close", action = undefined) {
  const messages = document.getElementById("messages");
  messages.replaceChildren();
  if (!words) return;
  const line = document.createElement("p");
  line.className = kind;
  line.setAttribute("role", "alert");
  line.textContent = `${words} `;
  const button = document.createElement("button");
  button.textContent = label;
  button.onclick = () => { banner(""); action?.(); };
  line.append(button);
  messages.append(line);
}

// ---- what people do

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "undo" || form.id === "redo") {
    event.preventDefault();
    (form.id === "undo" ? undo : redo)();
  } else if (form.matches(".card .panel") && current()) {
    event.preventDefault();
    const answer = event.submitter?.value;
    const byKeyboard = document.activeElement === event.submitter && event.submitter.matches(":focus-visible");
    const place = [...form.querySelectorAll("button")].indexOf(event.submitter);
    undone.length = 0;
    if (answer) decide(form.closest(".card"), answer);
    if (byKeyboard) current()?.querySelectorAll(".panel button")[place]?.focus({ preventScroll: true });
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-find]")) finder.open();
  const button = event.target.closest("[data-zoom]");
  if (button) zoom(Number(button.dataset.zoom));
  const link = event.target.closest("[data-why]");
  if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) {  // with these it opens elsewhere, as every link does
    event.preventDefault();
    why(link);
  }
  if (!event.target.closest("[data-skip]") || !current()) return;
  event.preventDefault();
  skip(current());
});

const press = (selector) => current()?.querySelector(selector)?.click();
const ACTIONS = {
  q: () => press("[value=keep]"), a: () => press("[value=keep]"), w: () => press("[data-accept]"),
  e: () => press("[value=delete]"), x: () => press("[value=delete]"), n: () => press("[value=unsure]"), f: () => press("[value=unsure]"),
  " ": () => press("[data-skip]"), z: undo, backspace: undo, redo, "/": () => finder.open(),
  "+": () => zoom(1.25), "-": () => zoom(0.8),
  arrowright: () => step(1), arrowleft: () => step(-1),
  b: () => document.body.classList.add("blind"),
  g: () => document.querySelector(".tabs a[href$='/grid']").click(),
  y: () => { if (!document.body.classList.contains("blind")) press("[data-why]"); },
  "?": () => document.getElementById("keys").togglePopover(),
};

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.isComposing || event.altKey || localStorage.keysOff) return;
  // A field in a dialog that was closed just now may still have the focus.
  if (event.target.offsetParent && event.target.matches("input, textarea, select, [contenteditable]")) return;
  const open = document.querySelector(":popover-open, dialog[open]");
  if (open && !(event.key === "?" && open.id === "keys")) return;
  if (event.key === " " && event.target.closest("button, a, summary")) return;  // Space presses what has the focus
  const withControl = event.ctrlKey || event.metaKey;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if (digit && !withControl) {
    const chosen = current()?.querySelector(`[data-key="${event.shiftKey ? "s" : ""}${digit[1]}"]`);
    if (chosen) {
      event.preventDefault();
      chosen.click();
      return;
    }
  }
  // A keyboard of another script has its Latin letters by place only.
  const name = /^[a-z]$/i.test(event.key) || event.key.length > 1 || /[ ?/+-]/.test(event.key) ? event.key.toLowerCase() : event.code.replace("Key", "").toLowerCase();
  const action = (name === "z" && event.shiftKey) || (name === "y" && withControl) ? "redo" : name;
  const alone = !withControl && (!event.shiftKey || "?/+-".includes(name));  // with Control these are the browser's own
  if (!(alone || name === "z" || action === "redo") || !Object.hasOwn(ACTIONS, action)) return;
  event.preventDefault();
  ACTIONS[action]();
});

// ---- zoom and position, which stay from card to card

const view = { zoom: 1, x: 0, y: 0 };              // x, y: where the image's corner is, in widths and heights of the frame
const MOST_ZOOM = 16;

function look(zoom, x, y) {
  view.zoom = Math.min(MOST_ZOOM, Math.max(1, zoom));
  view.x = Math.min(0, Math.max(1 - view.zoom, x));  // no edge of the image comes into the frame
  view.y = Math.min(0, Math.max(1 - view.zoom, y));
  for (const [name, value] of [["--zoom", view.zoom], ["--pan-x", view.x], ["--pan-y", view.y]]) review().style.setProperty(name, value);
  review().classList.toggle("zoomed", view.zoom > 1);
  document.getElementById("zoom").textContent = `${Math.round(100 * view.zoom)} %`;
  if (current()) sharpen(current());
}

function sharpen(card) {  // zoomed in, the original shows more than the size that fits the page
  const image = card.querySelector("img");
  const url = image.dataset.original;
  if (view.zoom === 1 || !url) return;
  delete image.dataset.original;
  const original = new Image();
  original.src = url;
  original.decode().then(() => { image.src = url; }).catch(() => {});
}

function zoom(factor, x = 0.5, y = 0.5) {  // the point (x, y) of the frame stays where it is
  const by = Math.min(MOST_ZOOM, Math.max(1, view.zoom * factor)) / view.zoom;
  look(view.zoom * by, x - (x - view.x) * by, y - (y - view.y) * by);
}

function within(event) {
  const box = event.target.closest(".frame").getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

document.addEventListener("wheel", (event) => {
  if (!review()?.contains(event.target) || !event.target.closest(".frame")) return;
  event.preventDefault();
  zoom(Math.exp(-event.deltaY * 0.002), ...within(event));
}, { passive: false });
document.addEventListener("dblclick", (event) => {
  if (!review() || !event.target.closest(".frame")) return;
  if (view.zoom > 1) look(1, 0, 0); else zoom(3, ...within(event));
});
document.addEventListener("pointerdown", (event) => {
  const frame = review() && view.zoom > 1 && event.target.closest(".frame");
  if (!frame) return;
  frame.setPointerCapture(event.pointerId);
  let [x, y] = within(event);
  const move = (moved) => {
    const [toX, toY] = within(moved);
    look(view.zoom, view.x + toX - x, view.y + toY - y);
    [x, y] = [toX, toY];
  };
  frame.addEventListener("pointermove", move);
  frame.addEventListener("lostpointercapture", () => frame.removeEventListener("pointermove", move), { once: true });
});

// ---- finding a class by typing

// Names are compared whatever their case, spaces and Unicode form, as on the server (app/spelling.py).
const folded = (name) => name.normalize("NFD").toUpperCase().toLowerCase().normalize("NFC").trim().replace(/\s+/g, " ");

const finder = {
  dialog: document.getElementById("find"),
  input: document.getElementById("find-text"),
  list: document.getElementById("find-list"),
  open() {
    if (!current()) return;
    this.input.value = "";
    this.dialog.showModal();
    this.fill();
  },
  fill() {  // names that begin with the words before those that hold them
    const words = folded(this.input.value);
    const found = [...current().querySelectorAll(".class")].map((button) => ({ button, name: button.value.replace("relabel:", "") }));
    const at = ({ name }) => folded(name).indexOf(words);
    const fit = found.filter((each) => at(each) >= 0).sort((a, b) => Math.min(at(a), 1) - Math.min(at(b), 1));
    this.list.replaceChildren(...fit.slice(0, 8).map(({ button, name }, place) => {
      const option = document.createElement("li");
      Object.assign(option, { id: `find-${place}`, textContent: name, onclick: () => this.choose(button) });
      option.setAttribute("role", "option");
      option.choose = () => this.choose(button);
      return option;
    }));
    this.point(0);
  },
  point(place) {
    const options = [...this.list.children];
    const at = (place + options.length) % (options.length || 1);
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
    if (options[at]) this.input.setAttribute("aria-activedescendant", options[at].id); else this.input.removeAttribute("aria-activedescendant");
  },
  get chosen() { return [...this.list.children].findIndex((option) => option.getAttribute("aria-selected") === "true"); },
  choose(button) {
    this.dialog.close();
    button.click();
  },
};
finder.input?.addEventListener("input", () => finder.fill());
finder.input?.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") finder.point(finder.chosen + (event.key === "ArrowDown" ? 1 : -1));
  else if (event.key === "Enter") finder.list.children[finder.chosen]?.choose();
  else if (event.key === "Escape") finder.dialog.close();  // now, so that the next key finds the deck again
  else return;
  event.preventDefault();
});
finder.dialog?.addEventListener("click", (event) => { if (event.target === finder.dialog) finder.dialog.close(); });

const unblind = () => document.body.classList.remove("blind");
document.addEventListener("keyup", (event) => { if (event.key.toLowerCase() === "b" || event.code === "KeyB") unblind(); });
window.addEventListener("blur", unblind);
window.addEventListener("beforeunload", (event) => { if (outbox.length) event.preventDefault(); });

// ---- choices that this browser remembers

function remember(name, on) {
  if (on) localStorage[name] = "1"; else delete localStorage[name];
}

const sharp = document.getElementById("sharp");
const isSharp = () => { const image = current()?.querySelector("img"); return Boolean(image) && getComputedStyle(image).imageRendering === "pixelated"; };
function setPixels(how) {  // "sharp", "smooth", or what suits each image's size
  if (how) localStorage.pixels = how;
  document.body.classList.toggle("sharp", localStorage.pixels === "sharp");
  document.body.classList.toggle("smooth", localStorage.pixels === "smooth");
  sharp.setAttribute("aria-pressed", String(isSharp()));
}
sharp?.addEventListener("click", () => setPixels(isSharp() ? "smooth" : "sharp"));
if (sharp) setPixels();

document.querySelector(".order")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());

const keysOn = document.getElementById("keys-on");
keysOn?.addEventListener("change", () => { remember("keysOff", !keysOn.checked); document.body.classList.toggle("keys-off", !keysOn.checked); });
if (keysOn) {
  keysOn.checked = !localStorage.keysOff;
  document.body.classList.toggle("keys-off", Boolean(localStorage.keysOff));
}

document.documentElement.classList.add("scripting");
document.addEventListener("htmx:afterSwap", (event) => { if (event.target.id !== "notice" && review() && current()) show(current()); });  // a notice begins no new look
if (review() && current()) show(current());
count();
