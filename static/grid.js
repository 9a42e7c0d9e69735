// The grid: Shift+click marks a range, Ctrl+A all that match, the verdicts have the deck's keys. Without this file the
// check boxes and buttons do the same.

import "./filters.js";
import { isForPage, openPopover } from "./keyboard.js";

const form = () => document.getElementById("marks");  // another one after each answer
const boxes = () => [...form().querySelectorAll("[name=samples]")];
const everything = () => document.getElementById("everything");
let last = null;                                   // the box marked before, where a range begins

function tell(words) {
  if (!form()) return;
  const marked = boxes().filter((box) => box.checked).length;
  const all = everything().checked && `All ${everything().dataset.count} that match`;
  form().classList.toggle("everything", everything().checked);
  form().classList.toggle("some", Boolean(words || all || marked));  // the bar of verdicts is there
  document.getElementById("count").textContent = words || all || (marked ? `${marked} marked` : "None marked");
}

function mark(on) {
  for (const box of boxes()) box.checked = on;
  everything().checked = false;
  tell();
}

document.addEventListener("click", (event) => {
  const box = event.target;
  if (box.name !== "samples") return;
  if (event.shiftKey && last?.isConnected) {
    const all = boxes();
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const each of all.slice(from, to + 1)) each.checked = box.checked;
  }
  last = box;
});
document.addEventListener("mousedown", (event) => { if (event.shiftKey && event.target.closest(".tiles")) event.preventDefault(); });  // marks no text
document.addEventListener("change", (event) => {
  if (event.target.name === "samples") everything().checked = false;
  tell();
});
document.addEventListener("click", (event) => { if (event.target.closest("#unmark")) mark(false); });
let rest = false;                                  // the answer is about what is not marked
document.addEventListener("formdata", (event) => {  // how many this page means, so that no other number is judged
  if (event.target !== form()) return;
  event.formData.set("expected", boxes().filter((box) => box.checked !== rest).length);
});
document.addEventListener("submit", (event) => {  // before htmx sees it
  if (event.target === form()) rest = Boolean(event.submitter?.matches("[data-rest]"));
  if (event.target !== form() || rest) return;
  const isMarked = everything().checked || boxes().some((box) => box.checked);
  if (isMarked && (event.submitter?.value !== "relabel" || into().value)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  tell(isMarked ? "Choose a class first" : "Mark some first");
}, { capture: true });

const into = () => document.getElementById("into");
const isNarrow = matchMedia("(max-width: 900px)");
document.addEventListener("change", (event) => {  // where the bar has no room for the button, a choice presses it
  if (event.target === into() && into().value && isNarrow.matches) form().querySelector("[value=relabel]").click();
});

function walk(event) {  // arrows go from tile to tile
  const all = boxes();
  const at = all.indexOf(document.activeElement);
  const top = (box) => box.closest("li").offsetTop;
  const across = all.filter((box) => top(box) === top(all[0])).length;
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
  const next = at < 0 ? all[0] : all[at + by];
  if (!next) return;
  event.preventDefault();
  if (event.shiftKey && at >= 0) { all[at].checked = next.checked = true; everything().checked = false; tell(); }
  next.focus();
}

function isWaiting() {  // the page does not show yet what the key before has done
  const waits = document.querySelector(".htmx-request");
  if (waits) tell("Not yet: the answer before is on its way");
  return Boolean(waits);
}

function undo() {  // not while the page waits: it would undo what came before the last answer
  if (!isWaiting()) document.querySelector("[data-undo]")?.click();
}

document.addEventListener("keydown", (event) => {
  if (!isForPage(event) || openPopover() || event.target.matches("input:not([type=checkbox]), select, textarea")) return;
  const name = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (name === "a" && form()) { event.preventDefault(); everything().checked = true; tell(); }
    else if (name === "z" && !event.shiftKey) { event.preventDefault(); undo(); }
    return;
  }
  if (name.startsWith("arrow") && form()) return walk(event);
  if (event.repeat) return;
  if (name === "escape" && form()) return mark(false);
  if (name === "g") { location.href = document.querySelector(".tabs a[href$='/review']").href; return; }
  if (name === "z" && !event.shiftKey) { undo(); return; }
  const button = !event.shiftKey && form()?.querySelector(`[data-keys~="${CSS.escape(name)}"]`);
  if (button && !isWaiting()) button.click();
});

document.addEventListener("htmx:afterSwap", () => tell());  // at once: a later one would wipe words said since
tell();
document.documentElement.classList.add("scripting");  // at the end: from now on every key is heard
