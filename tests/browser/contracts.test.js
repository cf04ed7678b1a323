// Several contracts in one installation: the switcher and the overview, for everybody, at a desk
// and on a phone, light and dark; switching keeps the kind of page; rights are each contract's own.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { keyboardWalk, phoneWalk } from "./keyboard.js";
import { problems } from "./look.js";
import { open, signIn } from "./world.js";

const file = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const FILES = [file("contracts/kokoshelju-r8.toml"), file("crates/contract/testdata/winter-closure.toml")];
const [HERE, THERE] = ["/c/kokoshelju-r8", "/c/kitano-r8"];
const SIZES = [{ width: 1280, height: 900 }, { width: 320, height: 640 }];

let world;
before(async () => {
  world = await open(undefined, { contracts: FILES });
});
after(() => world?.close());

async function as(role, options = {}) {
  const page = await world.visitor({ reducedMotion: "reduce", ...options });
  page.on("dialog", (dialog) => dialog.accept());
  await signIn(page, world.ready.sign_ins.find((one) => one.role === role));
  return page;
}

const path = (page) => new URL(page.url()).pathname;
const loaded = (page, act) => Promise.all([page.waitForEvent("load"), act()]);
const switcher = (page) => page.locator("details.switch > summary");
const heading = (page) => page.locator("h1").innerText();

test("the first page is the overview; it and the switcher read well everywhere", async () => {
  const page = await as("manager");
  await page.goto("/");
  assert.equal(path(page), "/contracts");
  const found = [];
  for (const address of ["/contracts", `${HERE}/work`, `${THERE}/work`, THERE]) {
    await page.goto(address);
    for (const size of SIZES) {
      await page.setViewportSize(size);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.locator("details.switch").evaluate((one) => { one.open = true; });
        found.push(...(await problems(page, `${address} (${size.width} px, ${colorScheme})`)));
        const out = await page.locator("details.switch ul").evaluate((list) => {
          const { left, right } = list.getBoundingClientRect();
          return left < 0 || right > innerWidth;
        });
        if (out) found.push(`${address} (${size.width} px): the open switcher is cut off`);
      }
    }
    await page.setViewportSize(SIZES[0]);
    found.push(...(await keyboardWalk(page, `${address} (keyboard)`)).found);
    await page.locator("details.switch").evaluate((one) => { one.open = false; });
    await page.setViewportSize({ width: 390, height: 844 });
    found.push(...(await phoneWalk(page, `${address} (keyboard, phone)`)).found);
  }
  assert.deepEqual(found, []);
  await page.context().close();
});

for (const javaScriptEnabled of [true, false]) {
  test(`switching leads to the same kind of page where there is one (${javaScriptEnabled ? "with" : "without"} script)`, async () => {
    const page = await as("manager", { javaScriptEnabled });
    const switched = async (from, to) => {
      await page.goto(from);
      await switcher(page).click();
      await loaded(page, () => page.locator(`details.switch a[href^="${THERE}"]`).click());
      assert.equal(path(page), to, `from ${from}`);
      assert.equal(await page.locator("main [data-problem]").count(), 0);
      assert.equal(await page.locator("details.switch a[aria-current]").getAttribute("href").then((href) => href.startsWith(THERE)), true);
    };
    await switched(HERE, THERE);
    await switched(`${HERE}/work`, `${THERE}/work`);
    await switched(`${HERE}/gateway/bans`, `${THERE}/gateway/bans`);
    await page.goto(`${HERE}/documents`);
    const paper = await page.locator('main tbody th a[href*="/documents/"]').first().getAttribute("href");
    // One paper of one contract is none of the other's: their list is.
    await switched(new URL(paper, page.url()).pathname, `${THERE}/documents`);
    await switched(`${HERE}/obligations/O-001`, `${THERE}/obligations`);
    await page.goto(`${HERE}/work`);
    const name = await heading(page);
    await page.goto(`${THERE}/work`);
    assert.equal(await heading(page), name);
    await switcher(page).click();
    await loaded(page, () => page.locator("details.switch a", { hasText: "すべての契約" }).click());
    assert.equal(path(page), "/contracts");
    await page.context().close();
  });
}

test("by the keyboard alone one opens the switcher and changes the contract", async () => {
  const page = await as("manager");
  await page.goto(`${HERE}/question`);
  await switcher(page).focus();
  await page.keyboard.press("Enter");
  for (let stop = 0; stop < 4; stop += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((there) => document.activeElement.getAttribute("href")?.startsWith(there), THERE)) break;
  }
  await loaded(page, () => page.keyboard.press("Enter"));
  assert.equal(path(page), `${THERE}/question`);
  await switcher(page).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  assert.ok(await switcher(page).evaluate((summary) => document.activeElement === summary && !summary.parentElement.open));
  await page.context().close();
});

test("rights differ per contract: who is taken out of one sees nothing of it, and less where they do less", async () => {
  const administrator = await as("administrator");
  const staff = await as("staff");
  await staff.goto(`${THERE}/work`);
  assert.equal(await staff.locator("main [data-problem]").count(), 0, "before");

  const rights = async (there) => {
    await administrator.goto("/people");
    await loaded(administrator, () => administrator.locator("main tbody tr", { hasText: "見本 担当者" }).locator("a").first().click());
    await administrator.locator('form[action$="/rights"] input[type=radio]').last().check();
    await administrator.locator('form[action$="/rights"] select[name$="kokoshelju-r8"]').selectOption("staff");
    await administrator.locator('form[action$="/rights"] select[name$="kitano-r8"]').selectOption(there);
    await loaded(administrator, () => administrator.locator('form[action$="/rights"] button[type=submit]').click());
    await administrator.locator(".notice.ok").waitFor();
  };
  await rights("viewer");
  await signInAgain(staff);
  await staff.goto(`${THERE}/work`);
  assert.equal(await staff.locator("main [data-problem]").count(), 0);
  assert.equal(await staff.locator("main form[method=post]").count(), 0, "only looks there");
  await staff.goto(`${HERE}/work`);
  assert.ok((await staff.locator("main form[method=post]").count()) > 0, "works here");

  await rights("");
  await signInAgain(staff);
  const answer = await staff.goto(`${THERE}/work`);
  assert.equal(answer.status(), 404);
  assert.ok(!(await staff.content()).includes("北野県"), "not even its name");
  await staff.goto("/");
  assert.equal(path(staff), HERE, "the only contract is the first page");
  assert.equal(await staff.locator("details.switch").count(), 0);
  await administrator.context().close();
  await staff.context().close();
});

async function signInAgain(page) {
  await page.context().clearCookies();
  await signIn(page, world.ready.sign_ins.find((one) => one.role === "staff"));
}
