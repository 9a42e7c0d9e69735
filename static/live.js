// Parts of a page that are fetched again every few seconds. They are replaced around the person who uses them: not while something
// in them is pressed, since the click would be lost, and what had the focus or was open in them has it again.

// What can be used in a part, by a name that stays the same: where it leads, its words, and which one of several alike it is.
function usable(part) {
  const found = new Map();
  for (const element of part.querySelectorAll("a[href], button, summary")) {
    const name = `${element.href ?? element.form?.action ?? ""} ${element.textContent.trim()}`;
    let place = 1;
    while (found.has(`${name} ${place}`)) place += 1;
    found.set(`${name} ${place}`, element);
  }
  return found;
}

let before = null;                                 // of the part that is being replaced: { id, focused, open }, names of what is in it

document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (part.querySelector(":active")) event.detail.shouldSwap = false;  // the next answer comes in a moment
  const all = [...usable(part)];
  const focused = all.find(([, element]) => element === document.activeElement)?.[0];
  before = { id: part.id, focused, open: all.filter(([, element]) => element.matches("[open] > summary")).map(([name]) => name) };
});

document.addEventListener("htmx:afterSwap", () => {
  const part = before && document.getElementById(before.id);
  if (!part) return;
  const all = usable(part);
  for (const name of before.open) if (all.has(name)) all.get(name).parentElement.open = true;
  if (before.focused) all.get(before.focused)?.focus({ preventScroll: true });
  before = null;
});
