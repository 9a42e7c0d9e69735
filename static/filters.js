// The filters of the images: a choice is applied at once. Without this file a button applies them.

document.addEventListener("change", (event) => {
  if (event.target.matches(".filters select, .filters [type=checkbox]")) event.target.form.requestSubmit();
});
document.addEventListener("formdata", (event) => {  // the address says only what matters
  if (!event.target.matches(".filters")) return;
  const plain = { order: "rank", size: "48", pictures: "medium" };
  for (const [field, value] of [...event.formData]) {
    if (!value || plain[field] === value) event.formData.delete(field);
  }
});
document.documentElement.classList.add("scripting");  // what only works without this file is hidden
