// The dialog that finds a class by typing a part of its name. This module owns the dialog; it exports openFinder.
// To choose a class is to click its button on the card.

import { currentCard } from "./deck.js";

const MAX_OPTIONS = 8;
const dialog = document.getElementById("find");
const input = document.getElementById("find-text");
const list = document.getElementById("find-list");

// Names are compared whatever their case, spaces and Unicode form, as on the server (app/spelling.py).
const folded = (name) =>
  name.normalize("NFD").toUpperCase().toLowerCase().normalize("NFC").trim().replace(/\s+/g, " ");

export function openFinder() {
  if (!currentCard()) return;
  input.value = "";
  dialog.showModal();
  showMatches();
}

function showMatches() {  // names that begin with the words come before those that contain them
  const words = folded(input.value);
  const matches = [];
  for (const button of currentCard().querySelectorAll(".class")) {
    const name = button.value.replace("relabel:", "");
    const at = folded(name).indexOf(words);
    if (at >= 0) matches.push({ button, name, isInside: at > 0 });
  }
  matches.sort((a, b) => a.isInside - b.isInside);
  list.replaceChildren(...matches.slice(0, MAX_OPTIONS).map(makeOption));
  select(0);
}

function makeOption({ button, name }, place) {
  const option = document.createElement("li");
  option.id = `find-${place}`;
  option.textContent = name;
  option.setAttribute("role", "option");
  option.onclick = () => {
    dialog.close();
    button.click();
  };
  return option;
}

function select(place) {  // after the last option comes the first
  const options = [...list.children];
  const selected = options.at(place % (options.length || 1));
  for (const option of options) option.setAttribute("aria-selected", String(option === selected));
  if (selected) input.setAttribute("aria-activedescendant", selected.id);
  else input.removeAttribute("aria-activedescendant");
}

const selectedPlace = () => [...list.children].findIndex((option) => option.getAttribute("aria-selected") === "true");

input.addEventListener("input", showMatches);
input.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown") select(selectedPlace() + 1);
  else if (event.key === "ArrowUp") select(selectedPlace() - 1);
  else if (event.key === "Enter") list.children[selectedPlace()]?.click();
  else if (event.key === "Escape") dialog.close();  // now, so that the next key finds the deck again
  else return;
  event.preventDefault();
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
