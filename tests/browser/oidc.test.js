// Sign-in by the organisation's account, against a certified provider on loopback. The provider is
// at `localhost`, the console at 127.0.0.1: two sites, as in life, so that what a browser sends
// across sites is tried too.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Provider } from "oidc-provider";
import { freePort, open } from "./world.js";

const SECRET = "only for this walk, on loopback";
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let world;
let person;
let issuer;
let server;

before(async () => {
  const port = await freePort();
  issuer = `http://localhost:${port}`;
  world = await open(async (address, folder) => {
    const secret = join(folder, "oidc-secret");
    await writeFile(secret, `${SECRET}\n`, { mode: 0o600 });
    server = await listen(provider(address), port);
    return {
      MAMORI_PUBLIC_URL: address,
      MAMORI_OIDC_ISSUER: issuer,
      MAMORI_OIDC_CLIENT_ID: "mamori",
      MAMORI_OIDC_CLIENT_SECRET_FILE: secret,
      MAMORI_OIDC_LABEL: "庁内アカウント",
      MAMORI_OIDC_EMAIL_DOMAINS: "example.lg.jp",
    };
  });
  [person] = world.ready.sign_ins;
});
after(async () => {
  await world?.close();
  server?.closeAllConnections();
  server?.close();
});

/** A provider that believes any password; addresses end in the domain that its people name. */
function provider(console) {
  return new Provider(issuer, {
    clients: [{ client_id: "mamori", client_secret: SECRET, redirect_uris: [`${console}/sign-in/oidc/answer`] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    features: { devInteractions: { enabled: true } },
    cookies: { keys: ["only for this walk"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@${id.startsWith("guest") ? "example.jp" : "example.lg.jp"}`, email_verified: true }),
    }),
  });
}

function listen(provider, port) {
  return new Promise((resolve, reject) => {
    const server = provider.listen(port, "127.0.0.1", () => resolve(server));
    server.once("error", reject);
  });
}

/** Signs in at the provider and agrees there. */
async function atTheProvider(page, name) {
  await page.waitForURL(`${issuer}/interaction/**`);
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  await page.locator("form[action$='/confirm'], form input[value=consent]").first().waitFor({ state: "attached" });
  await page.locator("button[type=submit]").click();
}

async function byPassword(page) {
  await page.goto("/sign-in");
  await page.locator("#f-name").fill(person.name);
  await page.locator("#f-password").fill(person.password);
  await page.keyboard.press("Enter");
  await page.locator(".account-menu").waitFor();
}

const byOrganisation = (page) => page.locator("button[formaction='/sign-in/oidc']").click();

async function violations(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  return result.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.target).join(" ")}`);
}

test("an account is linked at /account and signs in from then on", async () => {
  const page = await world.visitor();
  await byPassword(page);
  await page.goto("/account");
  await page.locator("form[action='/account/oidc'] button").click();
  await atTheProvider(page, "tanaka");
  await page.locator(".notice.ok").waitFor();
  assert.equal(new URL(page.url()).pathname, "/account");
  assert.ok((await page.locator("main").innerText()).includes("tanaka@example.lg.jp"));
  assert.deepEqual(await violations(page), []);
  await page.context().close();

  const again = await world.visitor();
  await again.goto("/sign-in?next=/account");
  assert.deepEqual(await violations(again), []);
  await byOrganisation(again);
  await atTheProvider(again, "tanaka");
  await again.waitForURL(`${world.address}/account`);
  await again.locator("form[action='/sign-out'] button, .account-menu summary").first().waitFor();
  await again.context().close();
});

test("it works without script", async () => {
  const page = await world.visitor({ javaScriptEnabled: false });
  await page.goto("/sign-in?next=/account");
  await byOrganisation(page);
  await atTheProvider(page, "tanaka");
  await page.waitForURL(`${world.address}/account`);
  await page.context().close();
});

test("somebody unlinked, and somebody of another domain, are told what to do", async () => {
  for (const [name, told] of [["suzuki", "自分の設定"], ["guest", "管理者に相談"]]) {
    const page = await world.visitor();
    await page.goto("/sign-in");
    await byOrganisation(page);
    await atTheProvider(page, name);
    await page.locator(".notice.bad").waitFor();
    assert.ok((await page.locator(".notice.bad").innerText()).includes(told));
    assert.equal(await page.locator(".account-menu").count(), 0, "nobody is signed in");
    assert.deepEqual(await violations(page), []);
    // The answer is of no use a second time.
    await page.goto(page.url());
    await page.locator(".notice.bad").waitFor();
    assert.ok((await page.locator(".notice.bad").innerText()).includes("はじめから"));
    assert.deepEqual(await violations(page), []);
    await page.context().close();
  }
});

test("the page in between can be read by itself", async () => {
  const page = await world.visitor();
  // The provider is out of reach: the browser stays where it is.
  await page.route(`${issuer}/**`, (route) => route.fulfill({ status: 204 }));
  await page.goto("/sign-in");
  await byOrganisation(page);
  await page.locator(`a[href^='${issuer}/auth']`).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.context().close();
});

test("a fresh proof asks at the provider again", async () => {
  const page = await world.visitor();
  await page.goto("/sign-in?next=/account");
  await byOrganisation(page);
  await atTheProvider(page, "tanaka");
  await page.waitForURL(`${world.address}/account`);
  // The way is there for everybody who is linked; whether it is asked for is the guard's business.
  const token = await page.locator("input[name=csrf]").first().inputValue();
  await page.evaluate((csrf) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = "/prove/oidc";
    for (const [name, value] of [["csrf", csrf], ["next", "/help"]]) {
      const field = document.createElement("input");
      field.type = "hidden";
      [field.name, field.value] = [name, value];
      form.append(field);
    }
    document.body.append(form);
    form.submit();
  }, token);
  await page.waitForURL(`${issuer}/interaction/**`);
  await page.locator("input[name=login]").fill("tanaka");
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  await page.waitForURL(`${world.address}/help`);
  await page.context().close();
});
