// What surrounds every page: the menus of the header and the keys that work everywhere. Everything here also works without it, as
// links and forms. It exports nothing.

import { isForPage, openPopover } from "./keyboard.js";
import "./toasts.js";

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

// ---- jobs: they are watched by a module of their own, at once where one runs, else in a while

const jobs = document.getElementById("jobs-now");
if (jobs) setTimeout(() => import("./jobs.js"), jobs.querySelector("[data-job]") ? 0 : 30_000);

document.documentElement.classList.add("shell");   // at the end: from now on menus and keys are heard
