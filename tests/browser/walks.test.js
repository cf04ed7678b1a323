// Walks through the sample installation as people take them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { problems } from "./look.js";
import { printed } from "./print.js";
import { open, signIn } from "./world.js";

let world;
let person;

before(async () => {
  world = await open();
  [person] = world.ready.sign_ins;
});
after(() => world?.close());

/** A signed-in visitor on the first page. */
async function signedIn(options) {
  const page = await world.visitor(options);
  await signIn(page, person);
  return page;
}

test("the sign-in page comes first, and says who may sign in", async () => {
  const page = await world.visitor();
  await page.goto("/");
  assert.equal(await page.locator("html").getAttribute("lang"), "ja");
  assert.equal(await page.locator("h1").count(), 1);
  assert.deepEqual(await problems(page, "sign-in"), []);
  await page.context().close();
});

test("a wrong password is refused in words and nothing is given away", async () => {
  const page = await world.visitor();
  await page.goto("/");
  await page.locator("input[autocomplete=username]").fill(person.name);
  await page.locator("input[type=password]").fill("wrong-password");
  await page.keyboard.press("Enter");
  await page.locator(".notice[role=alert]").waitFor();
  assert.equal(await page.locator("input[type=password]").count(), 1, "still at the sign-in");
  assert.equal(await page.locator("input[type=password]").inputValue(), "");
  assert.ok(await page.locator(".notice[role=alert]").count(), "the refusal is announced");
  assert.deepEqual(await problems(page, "sign-in"), []);
  await page.context().close();
});

test("the first page shows obligations, what is due and documents, marked as a sample", async () => {
  const page = await signedIn();
  const text = await page.locator("body").innerText();
  for (const word of ["義務", "期限", "書類", "見本"]) {
    assert.ok(text.includes(word), `${word} is on the first page`);
  }
  await page.context().close();
});

test("by the keyboard alone one skips to the content, and opens a page of the menu", async () => {
  const page = await signedIn();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("href")), "#main", "the first stop skips to the content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => Boolean(document.activeElement.closest("main"))), "the next stop is in the content");

  await page.reload();
  const target = await page.locator("nav.side a[href]").nth(1).getAttribute("href");
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(() => document.activeElement.getAttribute("href"))) === target) break;
  }
  await page.keyboard.press("Enter");
  await page.waitForURL(`**${target}`);
  await page.context().close();
});

test("what opens over the page gives the focus back when it closes", async () => {
  const page = await signedIn();
  const menu = page.locator(".account-menu summary");
  await menu.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => Boolean(document.activeElement.closest(".account-menu ul"))), "Tab goes into what is open");
  await page.keyboard.press("Escape");
  assert.ok(await menu.evaluate((summary) => document.activeElement === summary && !summary.parentElement.open));

  const opener = page.locator("[data-keys]");
  await opener.focus();
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("dialog#keys").isVisible());
  assert.ok(await page.evaluate(() => Boolean(document.activeElement.closest("dialog"))), "the focus is in the dialog");
  await page.keyboard.press("Escape");
  assert.ok(await opener.evaluate((button) => document.activeElement === button));
  await page.context().close();
});

test("dark mode is dark", async () => {
  const brightness = async (colorScheme) => {
    const page = await signedIn({ colorScheme });
    const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.context().close();
    const [red, green, blue] = colour.match(/\d+(\.\d+)?/g).map(Number);
    return (red + green + blue) / 3;
  };
  assert.ok((await brightness("light")) > 200);
  assert.ok((await brightness("dark")) < 80);
});

test("what is printed holds the content, whole, and nothing to click on", async () => {
  const { found, folds } = await printed(world);
  assert.ok(folds > 0, "something was folded");
  assert.deepEqual(found, []);
});

test("documents are handed out as PDF and Word", async () => {
  const page = await signedIn();
  await page.goto(new URL(await page.locator('nav a[href$="/documents"]').first().getAttribute("href"), page.url()).href);
  await page.locator('main tbody th a[href*="/documents/"]').first().click();
  await page.waitForURL("**/documents/*");
  const found = await page.locator("main a[href]").evaluateAll((anchors) => anchors.map((anchor) => anchor.href));
  const first = (ending) => found.find((href) => new URL(href).pathname.endsWith(ending));
  for (const [ending, start] of [[".pdf", "%PDF-"], [".docx", "PK"]]) {
    assert.ok(first(ending), `the page of a paper links to a ${ending}`);
    const answer = await page.request.get(first(ending));
    assert.equal(answer.status(), 200);
    assert.ok((await answer.body()).subarray(0, start.length).toString("latin1") === start, ending);
  }
  await page.context().close();
});

test("a paper goes from draft to submitted to accepted, without JavaScript", async () => {
  const as = async (role) => {
    const page = await world.visitor({ javaScriptEnabled: false });
    await signIn(page, world.ready.sign_ins.find((one) => one.role === role));
    return page;
  };
  /** Sends the form of an act and expects the page to say so, once, with the new state. */
  const act = async (page, form, state) => {
    await page.locator(`form[action$="/${form}"] button`).first().click();
    await page.locator(".notice.ok").waitFor();
    assert.equal((await page.locator(".page-head .badge").innerText()).trim(), state);
  };
  const manager = await as("manager");
  await manager.goto(new URL(await manager.locator("nav a[href$=\"/documents\"]").first().getAttribute("href"), manager.url()).href);
  await act(manager, "draft", "案");
  const paper = manager.url();
  await act(manager, "submit", "提出済み");
  assert.equal(await manager.locator('form[action$="/accept"]').count(), 0, "only the city accepts");
  const city = await as("city");
  await city.goto(paper);
  await act(city, "accept", "検収済み");
  await city.reload();
  assert.equal(await city.locator(".notice.ok").count(), 0, "what was done is said once");
  await manager.context().close();
  await city.context().close();
});

test("signing out ends the session", async () => {
  const page = await signedIn();
  await page.locator(".account-menu summary").click();
  await page.getByRole("button", { name: "サインアウト" }).click();
  await page.locator("input[type=password]").waitFor();
  await page.goto("/");
  assert.equal(await page.locator("input[type=password]").count(), 1);
  await page.context().close();
});
