// Forms that only ask need no button: a choice is sent at once, what is typed after a moment. Where data-asks
// has the selector of a part, the answer replaces that part, so that the typing goes on; else it is the next
// page.
const PAUSE = 250;  // ms without a key

async function ask(form) {
  const address = `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;
  if (!form.dataset.asks) { location.assign(address); return; }
  const answer = await fetch(address);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const part = page.querySelector(form.dataset.asks);
  if (!answer.ok || !part) { location.assign(address); return; }
  document.querySelector(form.dataset.asks).replaceWith(part);
  history.replaceState(null, "", address);
}

for (const form of document.querySelectorAll("form[data-asks]")) {
  for (const button of form.querySelectorAll("button")) button.hidden = true;
  let waits = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(waits);
    waits = setTimeout(() => ask(form), event.target.type === "search" ? PAUSE : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waits);
    ask(form);
  });
}
