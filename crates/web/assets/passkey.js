// Passkeys: the browser's half of what crates/web/src/passkey.rs begins and ends.
//
// A form with data-passkey ("create" or "get") holds the server's challenge in data-options. A press
// of its button asks the authenticator, puts the answer into the hidden field "credential" and
// sends the form as any other. Nothing here talks to the server by itself.
"use strict";

(() => {
  const toBytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
  };
  const toText = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");

  /** The server's options with bytes where the browser wants bytes. */
  function readable(options) {
    const keys = options.publicKey;
    keys.challenge = toBytes(keys.challenge);
    if (keys.user) keys.user.id = toBytes(keys.user.id);
    for (const name of ["allowCredentials", "excludeCredentials"]) {
      if (keys[name]) keys[name] = keys[name].map((one) => ({ ...one, id: toBytes(one.id) }));
    }
    return options;
  }

  /** The authenticator's answer as JSON. */
  function answer(credential) {
    const { response } = credential;
    const parts = { clientDataJSON: toText(response.clientDataJSON) };
    if (response.attestationObject) {
      parts.attestationObject = toText(response.attestationObject);
    } else {
      parts.authenticatorData = toText(response.authenticatorData);
      parts.signature = toText(response.signature);
      parts.userHandle = response.userHandle ? toText(response.userHandle) : null;
    }
    return JSON.stringify({
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      response: parts,
    });
  }

  function prepare(form) {
    const status = form.querySelector("[data-passkey-status]");
    const button = form.querySelector("button");
    if (!window.PublicKeyCredential || !navigator.credentials) {
      status.textContent = form.dataset.unable;
      return;
    }
    button.hidden = false;
    status.textContent = form.dataset.ready;
    let busy = false;
    form.addEventListener("submit", async (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      if (busy) return;
      busy = true;
      status.textContent = form.dataset.waiting;
      try {
        const options = readable(JSON.parse(form.dataset.options));
        const credential =
          form.dataset.passkey === "create"
            ? await navigator.credentials.create(options)
            : await navigator.credentials.get(options);
        form.elements.credential.value = answer(credential);
        form.submit();
      } catch (error) {
        status.textContent = form.dataset.failed;
        busy = false;
      }
    });
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) prepare(form);
  // What somebody has just proved they want goes on without another press.
  for (const form of document.querySelectorAll("form[data-continue]")) form.requestSubmit();
})();
