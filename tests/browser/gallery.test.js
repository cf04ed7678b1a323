// The components in a browser, on the gallery: what the script adds, and that nothing is in its way.
//
// The gallery (`cargo build --workspace --example gallery`) comes from E2E_GALLERY.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

import { firstLine } from "./first-line.js";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const READY_LIMIT_MS = 60_000;

let gallery;
let browser;
let address;
let account;

before(async () => {
  gallery = spawn(process.env.E2E_GALLERY ?? "../../target/debug/examples/gallery", ["0"], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await firstLine(gallery, "the gallery", READY_LIMIT_MS);
  const [url, name, password] = line.split("  ");
  address = new URL(url).origin;
  account = { name, password };
  browser = await chromium.launch({
    executablePath: process.env.E2E_CHROMIUM ?? "/usr/bin/chromium",
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
  });
});
after(async () => {
  await browser?.close();
  gallery?.kill();
});

async function signIn(page) {
  await page.locator("input[autocomplete=username]").fill(account.name);
  await page.locator("input[type=password]").fill(account.password);
  await page.keyboard.press("Enter");
  await page.locator("#duties").waitFor();
}

/** A signed-in person on the gallery; whatever the console complains of fails the test. */
async function visit(options = {}) {
  const context = await browser.newContext({ baseURL: address, locale: "ja-JP", viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) page.complaints.push(message.text());
  });
  page.on("dialog", (dialog) => dialog.accept());
  await page.goto("/gallery");
  await signIn(page);
  return page;
}

async function leave(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

const focused = (page) => page.evaluate(() => document.activeElement?.id || document.activeElement?.dataset.stay || document.activeElement?.className || "");
// 20 is no part of 120.
const counted = (page, words) => page.waitForFunction((text) => new RegExp(`(^|\\D)${text}`).test(document.querySelector("[data-count]").textContent), words);
const send = (page) => page.locator("form.form button[type=submit]").click();
const drafts = (page) => page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("draft")).length);

test("a table is sorted, filtered and paged without a reload, and back goes back", async () => {
  const page = await visit();
  await page.evaluate(() => { globalThis.same = true; });
  await page.locator("th a.sort", { hasText: "件数" }).click();
  await page.locator("th[aria-sort=ascending] a[data-stay=sort-count]").waitFor();
  assert.equal(await focused(page), "sort-count", "focus stays");
  assert.match(page.url(), /sort=count/);
  assert.match(await page.locator(".toasts").innerText(), /120 件中/, "the count is announced");
  assert.equal(await page.locator(".toasts[role=status][aria-live=polite]").count(), 1, "to those who do not see it, too");

  await page.locator("#f-q").fill("稼働率");
  await counted(page, "20 件中");
  assert.equal(await focused(page), "f-q");

  await page.goBack();
  await counted(page, "120 件中");
  assert.equal(await page.locator("#f-q").inputValue(), "");

  await page.locator(".pages a[rel=next]").click();
  await counted(page, "21〜40");
  assert.equal(await focused(page), "next");
  assert.equal(await page.evaluate(() => globalThis.same), true, "the page was never loaded again");
  await leave(page);
});

test("without the script the same links and the same form do it", async () => {
  const page = await visit({ javaScriptEnabled: false });
  await page.locator("th a.sort", { hasText: "件数" }).click();
  await page.locator("th[aria-sort=ascending] a[data-stay=sort-count]").waitFor();
  await page.locator("#f-q").fill("稼働率");
  await page.locator("form[data-filter] button").click();
  assert.match(await page.locator("[data-count]").innerText(), /20 件中/);
  assert.match(page.url(), /sort=count/, "the sorting is carried along");
  for (const id of ["tab-facts", "tab-story", "tab-compare"]) assert.ok(await page.locator(`#${id}`).isVisible(), id);
  await page.locator("a[data-dialog]").click();
  assert.ok(await page.locator("#close-month").isVisible());
  await leave(page);
});

test("tabs follow the arrow keys, a dialog gives the focus back", async () => {
  const page = await visit();
  await page.locator("[role=tab]").first().focus();
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.locator("#tab-story").isVisible());
  assert.ok(!(await page.locator("#tab-facts").isVisible()));
  const opener = page.locator("a[data-dialog]");
  await opener.focus();
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("dialog#close-month").isVisible());
  await page.keyboard.press("Escape");
  assert.ok(!(await page.locator("dialog#close-month").isVisible()));
  assert.equal(await page.evaluate(() => document.activeElement.dataset.dialog), "close-month");
  await leave(page);
});

test("letter keys lead, do nothing while typing, and can be switched off", async () => {
  const page = await visit();
  await page.keyboard.press("/");
  assert.equal(await focused(page), "f-search");
  await page.keyboard.type("n?/");
  assert.equal(await page.locator("#f-search").inputValue(), "n?/", "typed, not obeyed");
  await page.locator("h1").click();
  await page.keyboard.press("?");
  await page.locator("#keys-on").uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  assert.notEqual(await focused(page), "f-search");
  await page.locator("[data-keys]").click();
  await page.locator("#keys-on").check();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await Promise.all([page.waitForURL("**/closing"), page.keyboard.press("2")]);
  await leave(page);
});

test("the search suggests pages of this site only", async () => {
  const page = await visit();
  await page.locator("#f-search").fill("稼働");
  await page.locator("[role=option]").first().waitFor();
  assert.equal(await page.locator("[role=option]").count(), 2, "the third leads elsewhere");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.locator("#f-search").getAttribute("aria-activedescendant"), "f-search-list-0");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/gallery?q=*");
  await leave(page);
});

test("live values change, are announced, and can be stopped", async () => {
  const page = await visit();
  const value = page.locator("[data-live-key=bad]");
  await page.waitForFunction(() => Number(document.querySelector("[data-live-key=bad]").textContent) > 3);
  assert.match(await page.locator(".toasts").innerText(), /3 件になりました/);
  await page.locator(".live-switch").click();
  const stopped = await value.innerText();
  await page.waitForTimeout(1500);
  assert.equal(await value.innerText(), stopped);
  await leave(page);
});

test("fields help: letters left, 和暦, files that do not fit, the timer", async () => {
  const page = await visit();
  await page.locator("#f-note").fill("あ".repeat(401));
  assert.match(await page.locator("#c-note").innerText(), /1 字多すぎます/);
  await page.locator("#f-date").fill("2026-10-09");
  assert.match(await page.locator("#d-date").innerText(), /令和8年10月9日/);
  await page.locator("#f-proof").setInputFiles({ name: "evil.exe", mimeType: "application/x-msdownload", buffer: Buffer.from("x") });
  assert.match(await page.locator(".upload .error").innerText(), /evil\.exe/);
  await page.locator("#f-proof").setInputFiles({ name: "a.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(3e6) });
  assert.match(await page.locator(".upload .error").innerText(), /2\.5 MB/);
  await page.locator("[data-timer-start]").click();
  assert.match(await page.title(), /^0:00/);
  await page.locator("[data-timer-stop]").click();
  assert.match(await page.locator("#f-start").inputValue(), /^\d\d:\d\d$/);
  assert.equal(await page.locator("#f-minutes").inputValue(), "1");
  await leave(page);
});

test("what was typed survives an ended session and a lost connection, and goes when it has arrived", async () => {
  const page = await visit();
  const title = "下書きの件名 😀";
  await page.locator("#f-title").fill(title);
  await page.context().clearCookies();
  await send(page);
  await page.locator("input[type=password]").waitFor();
  await page.goto("/gallery");
  await signIn(page);
  await page.locator(".notice.draft button").first().click();
  assert.equal(await page.locator("#f-title").inputValue(), title);

  await page.context().setOffline(true);
  await send(page);
  await page.locator(".offline-bar", { hasText: "つながりしだい" }).waitFor();
  assert.equal(await page.locator("#f-title").inputValue(), title, "the page is still there");
  await page.context().setOffline(false);
  await page.locator(".notice.ok").waitFor();
  assert.equal(await drafts(page), 0);
  assert.equal(await page.locator(".notice.draft").count(), 0);

  await page.locator("#f-title").fill(`${title} 2`);
  await page.context().clearCookies();
  await send(page);
  await page.locator("input[autocomplete=username]").fill(account.name);
  await page.locator("input[type=password]").fill(account.password);
  await page.keyboard.press("Enter");
  const carried = page.locator("form[data-carried]");
  await carried.waitFor();
  assert.match(await page.locator("main").innerText(), /下書きの件名 😀 2/, "what is carried is shown");
  await carried.locator("button[type=submit]").click();
  await page.locator(".notice.ok").waitFor();
  assert.equal(await drafts(page), 0, "what the sign-in carried has arrived as well");
  assert.equal(await page.locator(".notice.draft").count(), 0);

  await page.locator("#f-title").fill("秘密");
  await page.waitForFunction(() => Object.keys(localStorage).some((key) => key.includes("draft")));
  await page.locator(".account-menu summary").click();
  await page.locator(".account-menu button").click();
  await page.locator("input[type=password]").waitFor();
  assert.equal(await drafts(page), 0, "signing out leaves nothing behind");
  await leave(page);
});

test("a refused form takes the focus to its summary; a second click sends nothing", async () => {
  const page = await visit();
  await page.locator("#f-title").fill(" ");
  await send(page);
  await page.locator("[data-error-summary]").waitFor();
  assert.ok(await page.evaluate(() => "errorSummary" in document.activeElement.dataset));
  await page.locator("[data-error-summary] a").click();
  assert.equal(await focused(page), "f-title");

  let posts = 0;
  await page.route("**/gallery", async (route) => {
    if (route.request().method() === "POST") {
      posts += 1;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await route.continue();
  });
  await page.locator("#f-title").fill("二度押し");
  await page.evaluate(() => {
    const button = document.querySelector("form.form button[type=submit]");
    button.click();
    button.click();
    setTimeout(() => button.click(), 200);
  });
  await page.locator(".notice.ok").waitFor();
  assert.equal(posts, 1);
  await leave(page);
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 1280, 1920]) {
    test(`axe finds nothing and nothing is too wide (${colorScheme}, ${width} px)`, async () => {
      const page = await visit({ colorScheme, viewport: { width, height: 900 } });
      await page.evaluate(axe);
      const found = [];
      for (const tab of await page.locator("[role=tab]").all()) {
        await tab.click();
        const result = await page.evaluate(() =>
          globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
        found.push(...result.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`)));
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (over > 0) found.push(`${over} px too wide`);
      }
      assert.deepEqual(found, []);
      await leave(page);
    });
  }
}
