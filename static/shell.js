// What surrounds every page: the menus of the header, the keys that work everywhere, and the jobs that run. Everything here also
// works without it, as links and forms. It exports nothing.

import { isForPage, openPopover } from "./keyboard.js";
import { showToast } from "./toasts.js";

// ---- menus: one is open at a time, and Escape or a click elsewhere closes it

const openMenus = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("focusin", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.activeElement?.closest(".term")?.blur();
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// ---- keys: Ctrl+K goes anywhere, ? lists the keys of this page; what they open is loaded when it is asked for

const palette = () => import("./palette.js");
let typed = null;                                  // while the palette is on its way: what is meant for it

async function openPalette() {
  typed = "";
  try {
    (await palette()).openPalette(typed);
  } finally {
    typed = null;
  }
}
document.addEventListener("keydown", (event) => {
  if (typed === null || event.key.length > 1 || event.ctrlKey || event.metaKey) return;
  typed += event.key;
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true });
const isTyping = (target) => target.matches("input, textarea, select, [contenteditable]");

document.addEventListener("click", (event) => {
  const link = event.target.closest(".go");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openPalette();
});
document.addEventListener("keydown", (event) => {
  const withControl = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (withControl && event.key.toLowerCase() === "k" && document.querySelector(".go")) {
    event.preventDefault();
    if (!document.querySelector("dialog[open]")) openPalette();
    return;
  }
  const isSheet = event.key === "?" && isForPage(event) && !event.ctrlKey && !event.metaKey && !isTyping(event.target);
  if (!isSheet || event.defaultPrevented || (openPopover() && openPopover().id !== "keys")) return;
  event.preventDefault();
  palette().then(({ showKeys }) => showKeys());
});

// ---- the tab that is open is in view, also where the browser does not begin there

for (const here of document.querySelectorAll(".tabs [aria-current], .subs [aria-current]")) {
  const row = here.parentElement;
  row.scrollLeft = Math.max(0, here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2);
}

// ---- jobs: what runs is asked for again, and a page that saw it run says when it has ended

const BUSY = 4000, IDLE = 30_000;                  // ms between two questions, while something runs and while nothing does
const slot = document.getElementById("jobs-now");
const title = document.title;
const running = () => [...slot.querySelectorAll("[data-job]")].map((each) => each.dataset.job);

async function askForJobs() {
  const query = new URLSearchParams(running().map((id) => ["known", id]));
  try {
    const answer = await fetch(`/jobs/now?${query}`, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15_000) });
    if (answer.ok && !answer.headers.has("HX-Redirect")) show(await answer.text());
  } catch { /* the next answer comes in a moment */ }
  later();
}

function show(html) {
  if (slot.querySelector(":active")) return;       // the click would be lost
  const isOpen = slot.querySelector("details")?.open;
  const hadFocus = slot.contains(document.activeElement);
  slot.innerHTML = html;
  const menu = slot.querySelector("details");
  if (menu && isOpen) menu.open = true;
  if (menu && hadFocus) menu.querySelector("summary").focus();
  offerNotices();
  for (const each of slot.querySelectorAll("[data-ended]")) sayEnded(each.textContent, each.dataset.url);
}

// Whether a browser shows notifications is the person's choice, who is asked only after pressing the button for it.
function offerNotices() {
  const offer = slot.querySelector("[data-notify]");
  if (offer) offer.hidden = !window.isSecureContext || window.Notification?.permission !== "default";
}
slot?.addEventListener("click", async (event) => {
  if (!event.target.closest("[data-notify]")) return;
  const answer = await Notification.requestPermission();
  showToast(answer === "granted" ? "You are told when a job ends, while Toploss is open in a tab" : "Your browser shows no notifications of Toploss");
  offerNotices();
});

function sayEnded(words, href) {
  document.title = `${words} · ${title}`;
  showToast(words, { href });
  if (document.hidden && window.Notification?.permission === "granted") new Notification(words, { tag: words });
}

function later() {
  setTimeout(() => (document.hidden && !running().length ? later() : askForJobs()), running().length ? BUSY : IDLE);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) document.title = title; });
if (slot) {
  offerNotices();
  later();
}
document.documentElement.classList.add("shell");   // at the end: from now on menus and keys are heard
