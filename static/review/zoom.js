// Zoom and position of the image, which stay from card to card. This module owns both, and the mouse in the image's frame.
// It exports zoomBy.

import { currentCard, review } from "./deck.js";

const MAX_ZOOM = 16;
const view = { zoom: 1, x: 0, y: 0 };              // x, y: where the image's corner is, in widths and heights of the frame

const between = (low, value, high) => Math.min(high, Math.max(low, value));

function setView(zoom, x, y) {
  view.zoom = between(1, zoom, MAX_ZOOM);
  view.x = between(1 - view.zoom, x, 0);  // no edge of the image comes into the frame
  view.y = between(1 - view.zoom, y, 0);
  const { style } = review();
  style.setProperty("--zoom", view.zoom);
  style.setProperty("--pan-x", view.x);
  style.setProperty("--pan-y", view.y);
  review().classList.toggle("zoomed", view.zoom > 1);
  document.getElementById("zoom").textContent = `${Math.round(100 * view.zoom)} %`;
  if (currentCard()) loadOriginal(currentCard());
}

export function zoomBy(factor, x = 0.5, y = 0.5) {  // the point (x, y) of the frame stays where it is
  const by = between(1, view.zoom * factor, MAX_ZOOM) / view.zoom;
  setView(view.zoom * by, x - (x - view.x) * by, y - (y - view.y) * by);
}

function loadOriginal(card) {  // zoomed in, the original shows more than the size that fits the page
  const image = card.querySelector("img");
  const url = image.dataset.original;
  if (view.zoom === 1 || !url) return;
  delete image.dataset.original;
  const original = new Image();
  original.src = url;
  original.decode().then(() => { image.src = url; }).catch(() => {});
}

function pointInFrame(event) {  // from 0 to 1 in both directions
  const box = event.target.closest(".frame").getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

document.addEventListener("cardshown", (event) => loadOriginal(event.target));

document.addEventListener("wheel", (event) => {
  if (!review()?.contains(event.target) || !event.target.closest(".frame")) return;
  event.preventDefault();
  zoomBy(Math.exp(-event.deltaY * 0.002), ...pointInFrame(event));
}, { passive: false });

document.addEventListener("dblclick", (event) => {
  if (!review() || !event.target.closest(".frame")) return;
  if (view.zoom > 1) setView(1, 0, 0);
  else zoomBy(3, ...pointInFrame(event));
});

document.addEventListener("pointerdown", (event) => {
  const frame = review() && view.zoom > 1 && event.target.closest(".frame");
  if (!frame) return;
  frame.setPointerCapture(event.pointerId);
  let [x, y] = pointInFrame(event);
  const move = (moved) => {
    const [toX, toY] = pointInFrame(moved);
    setView(view.zoom, view.x + toX - x, view.y + toY - y);
    [x, y] = [toX, toY];
  };
  frame.addEventListener("pointermove", move);
  frame.addEventListener("lostpointercapture", () => frame.removeEventListener("pointermove", move), { once: true });
});
