// The name is checked before a large zip is sent; without this script the server says the same after it.
const form = document.getElementById("import-form");

async function problemOf() {
  try {
    const answer = await fetch(`/datasets/new?${new URLSearchParams({ name: form.elements.name.value })}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.getElementById("problem-name")?.textContent ?? "";
  } catch {
    return "";  // the server says what is wrong once it has everything
  }
}

function show(problem) {
  document.getElementById("problem-name").textContent = problem;
  form.elements.name.setAttribute("aria-invalid", String(Boolean(problem)));
}

let isChecked = false, isChecking = false;
form.addEventListener("submit", async (event) => {
  if (isChecked || !form.elements.file.files.length) return;
  event.preventDefault();
  if (isChecking) return;  // a second click: the zip is sent once
  isChecking = true;
  const problem = await problemOf();
  isChecking = false;
  show(problem);
  if (problem) { form.elements.name.focus(); return; }
  isChecked = true;
  form.requestSubmit();
  isChecked = false;
});
