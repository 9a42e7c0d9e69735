// Toasts: what an act answers, with a button to undo it. A page draws them itself, an answer to htmx brings them in its headers
// (app/web/toasts.py), and scripts show their own: showToast("fear → surprise", { undo: () => … }). They go away by themselves, but
// not while somebody points at them or their button has the focus.

const SHOWN = 8000, WITH_UNDO = 16_000;            // ms
const place = () => document.getElementById("toasts");
const known = new WeakSet();                       // toasts that go away by themselves already

// `undo`: a function, or a form as { action, fields: [[name, value], …], words }.
export function showToast(words, { undo, href } = {}) {
  const toast = document.createElement("div");
  toast.className = "toast";
  const sentence = document.createElement("p");
  sentence.textContent = words;
  toast.append(sentence);
  if (undo) toast.append(typeof undo === "function" ? pressed(undo, toast) : sent(undo));
  if (href) sentence.append(" ", Object.assign(document.createElement("a"), { href, textContent: "Look" }));
  known.add(toast);
  place().replaceChildren(toast);
  stay(toast);
  return toast;
}

export const endToasts = () => place().replaceChildren();

function button(words) {
  return Object.assign(document.createElement("button"), { textContent: words });
}

function pressed(undo, toast) {
  const made = button("Undo");
  made.type = "button";
  made.addEventListener("click", () => { toast.remove(); undo(); });
  return made;
}

function sent({ action, fields, words }) {
  const form = Object.assign(document.createElement("form"), { method: "post", action });
  for (const [name, value] of fields) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  form.append(button(words));
  return form;
}

function stay(toast) {
  setTimeout(() => {
    if (toast.matches(":hover, :focus-within")) stay(toast);
    else toast.remove();
  }, toast.querySelector("form, button") ? WITH_UNDO : SHOWN);
}

document.addEventListener("toast", (event) => showToast(event.detail.words, event.detail));

function adopt() {                                 // the toast that a page was drawn with
  const drawn = place()?.firstElementChild;
  if (!drawn || known.has(drawn)) return;
  known.add(drawn);
  place().replaceChildren();                       // put in again, so that screen readers say it
  setTimeout(() => { place().append(drawn); stay(drawn); }, 50);
}

document.addEventListener("htmx:afterSwap", adopt);
adopt();
