// The grid: Shift+click marks a range, Ctrl+A all that match, the verdicts have the deck's keys. Without this file the
// check boxes and buttons do the same.

const form = document.getElementById("marks");
const boxes = () => [...form.querySelectorAll("[name=samples]")];
const everything = document.getElementById("everything");
const count = document.getElementById("count");
let last = null;                                   // the box marked before, where a range begins

function tell() {
  const marked = boxes().filter((box) => box.checked).length;
  form.classList.toggle("everything", everything.checked);
  if (everything.checked) count.textContent = everything.closest("label").lastChild.textContent.trim().replace(/^a/, "A");
  else count.textContent = marked ? `${marked} marked` : "None marked";
}

function mark(on) {
  for (const box of boxes()) box.checked = on;
  everything.checked = false;
  tell();
}

form?.addEventListener("click", (event) => {
  const box = event.target;
  if (box.name !== "samples") return;
  if (event.shiftKey && last) {
    const all = boxes();
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const each of all.slice(from, to + 1)) each.checked = box.checked;
  }
  last = box;
});
form?.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); });  // marks no text
form?.addEventListener("change", (event) => {
  if (event.target.name === "samples") everything.checked = false;
  tell();
});
form?.addEventListener("submit", (event) => {
  const some = everything.checked || boxes().some((box) => box.checked) || event.submitter?.matches("[data-rest]");
  if (some) return;
  event.preventDefault();
  count.textContent = "Mark some first";
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
  if (event.shiftKey && at >= 0) { all[at].checked = next.checked = true; everything.checked = false; tell(); }
  next.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.isComposing || localStorage.keysOff) return;
  if (event.target.matches("input:not([type=checkbox]), select, textarea") || document.querySelector(":popover-open, dialog[open]")) return;
  const name = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (name === "a" && form) { event.preventDefault(); everything.checked = true; tell(); }
    else if (name === "z" && !event.shiftKey) { event.preventDefault(); document.querySelector("[data-undo]")?.click(); }
    return;
  }
  if (name.startsWith("arrow") && form) return walk(event);
  if (event.repeat) return;
  if (name === "escape" && form) return mark(false);
  if (name === "g") { location.href = document.querySelector(".tabs a[href$='/review']").href; return; }
  if (name === "z" && !event.shiftKey) { document.querySelector("[data-undo]")?.click(); return; }
  if (!event.shiftKey) form?.querySelector(`[data-keys~="${CSS.escape(name)}"]`)?.click();
});

document.documentElement.classList.add("scripting");
document.querySelector(".filters")?.addEventListener("change", (event) => { if (event.target.matches("select, [type=checkbox]")) event.currentTarget.requestSubmit(); });
document.querySelector(".filters")?.addEventListener("formdata", (event) => {  // the address says only what matters
  const plain = { order: "rank", size: "48" };
  for (const [field, value] of [...event.formData]) if (!value || plain[field] === value) event.formData.delete(field);
});
if (form) tell();
