/* Passkeys on forms: <form data-passkey="get|create" data-options="..."> asks the browser when it is sent, and
   posts the answer in its field "credential".  Without WebAuthn it says so ([data-passkey-missing]); when the
   person or the browser says no, that ([data-passkey-failed]).  data-mediation="conditional" on a form of "get"
   also offers passkeys where the browser fills in names. */
"use strict";

(() => {
  const octets = (text) => {
    const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  };
  const text = (buffer) => {
    const binary = Array.from(new Uint8Array(buffer), (octet) => String.fromCharCode(octet)).join("");
    return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  /* What parseCreationOptionsFromJSON, parseRequestOptionsFromJSON and toJSON do, where there are none yet. */
  const binaryOptions = (options) => {
    const listed = (each) => ({ ...each, id: octets(each.id) });
    const binary = { ...options, challenge: octets(options.challenge) };
    if (options.user) binary.user = { ...options.user, id: octets(options.user.id) };
    if (options.excludeCredentials) binary.excludeCredentials = options.excludeCredentials.map(listed);
    if (options.allowCredentials) binary.allowCredentials = options.allowCredentials.map(listed);
    return binary;
  };
  const plainAnswer = (credential) => {
    const response = { clientDataJSON: text(credential.response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    if (credential.response.getTransports) response.transports = credential.response.getTransports();
    return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response };
  };

  const part = (form, name) => form.querySelector(`[${name}]`) || document.querySelector(`[${name}]`);
  const show = (form, name, shown) => {
    const element = part(form, name);
    if (element) element.hidden = !shown;
  };

  let waiting = null; /* what the browser's own list of names waits for; one request at a time is allowed */

  const ask = (form, more) => {
    const publicKey = binaryOptions(JSON.parse(form.dataset.options));
    const request = { publicKey, ...more };
    return form.dataset.passkey === "create"
      ? navigator.credentials.create(request)
      : navigator.credentials.get(request);
  };
  const send = (form, credential) => {
    form.elements.credential.value = JSON.stringify(plainAnswer(credential));
    HTMLFormElement.prototype.submit.call(form);
  };

  const submitted = async (form, button) => {
    if (waiting) waiting.abort();
    show(form, "data-passkey-failed", false);
    form.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      send(form, await ask(form, {}));
    } catch {
      form.removeAttribute("aria-busy");
      button.disabled = false;
      show(form, "data-passkey-failed", true);
      button.focus();
    }
  };

  const offer = async (form) => {
    const available = PublicKeyCredential.isConditionalMediationAvailable;
    if (!available || !(await available.call(PublicKeyCredential))) return;
    waiting = new AbortController();
    try {
      send(form, await ask(form, { mediation: "conditional", signal: waiting.signal }));
    } catch {
      /* nobody chose one, or the button was used instead */
    }
  };

  const begin = (form) => {
    const button = form.querySelector("button[type=submit], button:not([type])");
    if (!window.PublicKeyCredential || !navigator.credentials) {
      button.disabled = true;
      show(form, "data-passkey-missing", true);
      return;
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submitted(form, button);
    });
    if (form.dataset.passkey === "get" && form.dataset.mediation === "conditional") offer(form);
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) begin(form);

  /* Back from the next page: the old answer was used, and its challenge with it. */
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && document.querySelector("form[data-passkey]")) window.location.reload();
  });
})();
