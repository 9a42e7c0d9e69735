// Which key presses are for the page, as far as the review and the grid agree. It owns the choice to switch keys off, which this
// browser remembers, and exports functions that ask for it and change it.

export const keysAreOn = () => !localStorage.keysOff;

export function switchKeys(on) {
  if (on) delete localStorage.keysOff;
  else localStorage.keysOff = "1";
}

export const isForPage = (event) => keysAreOn() && !event.altKey && !event.isComposing;  // isComposing: a word is being typed

export const openPopover = () => document.querySelector(":popover-open, dialog[open]");
