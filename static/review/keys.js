// The keys of the review. This module owns which key does what; the answers themselves are buttons of the card, which a key clicks.
// It exports openFinder.

import { isForPage, openPopover } from "../keyboard.js";
import { redo, undo } from "./answers.js";
import { currentCard, showMessage, step } from "./deck.js";
import { zoomBy } from "./zoom.js";

const click = (selector) => () => currentCard()?.querySelector(selector)?.click();
const isBlind = () => document.body.classList.contains("blind");
const endBlind = () => document.body.classList.remove("blind");

// Opens the field at once, so that what is typed goes there and presses no key of the deck; what finds a class is loaded behind it.
export function openFinder() {
  if (!currentCard()) return;
  const dialog = document.getElementById("find");
  document.getElementById("find-text").value = "";
  dialog.showModal();
  import("./finder.js").then(({ showMatches }) => showMatches()).catch(() => {
    dialog.close();
    showMessage("The list of classes could not be loaded; try again.");
  });
}

const ACTIONS = {
  q: click("[value=keep]"),
  a: click("[value=keep]"),
  w: click("[data-accept]"),
  e: click("[value=delete]"),
  x: click("[value=delete]"),
  n: click("[value=unsure]"),
  f: click("[value=unsure]"),
  " ": click("[data-skip]"),
  u: click("[data-undo]"),
  z: undo,
  backspace: undo,
  redo,
  "/": openFinder,
  "+": () => zoomBy(1.25),
  "-": () => zoomBy(0.8),
  arrowright: () => step(1),
  arrowleft: () => step(-1),
  b: () => document.body.classList.add("blind"),
  g: () => document.querySelector(".tabs a[href$='/images']").click(),
  y: () => { if (!isBlind()) click("[data-why]")(); },
};

// The name in ACTIONS. A keyboard of another script has its Latin letters by place only.
function nameOf(event) {
  const { key, code } = event;
  const isKnown = /^[a-z]$/i.test(key) || key.length > 1 || /[ ?/+-]/.test(key);
  return (isKnown ? key : code.replace("Key", "")).toLowerCase();
}

// The button of the class whose key this is: a digit, of the main row or the number pad, with or without Shift.
function classButton(event) {
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  return digit && currentCard()?.querySelector(`[data-key="${event.shiftKey ? "s" : ""}${digit}"]`);
}

document.addEventListener("keydown", (event) => {
  if (event.repeat || !isForPage(event)) return;
  // A field in a dialog that was closed just now may still have the focus.
  if (event.target.offsetParent && event.target.matches("input, textarea, select, [contenteditable]")) return;
  const open = openPopover();
  if (open && !(event.key === "?" && open.id === "keys")) return;
  if (event.key === " " && event.target.closest("button, a, summary")) return;  // Space presses what has the focus

  const withControl = event.ctrlKey || event.metaKey;
  const ofClass = withControl ? null : classButton(event);
  if (ofClass) {
    event.preventDefault();
    ofClass.click();
    return;
  }
  const name = nameOf(event);
  const isRedo = (name === "z" && event.shiftKey) || (name === "y" && withControl);
  const isAlone = !withControl && (!event.shiftKey || "?/+-".includes(name));
  if (!isAlone && name !== "z" && !isRedo) return;  // with Control or Shift the other keys are the browser's own
  const action = isRedo ? "redo" : name;
  if (!Object.hasOwn(ACTIONS, action)) return;
  event.preventDefault();
  ACTIONS[action]();
});

document.addEventListener("keyup", (event) => {
  if (event.key.toLowerCase() === "b" || event.code === "KeyB") endBlind();
});
addEventListener("blur", endBlind);
