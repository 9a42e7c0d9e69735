// The outbox owns what still has to reach the server. It sends the items one after another in their order, tries again when the
// network fails, and merges each answer of the server into the deck.
// It exports post, askForCards, withdraw and unsaved; an item is { url, body, card?, undone?, sent? }: `card` was answered with it,
// `undone` was put back for it, `sent` is an answer that is on its way already.

import { endToasts } from "../toasts.js";
import {
  CARDS_HELD, addBeforeSkipped, announce, answered, cards, currentCard, nameInAddress, placeholder, putBack, removeAndShowNext, removeMessage,
  review, sampleOf, show, showMessage, skipped,
} from "./deck.js";

const MAX_CARDS = 60;                              // the server gives no more
// ms between attempts to send an item: a minute, in which a server restarts or is upgraded
const PAUSES = [500, 1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000, 8000, 8000];
const TIMEOUT = 15_000;                            // ms for one attempt
const items = [];
const NEWS = 10_000;                               // ms that news stay
let sending = false;
let signedOut = false;

export const unsaved = () => items.length;

export function post(item) {
  item.body.set("queue", review().dataset.queue);
  item.body.set("hold", Math.min(MAX_CARDS, CARDS_HELD + skipped.size));
  items.push(item);
  showUnsaved();
  if (!sending && !signedOut) send();
}

export const asksAtOnce = () => Boolean(placeholder().querySelector("[data-at-once]"));

export function askForCards(sent = undefined) {
  post({ url: `/d/${review().dataset.name}/review/claims`, body: new URLSearchParams(), sent });
}

// Removes the newest item if it answers this card and no request carries it. Returns the item, or undefined.
export function withdraw(card) {
  const last = items.at(-1);
  const isOnItsWay = sending && items.length === 1;
  if (!card || last?.card !== card || isOnItsWay) return undefined;
  items.pop();
  showUnsaved();
  return last;
}

export function showUnsaved() {  // for styles and tests
  document.body.dataset.unsaved = items.length;
}

async function send() {
  sending = true;
  while (items.length) {
    const item = items[0];
    const outcome = await attempt(item);
    if (outcome === "wait") break;
    items.shift();
    showUnsaved();
    if (outcome === "refused") giveUp([item]);
    if (outcome === "lost") {
      const lost = [item, ...items.splice(0)];
      giveUp(lost);
      const many = lost.filter((each) => each.card).length;
      showMessage(`The server cannot be reached. ${many ? notSaved(many) : "Try again."}`);
    }
  }
  sending = false;
}

const notSaved = (many) => (many === 1
  ? "One answer was not saved; its card is shown again."
  : `${many} answers were not saved; their cards are shown again.`);

function giveUp(lost) {  // the cards are shown again as they were before these items
  if (lost[0].undone?.isConnected) removeAndShowNext(lost[0].undone);
  endToasts();
  for (const { card } of lost.toReversed()) {
    if (!card) continue;
    const place = answered.indexOf(card);
    if (place >= 0) answered.splice(place, 1);
    putBack(card);
  }
  showUnsaved();
}

// The samples whose cards the server need not send: in the deck, or answered and not saved yet.
function samplesHere() {
  const waiting = items.filter((each) => each.card).map((each) => each.card);
  const shown = currentCard() ? [currentCard()] : [];
  return new Set([...shown, ...cards(), ...waiting].map(sampleOf));  // the shown one first
}

// Sends one item. Returns "saved", "refused" (by the server), "lost" (no connection) or "wait" (until a person signs in).
async function attempt(item) {
  const have = samplesHere();
  if (item.card) have.delete(sampleOf(item.card));  // it leaves this page when it is saved
  item.body.set("have", [...have].join(" "));
  item.body.set("ranking", review().dataset.ranking);
  item.body.set("viewer", review().dataset.viewer);
  for (let tried = 0; ; tried += 1) {
    try {
      const response = (!tried && await item.sent) || await fetch(item.url, {
        method: "POST", body: item.body, headers: { "HX-Request": "true" },
        keepalive: true, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT),
      });
      const text = await response.text();
      if (response.ok) {
        if (tried) removeMessage();
        merge(text, item);
        return "saved";
      }
      if (response.status === 401) {
        waitForSignIn();
        return "wait";
      }
      if (response.status < 500 && response.status !== 429) {
        showMessage(`Not saved: ${parse(text).body.textContent.trim()}`);
        return "refused";
      }
    } catch { /* no connection, or too slow: try again */ }
    if (tried >= PAUSES.length) return "lost";
    if (tried >= 1) showMessage(`Not saved yet: ${items.length}. Trying again…`);
    await new Promise((done) => setTimeout(done, PAUSES[tried]));
  }
}

function waitForSignIn() {
  signedOut = true;
  const words = "You are signed out; your answers wait in this page. Sign in in another tab, then";
  showMessage(words, "message", "Go on", () => { signedOut = false; send(); });
}

// A ranking is named RUN.EPOCHS, and RUN.EPOCHS.ORDER when its order was learnt from answers, which comes every few cards.
const trained = (ranking) => ranking.split(".").slice(0, 2).join(".");

const parse = (html) => new DOMParser().parseFromString(html, "text/html");

// Merges the server's answer to an item into the page. The answer is a whole review: figures, new cards, last decisions.
// Meanwhile the person goes on, so the card that is shown stays, whatever the answer says of the others.
//   1. Undo: remove the card that was put back if the server has undone another decision.
//   2. Redo: remove the card that the server has answered again, and remember it for the next undo.
//   3. New ranking or order: remove the cards that wait, since they come from the one before; say so of a new ranking.
//   4. Replace the figures, also that of the tab, and the last decisions.
//   5. Remove the cards that are no longer this person's: the lease has ended, or somebody has decided them.
//   6. Add the new cards in front of the skipped ones, and show the one that an undo has brought back: a message and the address say so.
//   7. Replace the words that stand where no card is; show the first card if none is shown.
//   8. Ask again if no card is left although the server has some or counts some as here.
function merge(html, item) {
  const answer = parse(html).getElementById("review");
  if (!answer) return;
  const undoneSample = answer.dataset.undone;
  const { undone } = item;
  if (undone?.isConnected && undoneSample !== sampleOf(undone)) removeAndShowNext(undone);  // 1

  const redone = cards().find((card) => sampleOf(card) === answer.dataset.redone);  // 2
  if (redone) {
    removeAndShowNext(redone);
    answered.push(redone);
  }

  const { run, ranking } = review().dataset;  // 3
  if (ranking && answer.dataset.ranking !== ranking) {
    removeWaiting(() => true);
  }
  if (ranking && trained(answer.dataset.ranking) !== trained(ranking)) {
    const why = answer.dataset.run === run ? "has learnt more" : "is ready";
    showNews(`New order: ${answer.dataset.model} ${why}.`);
  }
  for (const name of ["run", "ranking"]) review().dataset[name] = answer.dataset[name];

  for (const id of ["status", "tray"]) document.getElementById(id).replaceWith(answer.querySelector(`#${id}`));  // 4

  countInTab(answer.dataset.remaining);

  const gone = (answer.dataset.gone ?? "").split(" ");  // 5
  removeWaiting((card) => gone.includes(sampleOf(card)));

  const here = samplesHere();  // 6
  for (const card of answer.querySelectorAll(".card")) {
    const isBack = sampleOf(card) === undoneSample;
    const old = isBack && cards().find((each) => sampleOf(each) === undoneSample);
    if (old && old !== undone) old.remove();  // it shows the answer that was undone
    else if (here.has(sampleOf(card))) continue;
    addBeforeSkipped(card);
    card.querySelector("img").decode().catch(() => {});  // now, so that it is there when the card is shown
    if (isBack) putBack(card);
  }
  if (undoneSample && currentCard() && sampleOf(currentCard()) === undoneSample) {
    nameInAddress(undoneSample);
    showMessage(answer.querySelector("template").content.cloneNode(true), "note");
  }

  placeholder().replaceWith(answer.querySelector("#rest"));  // 7
  if (!currentCard()) show(cards()[0]);
  placeholder().hidden = Boolean(currentCard());
  if (!currentCard()) announce(placeholder().querySelector("h2")?.textContent ?? "");

  const isMore = !answer.classList.contains("idle") || asksAtOnce();  // 8
  if (!currentCard() && isMore && items.length < 2) askForCards();
  document.dispatchEvent(new Event("merged"));
}

function countInTab(remaining) {  // as every page draws it; an empty one is not drawn
  const tab = document.querySelector(".tabs [aria-current]");
  const made = Object.assign(document.createElement("span"), { className: "count", textContent: remaining });
  tab.querySelector(".count")?.remove();
  if (remaining) tab.append(made);
}

function showNews(words) {
  const line = document.getElementById("news");
  line.textContent = words;
  line.hidden = false;
  setTimeout(() => { line.hidden = true; }, NEWS);
}

function removeWaiting(isRemoved) {
  for (const card of cards()) if (card !== currentCard() && isRemoved(card)) card.remove();
}
