// The secret of a one-time link follows # in its address, which a browser keeps to itself: it is sent in a form,
// and leaves the address and the history.
function send() {
  const form = document.querySelector("form[data-link]"), secret = location.hash.slice(1);
  if (!form || !secret) return;
  history.replaceState(null, "", location.pathname);
  form.elements.link.value = secret;
  form.requestSubmit();
}

addEventListener("hashchange", send);
send();
