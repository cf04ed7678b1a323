// The monthly closing in a real browser: by the contractor's lead with as few clicks as promised,
// then by the city. The clicks are counted and printed.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, signIn } from "./world.js";

/** Most clicks from the start page to submitted. */
const MOST_CLICKS = 8;

let world;

before(async () => {
  world = await open();
});

after(async () => {
  await world?.close();
});

async function as(role, options) {
  const page = await world.visitor(options);
  await signIn(page, world.ready.sign_ins.find((one) => one.role === role));
  return page;
}

test("a month is closed in at most eight clicks, then accepted by the city", async () => {
  const page = await as("manager");
  await page.goto("/");
  let clicks = 0;
  const click = async (target) => {
    clicks += 1;
    await target.click();
    await page.waitForLoadState();
  };
  const step = (key) => page.waitForURL(`**step=${key}*`);

  await click(page.locator('nav a[href$="/closing"]:visible').first());
  assert.ok((await page.locator("main").innerText()).includes("数字を確かめる"), "begins with the figures");
  await click(page.locator('main a.button[href*="step=missing"]').first());
  await step("missing");
  assert.ok((await page.locator("main tbody tr").count()) > 0, "names what is missing");
  await click(page.locator('form[action$="/documents/draft"] button'));
  await step("words");
  await page.locator('textarea[name="findings"]').fill("この月は安定して動いた。\n\n費用は変わらない。");
  await click(page.locator('form[action$="/words"] button'));
  await step("look");
  assert.ok((await page.locator(".paper").innerText()).includes("この月は安定して動いた。"), "the words are in the paper");
  await click(page.locator('main a.button[href*="step=submit"]').first());
  await step("submit");
  await click(page.locator('form[action$="/submit"] button'));
  await step("receipt");
  await page.locator(".notice.ok, .notice.warn").first().waitFor();
  console.log(`clicks from the start page to submitted: ${clicks}`);
  assert.ok(clicks <= MOST_CLICKS, `${clicks} clicks`);
  await page.locator('input[name="receipt"]').fill("受付-1");
  await page.locator('form[action$="/receipt"] button').click();
  await page.locator(".notice.ok").first().waitFor();
  const paper = await page.locator('main a[href*="/documents/"]').first().getAttribute("href");

  const city = await as("city", { javaScriptEnabled: false, viewport: { width: 390, height: 800 } });
  await city.goto(page.url().replace(/\?.*/, ""));
  const text = await city.locator("main").innerText();
  for (const word of ["検収を待つ書類", "検収の期限"]) assert.ok(text.includes(word), `${word} is shown to the city`);
  await city.goto(new URL(paper, page.url()).href);
  await city.locator('form[action$="/return"] textarea').fill("10日の行の対応を書いてください。");
  await city.locator('form[action$="/return"] button').click();
  await city.locator(".notice.ok").first().waitFor();

  await page.goto(new URL(paper, page.url()).href);
  assert.ok((await page.locator("main").innerText()).includes("10日の行の対応を書いてください。"), "the contractor sees why");
  await page.locator('form[action$="/replace"] textarea').fill("対応を書いた");
  await page.locator('form[action$="/replace"] button').click();
  await page.locator('form[action$="/submit"] button').click();
  await page.locator(".page-head .badge", { hasText: "提出済み" }).waitFor();
  await city.goto(new URL(paper, page.url()).href);
  await city.locator('form[action$="/accept"] button').click();
  await city.locator(".notice.ok").first().waitFor();
  assert.equal((await city.locator(".page-head .badge").innerText()).trim(), "検収済み");
  await city.context().close();
  await page.context().close();
});

test("words typed in a closing survive leaving the page", async () => {
  const page = await as("manager");
  await page.goto("/");
  await page.locator('nav a[href$="/documents"]:visible').first().click();
  await page.locator('form[action$="/documents/draft"] button').first().click();
  await page.locator('textarea[name="findings"]').fill("書きかけの所見");
  await page.waitForTimeout(600);
  const address = page.url();
  page.on("dialog", (dialog) => dialog.accept());
  await page.goto("/");
  await page.goto(address);
  await page.locator(".draft button").first().click();
  assert.equal(await page.locator('textarea[name="findings"]').inputValue(), "書きかけの所見");
  await page.context().close();
});
