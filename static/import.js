// The form of an import. Name and file are checked before anything is sent; then the upload shows its
// progress and can be cancelled. A folder is packed to a zip here, without compression. Whatever is refused,
// the form and the chosen file stay. Without this script the form is sent as it is, and the server says the
// same after it.
import { pack } from "./pack.js";

const STARTS = 512;  // bytes that tell what a file is
const MB = 1e6;

const count = (number) => number.toLocaleString("en");
const megabytes = (bytes) => `${count(Math.max(1, Math.round(bytes / MB)))} MB`;
const size = (bytes) => bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : megabytes(bytes);
const span = (seconds) => seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;

// The name of a data set that a file's name proposes: letters, digits, dots, hyphens and underscores.
export const proposed = (filename) => filename.replace(/\.(zip|parquet)$/i, "")
  .normalize("NFKD").replace(/[^\w.-]+/g, "-")
  .replace(/-{2,}/g, "-").replace(/^[^a-z0-9]+|[-.]+$/gi, "").slice(0, 64);

async function inFolder(entry, path = "") {  // every file of a dropped folder as { path, file }
  const here = `${path}${entry.name}`;
  if (entry.isFile) return [{ path: here, file: await new Promise((done, fail) => entry.file(done, fail)) }];
  const reader = entry.createReader(), found = [];
  for (;;) {  // a browser lists a folder in parts
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    for (const each of some) found.push(...await inFolder(each, `${here}/`));
  }
}

// Calls `use` with what a person drops on `place`: { file } for one file, { name, files } for a folder or
// several things.
export function droppedIn(place, use) {
  const carriesFiles = (event) => [...event.dataTransfer?.types ?? []].includes("Files");
  const show = (isOver) => document.body.classList.toggle("dropping", isOver);
  place.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(true);
  });
  place.addEventListener("dragleave", (event) => { if (!event.relatedTarget) show(false); });
  place.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(false);
    const files = [...event.dataTransfer.files];
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (files.length === 1 && (!entries.length || entries[0].isFile)) { use({ file: files[0] }); return; }
    const found = (await Promise.all(entries.map((entry) => inFolder(entry)))).flat();
    if (found.length) use({ name: entries.length === 1 ? entries[0].name : "images", files: found });
  });
}

export function begin(form, dropped = null) {
  const field = (name) => form.elements.namedItem(name);
  field("name").removeAttribute("pattern");  // a sentence at the field says more
  const told = (name) => document.getElementById(`problem-${name}`);
  const fields = form.querySelector("[data-fields]"), sending = form.querySelector("[data-sending]");
  const said = form.querySelector("[data-said]"), bar = sending.querySelector("progress");
  const drop = form.querySelector("[data-drop]"), folder = drop.querySelector("[data-folder]");
  let chosen = null;       // what is sent as the file, where the field of the form cannot hold it
  let stop = () => {};     // ends what goes on
  let isBusy = false;
  let namedByFile = !field("name").value;

  const file = () => chosen ?? field("file").files[0] ?? null;

  function show(problems) {  // by field; returns whether there is none
    for (const paragraph of form.querySelectorAll(".problem")) {
      const name = paragraph.id.replace("problem-", ""), words = problems[name] ?? "";
      paragraph.textContent = words;
      if (words) field(name)?.setAttribute("aria-invalid", "true");
      else field(name)?.removeAttribute("aria-invalid");
    }
    const first = Object.keys(problems).find((name) => problems[name]);
    if (!first) return true;
    field(first)?.closest("details")?.setAttribute("open", "");
    field(first)?.focus();
    return false;
  }

  const problemsIn = (page) => Object.fromEntries([...page.querySelectorAll(".problem")]
    .map((each) => [each.id.replace("problem-", ""), each.textContent.trim()]).filter(([, words]) => words));

  async function checked(what) {  // what the server says against the name and the file before it has them
    const asked = new URLSearchParams();
    if (what.includes("name") && field("name").value) asked.set("name", field("name").value);
    if (what.includes("file") && file()) {
      const start = new Uint8Array(await file().slice(0, STARTS).arrayBuffer());
      asked.set("file", file().name.slice(-250));
      asked.set("size", file().size);
      asked.set("start", [...start].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
    }
    try {
      const answer = await fetch(`${form.getAttribute("action")}?${asked}`);
      if (!answer.ok) return {};
      return problemsIn(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      return {};  // the server says what is wrong once it has everything
    }
  }

  const working = (is) => { isBusy = is; fields.inert = is; sending.hidden = !is; };
  const tell = (words, done = null) => {
    said.textContent = words;
    if (done === null) bar.removeAttribute("value"); else bar.value = done;
  };

  async function choose(what) {
    if (what.files) {
      const packing = new AbortController();
      stop = () => packing.abort();
      working(true);
      try {
        const zip = await pack(what.files, packing.signal, (done, all) => {
          tell(`Packing the folder: ${size(done)} of ${size(all)}`, all ? done / all : null);
        });
        chosen = new File([zip], `${what.name}.zip`, { type: "application/zip" });
      } catch (error) {
        if (error.name !== "AbortError") show({ file: error.message });
        return;
      } finally { working(false); }
    } else if (what.file) {
      chosen = what.file;
      try {  // the field shows it, and the form can be sent without this script
        const carried = new DataTransfer();
        carried.items.add(chosen);
        field("file").files = carried.files;
      } catch { /* an old browser: it is sent all the same */ }
    }
    if (!file()) return;
    if (what.files) field("file").value = "";
    drop.querySelector("[data-chosen]")?.remove();
    if (what.files) {
      const words = document.createElement("p");
      words.dataset.chosen = "";
      words.textContent = `${what.name}: ${count(what.files.length)} files, ${size(chosen.size)}`;
      drop.append(words);
    }
    if (namedByFile) field("name").value = proposed(file().name);
    show(await checked(["name", "file"]));
  }

  function send() {
    const data = new FormData(form);
    data.delete("file");
    if (file()) data.append("file", file(), file().name);  // behind the fields, which are checked first
    const request = new XMLHttpRequest(), began = performance.now();
    stop = () => request.abort();
    working(true);
    tell("Sending …", 0);
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      const left = (performance.now() - began) / 1000 / loaded * (total - loaded);
      const pace = left > 1 ? `, about ${span(left)} left` : "";
      const more = loaded === total ? ": the server reads the zip" : pace;
      tell(`${size(loaded)} of ${size(total)} sent${more}`, loaded === total ? null : loaded / total);
    });
    request.addEventListener("load", () => {
      if (request.status < 400) { isBusy = false; location.assign(request.responseURL); return; }
      working(false);
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      keep(page);
      const problems = problemsIn(page);
      const message = page.querySelector(".message, h1 + p, main p")?.textContent.trim();
      const isTold = Object.keys(problems).length > 0;
      if (!isTold) problems.file = message || "The server could not take this; try again.";
      show(problems);
    });
    request.addEventListener("error", () => {
      working(false);
      show({ file: "The connection was lost; the form and the file are as they were. Try again." });
    });
    request.addEventListener("abort", () => working(false));
    request.open("POST", form.getAttribute("action"));
    request.send(data);
  }

  function keep(page) {  // what has arrived need not be sent again
    const theirs = page.querySelectorAll("[data-kept]");
    form.querySelectorAll("[data-kept]").forEach((mine, place) => {
      const arrived = theirs[place]?.querySelector("input");
      if (!arrived) return;
      mine.replaceWith(theirs[place]);
      if (arrived.name === "stored") {
        chosen = null;
        field("file").value = "";
        drop.querySelector("[data-chosen]")?.remove();
      }
      if (arrived.name === "stored_labels") field("labels").value = "";
    });
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy) return;  // a second click: it is sent once
    isBusy = true;
    const isFine = show(await checked(["name", "file"]));
    isBusy = false;
    if (isFine) send();
  });
  field("file").addEventListener("change", () => { chosen = null; choose({}); });
  field("name").addEventListener("input", () => { namedByFile = !field("name").value; });
  field("name").addEventListener("change", async () => {
    const problems = await checked(["name"]);
    told("name").textContent = problems.name ?? "";
  });
  form.querySelector("[data-cancel]").addEventListener("click", () => stop());
  window.addEventListener("beforeunload", (event) => { if (isBusy) event.preventDefault(); });
  fields.prepend(drop.parentElement);  // the file proposes the name
  folder.parentElement.hidden = false;
  folder.addEventListener("click", () => {
    const input = document.createElement("input");
    input.type = "file";
    input.webkitdirectory = true;
    input.addEventListener("change", () => {
      const files = [...input.files].map((each) => ({ path: each.webkitRelativePath, file: each }));
      if (files.length) choose({ name: files[0].path.split("/")[0], files });
    });
    input.click();
  });
  droppedIn(document, choose);
  if (dropped) choose(dropped);
}

const form = document.getElementById("import-form");
if (form) begin(form);
