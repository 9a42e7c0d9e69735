// Home: what is dropped anywhere on the page goes into the form of an import, which is loaded into the page,
// since a file does not survive a change of the address.
import { begin, droppedIn } from "./import.js";

const FORM = "/datasets/new";

async function open(files) {
  const answer = await fetch(FORM);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const form = page.getElementById("import-form");
  if (!answer.ok || !form) { location.href = FORM; return; }
  document.querySelector("main").replaceWith(page.querySelector("main"));
  document.title = page.title;
  history.pushState(null, "", FORM);
  window.addEventListener("popstate", () => location.reload());
  begin(document.getElementById("import-form"), files);
}

droppedIn(document, open);
