// The deck owns the cards in the page: which one is shown, in which order they come, and which were answered or skipped here.
// It exports functions that look a card up, show it, remove it and put it back, and what every module uses: messages and ids.
// It tells the other modules of a new card with the event "cardshown".

export const CARDS_HELD = 6;                       // cards in the page, their images loaded
export const answered = [];                        // cards that were answered in this page, the newest last
export const skipped = new Set();                  // ids of the samples that were skipped in this page

export const review = () => document.getElementById("review");
export const cards = () => [...review().querySelectorAll(".card")];
export const currentCard = () => review()?.querySelector(".card:not([hidden])");
export const sampleOf = (card) => card.dataset.sample;
export const placeholder = () => document.getElementById("rest");  // stands where the card would be when there is none

let shownAt = 0;

export function newId() {  // crypto.randomUUID exists on https and localhost only
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function show(card) {
  for (const each of cards()) each.hidden = each !== card;
  placeholder().hidden = Boolean(card);
  review().classList.toggle("idle", !card);
  if (cardInAddress() !== (card && sampleOf(card))) nameInAddress(null);
  if (!card) return;
  card.querySelector("[name=client_id]").value = newId();
  shownAt = performance.now();
  card.dispatchEvent(new Event("cardshown", { bubbles: true }));
  announce(document.body.classList.contains("blind") ? "The next image" : card.dataset.said);
}

const cardInAddress = () => new URLSearchParams(location.search).get("card");

// The address names the card that was opened or came back with an undo, as long as it is shown. `sample`: null for none.
export function nameInAddress(sample) {
  if (cardInAddress() === sample) return;
  const url = new URL(location.href);
  for (const name of ["card", "undone"]) url.searchParams.delete(name);
  if (sample) url.searchParams.set("card", sample);
  history.replaceState(history.state, "", url);
}

export const millisecondsShown = () => Math.round(performance.now() - shownAt);

export function step(by) {
  const all = cards();
  const next = all[all.indexOf(currentCard()) + by];
  if (next) show(next);
}

export function cardAfter(card) {
  return card.nextElementSibling?.matches(".card") ? card.nextElementSibling : cards().find((each) => each !== card);
}

export function removeAndShowNext(card) {
  const next = cardAfter(card);
  card.remove();
  show(next);
}

export function putBack(card) {
  cards().find((each) => sampleOf(each) === sampleOf(card))?.remove();
  (cards()[0] ?? placeholder()).before(card);
  show(card);
}

export function addBeforeSkipped(card) {
  card.hidden = true;
  (cards().find((each) => skipped.has(sampleOf(each))) ?? placeholder()).before(card);
}

export function announce(words) {  // to screen readers
  document.getElementById("announce").textContent = words;
}

// `words`: a text or an element.
export function showMessage(words, kind = "message", label = "Close", action = undefined) {
  const line = document.createElement("p");
  line.className = kind;
  line.setAttribute("role", "alert");
  line.append(words, " ");
  const button = document.createElement("button");
  button.textContent = label;
  button.onclick = () => { removeMessage(); action?.(); };
  line.append(button);
  document.getElementById("messages").replaceChildren(line);
}

export function removeMessage() {
  document.getElementById("messages").replaceChildren();
}

export function removeNote() {  // it is read, or no longer true; refusals stay until they are closed
  document.querySelector("#messages .note")?.remove();
}
