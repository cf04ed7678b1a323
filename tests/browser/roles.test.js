// Each role in each browser, at a desk and on a phone: what the menu offers opens, reads well and
// is theirs; what is not theirs stays shut.
//
// With E2E_SHOTS=FOLDER every page is also kept as a picture, in both languages, light and dark.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browsers } from "./drive.js";
import { problems } from "./look.js";
import { open } from "./world.js";

const shots = process.env.E2E_SHOTS;
const SIZES = { desk: { width: 1280, height: 900 }, phone: { width: 320, height: 640 } };

/** Pages of the contractor's own house: never for the city or the desk. */
const HOUSE = ["/people", "/system", "/settings"];

let world;
before(async () => {
  world = await open();
  if (shots) await mkdir(shots, { recursive: true });
});
after(() => world?.close());

async function signIn(page, person) {
  await page.goto(`${world.address}/sign-in`);
  await page.fill("input[autocomplete^=username]", person.name);
  await page.fill("input[type=password]", person.password);
  await page.focus("input[type=password]");
  await Promise.all([page.loaded(), page.press("Enter")]);
}

const menu = (page) => page.evaluate(() =>
  [...new Set([...document.querySelectorAll("nav a[data-key], nav .nav a")].map((link) => link.href))]);

if (!process.env.E2E_FIREFOX) test("Firefox", { skip: "E2E_FIREFOX is not set: no Firefox walks on this machine" }, () => {});

for (const { name: browserName, start } of browsers()) {
  for (const [size, view] of Object.entries(SIZES)) {
    test(`every role's pages open and read well (${browserName}, ${size})`, async () => {
      const browser = await start();
      const found = [];
      try {
        for (const person of world.ready.sign_ins) {
          const page = await browser.page({ ...view, dark: size === "phone" });
          await signIn(page, person);
          const pages = await menu(page);
          assert.ok(pages.length > 0, `${person.role} has a menu`);
          for (const address of pages) {
            const target = `${person.role} ${new URL(address).pathname}`;
            const status = await page.goto(address);
            if (status !== 200) found.push(`${target}: ${status}`);
            found.push(...(await problems(page, target)));
          }
          for (const path of HOUSE) {
            if (!["city", "counsellor"].includes(person.role)) continue;
            const status = await page.goto(world.address + path);
            if (![403, 404].includes(status)) found.push(`${person.role} ${path}: ${status}`);
          }
          await page.close();
        }
      } finally {
        await browser.close();
      }
      assert.deepEqual(found, []);
    });
  }
}

test("pictures of every page, in both languages, light and dark", { skip: shots ? false : "E2E_SHOTS is not set" }, async () => {
  const browser = await browsers()[0].start();
  const person = world.ready.sign_ins.find((one) => one.role === "administrator");
  for (const [size, view] of Object.entries(SIZES)) {
    for (const dark of [false, true]) {
      const page = await browser.page({ ...view, dark });
      await signIn(page, person);
      for (const language of ["ja", "en"]) {
        const now = await page.evaluate(() => document.documentElement.lang);
        if (now !== language) await page.follow(`.languages button[value=${language}]`);
        for (const address of await menu(page)) {
          await page.goto(address);
          const name = new URL(address).pathname.replace(/^\/c\/[^/]+/, "").replaceAll("/", "-") || "-start";
          await page.screenshot(join(shots, `${size}-${dark ? "dark" : "light"}-${language}${name}.png`));
        }
      }
      await page.goto(world.address);
      await page.follow(".languages button[value=ja]");
      await page.close();
    }
  }
  await browser.close();
});
