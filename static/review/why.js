// Why this image is here: the reasons are loaded when a person asks for them, and so is this module. It owns the panel of the reasons
// and exports toggleReasons.

import { announce, currentCard } from "./deck.js";

export async function toggleReasons(link) {
  const card = link.closest(".card");
  const shown = card.querySelector(".why");
  link.setAttribute("aria-expanded", String(!shown));
  if (shown) {
    shown.remove();
    return;
  }
  const panel = document.createElement("section");
  panel.className = "why opinion";
  panel.setAttribute("aria-label", "Why this image");
  panel.textContent = "Loading…";
  card.querySelector(".stage").after(panel);
  try {
    const options = { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(15_000) };
    const response = await fetch(`${link.pathname}/why`, options);
    if (!response.ok || response.headers.has("HX-Redirect")) throw new Error("refused, or signed out");
    panel.innerHTML = await response.text();
    if (card === currentCard()) announce(panel.querySelector(".reasons")?.textContent ?? panel.textContent);
  } catch {
    panel.textContent = "This cannot be shown now; try again in a moment.";
  }
}
