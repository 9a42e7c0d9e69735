// What a person does with the cards: decide, skip, undo, redo. The deck shows the result at once, the outbox tells the server.

import { endToasts, showToast } from "../toasts.js";
import {
  CARDS_HELD, answered, cardAfter, cards, millisecondsShown, newId, placeholder, putBack, removeAndShowNext, removeNote, sampleOf, show,
  skipped,
} from "./deck.js";
import { askForCards, post, withdraw } from "./outbox.js";

const toRedo = [];                                 // { card, answer } that never left this page, or null: the server knows it

function inWords(answer, given) {  // `given`: undefined where it is not shown
  const [verdict, ...rest] = answer.split(":");
  const label = rest.join(":");
  if (verdict === "keep" || label === given) return `Kept ${given}`;
  if (verdict === "relabel") return given === undefined ? label : `${given} → ${label}`;
  const what = verdict === "delete" ? "Deleted" : "Unsure";
  return given === undefined ? what : `${what}: ${given}`;
}

export function decide(card, answer) {
  const form = card.querySelector("form");
  const body = new URLSearchParams(new FormData(form));
  body.set("answer", answer);
  body.set("milliseconds", millisecondsShown());
  skipped.delete(sampleOf(card));
  removeNote();
  removeAndShowNext(card);
  answered.push(card);
  showToast(inWords(answer, card.dataset.given), { undo });
  post({ url: form.action, body, card });
}

export function skip(card) {  // to the end of the deck
  const next = cardAfter(card) ?? card;
  skipped.add(sampleOf(card));
  placeholder().before(card);
  show(next);
  const fresh = cards().filter((each) => !skipped.has(sampleOf(each)));
  if (fresh.length < CARDS_HELD / 2) askForCards();
}

export function undo() {
  endToasts();
  const card = answered.pop();
  if (card) putBack(card);
  const unsent = withdraw(card);
  if (unsent) {
    toRedo.push({ card, answer: unsent.body.get("answer") });
    return;
  }
  toRedo.push(null);
  post({ url: document.getElementById("undo").action, body: new URLSearchParams({ client_id: newId() }), undone: card });
}

// Undoes this decision of the card that is shown, which need not be the last one. The server sends the card as it is then.
export function undoDecision(decision) {
  toRedo.push(null);
  post({ url: document.getElementById("undo").action, body: new URLSearchParams({ client_id: newId(), decision }) });
}

export function redo() {
  const last = toRedo.pop();
  removeNote();
  if (!last) {
    post({ url: document.getElementById("redo").action, body: new URLSearchParams({ client_id: newId() }) });
  } else if (last.card.isConnected) {  // else it has left the page meanwhile
    decide(last.card, last.answer);
  }
}

export function forgetRedo() {  // a new answer ends what can be redone
  toRedo.length = 0;
}
