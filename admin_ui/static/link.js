/* A link that works once: what stands behind the # is taken out of the address and sent by the form of the page
   (form[data-link]), whose one visible field it fills.  Without this file somebody pastes it there. */
"use strict";

(() => {
  const form = document.querySelector("form[data-link]");
  const value = location.hash.slice(1);
  if (!form || !value) return;
  history.replaceState(null, "", location.pathname);
  form.elements.namedItem("link").value = value;
  form.requestSubmit();
})();
