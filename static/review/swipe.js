// Swipes on an image that is not zoomed: right keeps, left accepts, up skips, by a click on the button. A finger that comes back does
// nothing; keys that are off switch swipes off. It exports nothing.

import { keysAreOn } from "../keyboard.js";
import { currentCard, review } from "./deck.js";

const FAR = 0.22;  // of the width of the frame: a shorter way does nothing
const BUTTONS = { right: "[value=keep]", left: "[data-accept]", up: "[data-skip]" };
let finger = null;  // { id, x, y, frame, card, way }: where it began, and what it means now

const usable = (event) => event.pointerType === "touch" && event.isPrimary && keysAreOn()
  && !review()?.classList.contains("zoomed") && !document.querySelector(":popover-open, dialog[open]");

function wayOf(dx, dy, width) {
  const far = width * FAR;
  if (Math.abs(dx) >= far && Math.abs(dx) > 1.5 * Math.abs(dy)) return dx > 0 ? "right" : "left";
  return -dy >= far && -dy > 1.5 * Math.abs(dx) ? "up" : null;
}

const buttonOf = (card, way) => card.querySelector(BUTTONS[way]);

function showWay(dx, dy) {
  const { frame, card, way } = finger;
  const button = way && buttonOf(card, way);
  frame.style.setProperty("--swipe-x", `${dx}px`);
  frame.style.setProperty("--swipe-y", `${Math.min(dy, 0)}px`);
  const words = button?.querySelector(":scope > span").textContent.trim().replace(/\s+/g, " ");
  if (words) frame.dataset.swipe = words;
  else delete frame.dataset.swipe;
}

function end() {
  if (!finger) return;
  finger.frame.classList.remove("swiping");
  delete finger.frame.dataset.swipe;
  for (const name of ["--swipe-x", "--swipe-y"]) finger.frame.style.removeProperty(name);
  finger = null;
}

document.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary) end();  // a second finger zooms the page
  const frame = event.target.closest?.(".frame");
  if (!frame || !usable(event) || !currentCard()?.contains(frame)) return;
  finger = { id: event.pointerId, x: event.clientX, y: event.clientY, frame, card: currentCard(), way: null };
});

document.addEventListener("pointermove", (event) => {
  if (event.pointerId !== finger?.id) return;
  const [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
  finger.way = wayOf(dx, dy, finger.frame.clientWidth);
  finger.frame.classList.add("swiping");
  showWay(dx, dy);
});

document.addEventListener("pointerup", (event) => {
  if (event.pointerId !== finger?.id) return;
  const { card, way } = finger;
  const button = way && usable(event) && card === currentCard() && buttonOf(card, way);
  end();
  button?.click();
});
document.addEventListener("pointercancel", end);
