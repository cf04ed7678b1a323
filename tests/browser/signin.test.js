// Passkeys and the second factor, as a person with a browser meets them. The authenticator is
// Chromium's virtual one (the DevTools protocol's WebAuthn domain).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open } from "./world.js";

let world;
let person;

before(async () => {
  world = await open();
  [person] = world.ready.sign_ins;
});
after(() => world?.close());

/** A visitor at the name under which passkeys work, with an authenticator that says yes. */
async function visitor() {
  const page = await world.visitor({ baseURL: world.address.replace("127.0.0.1", "localhost") });
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { page, devtools, authenticatorId };
}

async function byPassword(page) {
  await page.goto("/sign-in");
  await page.locator("#f-name").fill(person.name);
  await page.locator("#f-password").fill(person.password);
  await page.keyboard.press("Enter");
  await page.locator(".account-menu").waitFor();
}

/** Somebody who overheard a good answer sends it again: as it was, and for a challenge of his own. */
async function replayed(page, sent) {
  const thief = await page.context().browser().newContext({ baseURL: new URL(page.url()).origin, locale: "ja-JP" });
  const stranger = await thief.newPage();
  await stranger.goto("/sign-in?next=/account");
  await stranger.locator("#f-name").fill(person.name);
  await stranger.locator("button[formaction='/sign-in/passkey']").click();
  const form = stranger.locator("form[data-passkey]");
  await form.waitFor();
  const own = await form.evaluate((one) => Object.fromEntries(new FormData(one)));
  const overheard = Object.fromEntries(new URLSearchParams(sent));
  const told = Object.keys(own).filter((name) => own[name] !== overheard[name]);
  assert.ok(told.includes("credential") && told.length > 1, `a challenge of its own: ${told}`);
  for (const body of [overheard, { ...own, credential: overheard.credential }]) {
    const answer = await stranger.request.post("/sign-in/passkey/answer", {
      form: body,
      headers: { "sec-fetch-site": "same-origin" },
      maxRedirects: 0,
    });
    assert.equal(answer.status(), 422);
    const said = await answer.text();
    assert.match(said, /パスキーを確かめられませんでした。/);
    assert.equal(answer.headers()["set-cookie"], undefined, "no session comes with the refusal");
    await stranger.goto("/account");
    assert.ok(stranger.url().includes("/sign-in"), "nobody is signed in");
  }
  await thief.close();
}

test("a passkey is registered, signs in, and is refused once removed", async () => {
  const { page, devtools, authenticatorId } = await visitor();
  await byPassword(page);
  await page.goto("/account");
  await page.locator("form[action='/account/passkeys'] button").click();
  await page.locator("#f-name").fill("執務室の PC");
  await page.locator("form[data-passkey] button:visible").click();
  await page.locator(".notice.ok").waitFor();
  const { credentials } = await devtools.send("WebAuthn.getCredentials", { authenticatorId });
  assert.equal(credentials.length, 1);
  assert.ok((await page.locator("#passkeys ~ .table").first().innerText()).includes("執務室の PC"));

  const signInByPasskey = async () => {
    await page.context().clearCookies();
    await page.goto("/sign-in?next=/account");
    await page.locator("#f-name").fill(person.name);
    await page.locator("button[formaction='/sign-in/passkey']").click();
    await page.locator("form[data-passkey] button:visible").click();
  };
  let sent = null;
  page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/sign-in/passkey/answer")) sent = request.postData();
  });
  await signInByPasskey();
  await page.waitForURL("**/account");
  assert.ok(sent, "the answer was seen on the wire");
  await replayed(page, sent);

  // Removing it needs no further proof: the passkey was one, moments ago.
  await page.locator("form[action$='/remove'][action*='passkeys'] button").click();
  await page.locator(".notice.ok").waitFor();
  await signInByPasskey();
  await page.locator("form[data-passkey] [role=status]").filter({ hasText: /確かめられません/ }).waitFor();
  assert.equal(await page.locator(".account-menu").count(), 0, "nobody is signed in");
  await page.context().close();
});

test("at an address without passkeys the page says where they work", async () => {
  const page = await world.visitor();
  await byPassword(page);
  await page.goto("/account");
  assert.equal(await page.locator("form[action='/account/passkeys']").count(), 0);
  assert.ok((await page.locator("main").innerText()).includes("http://localhost:"));
  await page.goto("/sign-in");
  await page.context().clearCookies();
  await page.goto("/sign-in");
  assert.equal(await page.locator("button[formaction='/sign-in/passkey']").count(), 0);
  await page.context().close();
});

test("the second factor is set up by its picture and its letters", async () => {
  const { page } = await visitor();
  await byPassword(page);
  await page.goto("/account");
  await page.locator("form[action='/account/second-factor'] button").click();
  const picture = page.locator("img.qr");
  await picture.waitFor();
  assert.ok(await picture.evaluate((image) => image.complete && image.naturalWidth > 0), "the picture shows");
  assert.match(await page.locator("p .mono").innerText(), /^([A-Z2-7]{4} ?){8}$/);
  await page.locator("#f-code").fill("000000");
  await page.keyboard.press("Enter");
  await page.locator("#e-code").waitFor();
  await page.context().close();
});
