// A button on each piece of code and on each secret that copies it.
for (const code of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {  // a page without TLS: the browser lets nothing else copy
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  (code.previousElementSibling ?? code.parentElement.previousElementSibling).append(button);
}

// The lines name the file of the version that is chosen.
const version = document.querySelector("select[data-file]");
version?.addEventListener("change", () => {
  const { file, number } = version.dataset, before = file + (version.dataset.shown ?? number);
  version.dataset.shown = version.value === "now" ? number : version.value;
  const after = file + version.dataset.shown;
  for (const lines of document.querySelectorAll("[data-file]:not(select)")) {
    lines.textContent = lines.textContent.replaceAll(before, after);
  }
});
