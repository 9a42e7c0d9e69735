// Jobs in the header: what runs is asked for again, and a page that saw it run says when it has ended, in its title, in a toast and, if
// the person allowed it, as a notification of the browser. It exports nothing.

import { showToast } from "./toasts.js";

const BUSY = 4000, IDLE = 30_000;                  // ms between two questions, while something runs and while nothing does
const slot = () => document.getElementById("jobs-now");  // another one after each swap of the page
const title = document.title;
const running = () => [...slot().querySelectorAll("[data-job]")].map((each) => each.dataset.job);

async function ask() {
  const query = new URLSearchParams(running().slice(0, 20).map((id) => ["known", id]));
  try {
    const answer = await fetch(`/jobs/now?${query}`, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15_000) });
    if (answer.ok && !answer.headers.has("HX-Redirect")) show(await answer.text());
  } catch { /* the next answer comes in a moment */ }
  later();
}

function show(html) {
  if (slot().querySelector(":active")) return;       // the click would be lost
  const isOpen = slot().querySelector("details")?.open;
  const hadFocus = slot().contains(document.activeElement);
  slot().innerHTML = html;
  const menu = slot().querySelector("details");
  if (menu && isOpen) menu.open = true;
  if (menu && hadFocus) menu.querySelector("summary").focus();
  offerNotices();
  for (const each of slot().querySelectorAll("[data-ended]")) sayEnded(each.textContent, each.dataset.url);
}

// Whether a browser shows notifications is the person's choice, who is asked only after pressing the button for it.
function offerNotices() {
  const offer = slot().querySelector("[data-notify]");
  if (offer) offer.hidden = !window.isSecureContext || window.Notification?.permission !== "default";
}

document.addEventListener("click", async (event) => {
  if (!event.target.closest("#jobs-now [data-notify]")) return;
  const answer = await Notification.requestPermission();
  showToast(answer === "granted" ? "You are told when a job ends, while Toploss is open in a tab" : "Your browser shows no notifications of Toploss");
  offerNotices();
});

function sayEnded(words, href) {
  document.title = `${words} · ${title}`;
  showToast(words, { href });
  if (document.hidden && window.Notification?.permission === "granted") new Notification(words, { tag: words });
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) document.title = title; });

function later() {
  setTimeout(() => (document.hidden && !running().length ? later() : ask()), running().length ? BUSY : IDLE);
}

offerNotices();
if (running().length) later();
else ask();
