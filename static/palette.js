// The command palette (Ctrl+K) and the list of keys (?). It is loaded when somebody asks for one of them. Without it, /go is a page
// with the same list.

import { keysAreOn, switchKeys } from "./keyboard.js";

const TYPING = 150;                                // ms without a key, after which images are looked for
const dataset = new URLSearchParams(document.querySelector(".go")?.search).get("dataset") ?? "";
let dialog, input, list;
let places = [], images = [], shown = [], chosen = 0, timer = 0;

function build() {
  dialog = document.createElement("dialog");
  dialog.className = "find palette";
  dialog.setAttribute("aria-label", "Go to");
  dialog.innerHTML = `<input type="text" role="combobox" aria-label="A page, a model, an image or an action" aria-controls="palette-list"
    aria-expanded="true" aria-autocomplete="list" autocomplete="off" maxlength="200"
    placeholder="Type a part of its name, then Enter"><ul id="palette-list" role="listbox" aria-label="Found"></ul>`;
  const styles = { rel: "stylesheet", href: new URL("palette.css", import.meta.url).href };
  document.head.append(Object.assign(document.createElement("link"), styles));
  document.body.append(dialog);
  [input, list] = dialog.children;
  input.addEventListener("input", () => {
    filter();
    clearTimeout(timer);
    timer = setTimeout(lookForImages, TYPING);
  });
  input.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) { event.preventDefault(); choose((chosen + by + shown.length) % (shown.length || 1)); }
    if (event.key === "Enter") { event.preventDefault(); go(shown[chosen]); }
  });
  list.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (item) go(shown[[...list.children].indexOf(item)]);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

// What the server lists, as { kind, words, url, theme }.
async function targets(text) {
  const query = new URLSearchParams({ ...(dataset && { dataset }), ...(text && { text }) });
  try {
    const answer = await fetch(`/go?${query}`, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return [];
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return [...page.querySelectorAll("li")].map((item) => {
      const link = item.querySelector("a");
      return { kind: item.dataset.kind, theme: item.dataset.theme, words: link.textContent, url: link.getAttribute("href") };
    });
  } catch {
    return [];                                     // the server is out of reach: nothing is found
  }
}

async function lookForImages() {
  const text = input.value.trim();
  const found = dataset && text.length > 1 ? await targets(text) : [];
  if (text !== input.value.trim()) return;         // somebody typed on
  images = found.filter((each) => each.kind === "Image");
  filter();
}

function filter() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ words: text }) => words.every((word) => text.toLowerCase().includes(word));
  const isFirst = ({ words: text }) => text.toLowerCase().startsWith(words[0] ?? "");
  const found = places.filter(fits);
  shown = [...found.filter(isFirst), ...found.filter((each) => !isFirst(each)), ...images.filter(fits)];
  list.replaceChildren(...shown.map(({ words: text, kind }, i) => {
    const item = Object.assign(document.createElement("li"), { id: `target-${i}`, textContent: text });
    item.setAttribute("role", "option");
    item.append(" ", Object.assign(document.createElement("small"), { textContent: kind }));
    return item;
  }));
  choose(0);
}

function choose(place) {
  chosen = place;
  for (const [i, item] of [...list.children].entries()) item.setAttribute("aria-selected", String(i === place));
  const item = list.children[place];
  item?.scrollIntoView({ block: "nearest" });
  if (item) input.setAttribute("aria-activedescendant", item.id);
  else input.removeAttribute("aria-activedescendant");
}

function go(target) {
  if (!target) return;
  dialog.close();
  if (target.act) target.act();
  else if (target.theme) document.querySelector(`.themes [value=${target.theme}]`).click();
  else location.href = target.url;
}

// `text`: what was typed before it was there.
export async function openPalette(text = "") {
  if (!dialog) build();
  if (dialog.open) return;
  input.value = text;
  images = [];
  filter();
  dialog.showModal();
  places = [...await targets(""), { kind: "Action", words: "Keys of this page", act: showKeys }];
  filter();
  if (text) lookForImages();
}

// ---- the keys of this page

const EVERYWHERE = [["Go to a page, a model or an image", "Ctrl K"], ["This list", "?"]];

// A page lists its own keys in <template id="page-keys">, as rows of a table; the review has a sheet of its own.
export function showKeys() {
  const own = document.getElementById("keys") ?? buildKeys();
  own.togglePopover();
}

function buildKeys() {
  const sheet = Object.assign(document.createElement("div"), { id: "keys", className: "keys", popover: "auto" });
  const rows = EVERYWHERE.map(([does, key]) => `<tr><th scope="row">${does}</th><td><kbd>${key}</kbd></td></tr>`).join("");
  sheet.innerHTML = `<h2>Keys</h2><table><tbody>${document.getElementById("page-keys")?.innerHTML ?? ""}${rows}</tbody></table>
    <label class="switch"><input type="checkbox"> Keys are on in this browser</label>
    <p class="actions"><button type="button" popovertarget="keys" popovertargetaction="hide">Close</button></p>`;
  const box = sheet.querySelector("[type=checkbox]");
  box.checked = keysAreOn();
  box.addEventListener("change", () => switchKeys(box.checked));
  document.body.append(sheet);
  return sheet;
}
