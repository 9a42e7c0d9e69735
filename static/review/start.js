// Starts the review page: a key shows the next card at once, its answer is sent behind it. This module connects the forms, buttons
// and links of the page with the other modules, and owns the choices that this browser remembers. It exports nothing.
// Everything here also works without scripts, as plain forms and links.

import { keysAreOn, switchKeys } from "../keyboard.js";
import { decide, forgetRedo, redo, skip, undo, undoDecision } from "./answers.js";
import { currentCard, placeholder, review, show } from "./deck.js";
import { openFinder } from "./keys.js";
import { askForCards, asksAtOnce, showUnsaved, unsaved } from "./outbox.js";
import { zoomBy } from "./zoom.js";

// ---- forms and buttons

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "hints") {
    event.preventDefault();
    putHintsAway();
  } else if (form.id === "undo" || form.id === "redo") {
    event.preventDefault();
    if (form.id === "redo") redo();
    else if (event.submitter?.value) undoDecision(event.submitter.value);
    else undo();
  } else if (form.matches(".card .panel") && currentCard()) {
    event.preventDefault();
    answerWith(form, event.submitter);
  } else if (form.closest("#rest")) {
    event.preventDefault();
    askForCards();
  }
});

function answerWith(form, button) {
  const byKeyboard = document.activeElement === button && button.matches(":focus-visible");
  const place = [...form.querySelectorAll("button")].indexOf(button);
  forgetRedo();
  if (button?.value) decide(form.closest(".card"), button.value);
  answersLeft -= 1;
  if (!answersLeft) putHintsAway();
  if (byKeyboard) currentCard()?.querySelectorAll(".panel button")[place]?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const clicked = (selector) => event.target.closest(selector);
  if (clicked("[data-find]")) openFinder();
  if (clicked("[data-zoom]")) zoomBy(Number(clicked("[data-zoom]").dataset.zoom));
  const opensElsewhere = event.ctrlKey || event.metaKey || event.shiftKey;  // as with every link
  if (clicked("[data-why]") && !opensElsewhere) {
    event.preventDefault();
    const link = clicked("[data-why]");
    import("./why.js").then(({ toggleReasons }) => toggleReasons(link)).catch(() => { location.href = link.href; });
  }
  if (clicked("[data-skip]") && currentCard()) {
    event.preventDefault();
    skip(currentCard());
  }
});

document.querySelector(".order").addEventListener("change", (event) => event.currentTarget.requestSubmit());

addEventListener("beforeunload", (event) => { if (unsaved()) event.preventDefault(); });

// ---- the hints of the first visit: a person who has answered three times knows the way

let answersLeft = 3;

function putHintsAway() {
  const form = document.getElementById("hints");
  if (!form) return;
  fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual", keepalive: true }).catch(() => {});
  form.parentElement.remove();
}

// ---- the lease: cards stay with a person who looks at them

const RENEW_AFTER = 60_000;                        // ms; a lease is minutes long
const AWAY_AFTER = 600_000;                        // ms without a key or a move; then the cards go to other annotators
let lastMove = performance.now();
for (const kind of ["keydown", "pointermove", "pointerdown"]) {
  addEventListener(kind, () => { lastMove = performance.now(); }, { passive: true });
}
setInterval(() => {
  const isHere = !document.hidden && performance.now() - lastMove < AWAY_AFTER;
  if (isHere && currentCard() && !unsaved()) askForCards();
}, RENEW_AFTER);

const LOOK_AFTER = 10_000;                         // ms: whether the training that is waited for has found something
setInterval(() => {
  if (!document.hidden && !currentCard() && placeholder()?.matches("[data-waits]") && !unsaved()) askForCards();
}, LOOK_AFTER);

// ---- the notice of a look at random images and of the rule for stopping

const notice = document.getElementById("notice");

async function askForNotice() {
  const options = { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15_000) };
  const answer = await fetch(notice.dataset.from, options).catch(() => null);
  if (answer?.ok && !answer.headers.has("HX-Redirect")) notice.innerHTML = await answer.text().catch(() => "");
}

const isRandom = review().dataset.queue.includes("order=random");
document.addEventListener("merged", askForNotice, { once: !isRandom });  // a random look counts each answer
setInterval(() => { if (!document.hidden) askForNotice(); }, 60_000);

// ---- choices that this browser remembers

const sharpButton = document.getElementById("sharp");

function isSharp() {
  const image = currentCard()?.querySelector("img");
  return Boolean(image) && getComputedStyle(image).imageRendering === "pixelated";
}

function showPixels() {  // localStorage.pixels: "sharp", "smooth", or nothing: what suits each image's size
  for (const how of ["sharp", "smooth"]) document.body.classList.toggle(how, localStorage.pixels === how);
  sharpButton.setAttribute("aria-pressed", String(isSharp()));
}

sharpButton.addEventListener("click", () => {
  localStorage.pixels = isSharp() ? "smooth" : "sharp";
  showPixels();
});
showPixels();

const keysBox = document.getElementById("keys-on");

function showKeys() {
  keysBox.checked = keysAreOn();
  document.body.classList.toggle("keys-off", !keysAreOn());
}

keysBox.addEventListener("change", () => {
  switchKeys(keysBox.checked);
  showKeys();
});
showKeys();

// ---- swipes, where there are fingers

if (matchMedia("(any-pointer: coarse)").matches) import("./swipe.js");

// ---- the first card

if (!currentCard() && asksAtOnce()) {
  askForCards(window.firstCards);
} else {
  show(currentCard());
  askForNotice();
}
showUnsaved();
document.documentElement.classList.add("scripting");  // at the end: from now on every key is heard
