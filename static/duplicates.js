// Duplicates by keys: 1, 2… give the group its first, second… label, Q keeps, E deletes, Space goes on, Z undoes. A key clicks a
// button of the group that has the frame; after its answer the next group has it.

import { isForPage, openPopover } from "./keyboard.js";

const groups = [...document.querySelectorAll(".twins")];
const KEPT = "group";                              // in this tab: the place of the group that was answered
const place = () => Math.max(0, groups.findIndex((group) => group.matches(".current")));

function choose(at) {
  groups.forEach((group, i) => group.classList.toggle("current", i === at));
  groups[at]?.scrollIntoView({ block: "nearest" });
}

const step = (by) => choose(Math.min(groups.length - 1, Math.max(0, place() + by)));
const press = (selector) => groups[place()]?.querySelector(selector)?.click();

for (const [at, group] of groups.entries()) {
  group.addEventListener("submit", () => { sessionStorage.setItem(KEPT, at); });
  group.addEventListener("focusin", () => choose(at));
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, select, textarea");
  if (event.repeat || !isForPage(event) || openPopover() || isTyping) return;
  const name = event.key.toLowerCase();
  const withControl = event.ctrlKey || event.metaKey;
  if (name === "z" && !event.shiftKey) document.querySelector("[data-undo]")?.click();
  if (withControl || event.shiftKey) return;
  const number = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  if (number) press(`.side:nth-child(${number}) button`);
  else if (name === "q") press("[value=keep]");
  else if (name === "e" || name === "x") press("[value=delete]");
  else if (name === "arrowright" || (name === " " && !event.target.closest("button, a, summary"))) step(1);
  else if (name === "arrowleft") step(-1);
  else return;
  event.preventDefault();
});

const answered = new URLSearchParams(location.search).has("done") ? Number(sessionStorage.getItem(KEPT)) : 0;
choose(Math.min(groups.length - 1, answered));
document.documentElement.classList.add("scripting");  // at the end: from now on every key is heard
