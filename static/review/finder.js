// The dialog that finds a class by typing a part of its name. This module owns the dialog once it is open, and is loaded then
// (openFinder of keys.js); it exports showMatches.
// To choose a class is to click its button on the card. An admin can add a class that is not there.

import { currentCard } from "./deck.js";

const MAX_OPTIONS = 8;
const dialog = document.getElementById("find");
const input = document.getElementById("find-text");
const list = document.getElementById("find-list");
const problem = document.getElementById("find-problem");

// Names are compared whatever their case, spaces, Unicode form and signs that are not shown, as on the server
// (app/spelling.py).
const HIDDEN = /[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe00-\ufe0f\ufeff]/g;
const folded = (name) => {
  const plain = (name.replace(HIDDEN, "") || name).replace(/[\uff01-\uffef]+/g, (wide) => wide.normalize("NFKC"));
  const small = plain.normalize("NFD").toUpperCase().toLowerCase().normalize("NFD");
  return small.replace(/i\u0307+|\u0131/g, "i").normalize("NFC").trim().replace(/\s+/g, " ");
};

export function showMatches() {  // names that begin with the words come before those that contain them
  const words = folded(input.value);
  const matches = [];
  for (const button of currentCard().querySelectorAll(".class")) {
    const name = button.value.replace("relabel:", "");
    const at = folded(name).indexOf(words);
    if (at >= 0) matches.push({ button, name, isInside: at > 0 });
  }
  matches.sort((a, b) => a.isInside - b.isInside);
  const options = matches.slice(0, MAX_OPTIONS).map(makeOption);
  if (dialog.dataset.add && words && !matches.length) options.push(makeOffer(input.value.trim()));
  list.replaceChildren(...options);
  problem.textContent = "";
  select(words ? 0 : -1);
}

function makeOffer(name) {
  const offer = document.createElement("li");
  offer.id = "find-0";
  offer.textContent = `Add the class “${name}” and choose it`;
  offer.setAttribute("role", "option");
  offer.onclick = () => addClass(name);
  return offer;
}

async function addClass(name) {  // then the card has a button for it, as the next cards have from the server
  const headers = { "content-type": "application/json" };
  const sent = { method: "POST", headers, body: JSON.stringify({ name }) };
  const answer = await fetch(dialog.dataset.add, sent).catch(() => null);
  const told = await answer?.json().catch(() => null);
  if (!answer?.ok) {
    problem.textContent = told?.message ?? "The class could not be added. Try again.";
    return;
  }
  const button = currentCard().querySelector(".class").cloneNode(true);
  button.value = `relabel:${told.name}`;
  delete button.dataset.key;
  button.hidden = true;
  currentCard().querySelector(".classes").append(button);
  dialog.close();
  button.click();
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

function select(place) {  // after the last option comes the first; -1: none, so that Enter alone chooses nothing
  const options = [...list.children];
  const selected = place < 0 ? undefined : options[place % (options.length || 1)];
  for (const option of options) option.setAttribute("aria-selected", String(option === selected));
  if (selected) input.setAttribute("aria-activedescendant", selected.id);
  else input.removeAttribute("aria-activedescendant");
}

const selectedPlace = () => [...list.children].findIndex((option) => option.getAttribute("aria-selected") === "true");

input.addEventListener("input", showMatches);
input.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "ArrowDown") select(selectedPlace() + 1);
  else if (event.key === "ArrowUp") select((selectedPlace() > 0 ? selectedPlace() : list.children.length) - 1);
  else if (event.key === "Enter") list.children[selectedPlace()]?.click();
  else if (event.key === "Escape") dialog.close();  // now, so that the next key finds the deck again
  else return;
  event.preventDefault();
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
