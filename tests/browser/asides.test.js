// The pages that no link leads to (`asides.js`), at every width and in both schemes, by axe and by
// the keyboard: nobody may be stuck where the way in, a refusal or a fault is what they see.
//
// With E2E_SHOTS=FOLDER each is also kept as a picture.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { asides } from "./asides.js";
import { keyboardWalk, phoneWalk } from "./keyboard.js";
import { misfits, problems } from "./look.js";
import { open } from "./world.js";

const shots = process.env.E2E_SHOTS;
const HEIGHT = 900;
const LOOKS = [320, 1280].flatMap((width) => ["light", "dark"].map((colorScheme) => ({ width, colorScheme })));

/** Runs in the page: what its words leave open. */
function said() {
  const lines = [];
  const main = document.querySelector("main");
  if (/ません は見つかりません/.test(main.innerText)) lines.push(`a sentence in a sentence: ${main.querySelector("h1").innerText}`);
  // A short form shows its mistakes at once; a long one begins with them, and the focus is there.
  const wrong = main.querySelectorAll("[aria-invalid=true]").length;
  const summary = main.querySelector("[data-error-summary]");
  if (wrong > 0 && !summary && !main.querySelector(".sign-in, .qr")) lines.push("mistakes are not told at the top");
  if (summary && document.activeElement !== summary) lines.push("the focus is not on what is wrong");
  const hidden = [...main.querySelectorAll("td .badge, li, dd, code")].filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".table"));
  for (const one of hidden) lines.push(`runs out of the window: ${one.innerText.slice(0, 60)}`);
  for (const table of main.querySelectorAll(".table")) {
    if (innerWidth >= 1280 && table.scrollWidth > table.clientWidth + 1) lines.push(`a table is cut off: ${table.innerText.slice(0, 60)}`);
  }
  return lines;
}

let world;
before(async () => {
  world = await open();
  if (shots) await mkdir(shots, { recursive: true });
});
after(() => world?.close());

test("pages that no link leads to read well and are walked by the keyboard, everywhere", async () => {
  const found = [];
  const titles = new Map();
  let seen = 0;
  for await (const [name, page] of asides(world)) {
    seen += 1;
    titles.set(name, `${await page.title()} [${await page.locator("h1").first().innerText()}]`);
    await page.setViewportSize({ width: 1280, height: HEIGHT });
    found.push(...(await page.evaluate(said)).map((line) => `${name}: ${line}`));
    // Ways in have no menu and are looked at in every way. Of the rest each gets two looks and one walk
    // by the keyboard, by turns; the refused forms of the registers, which are one template, one look.
    const wayIn = (await page.locator("nav.side").count()) === 0;
    const alike = /\/new, refused$/.test(name);
    const turn = seen % 2;
    const looks = wayIn || shots ? LOOKS : alike ? [LOOKS[seen % 4]] : [LOOKS[turn], LOOKS[3 - turn]];
    for (const { width, colorScheme } of looks) {
      await page.setViewportSize({ width, height: HEIGHT });
      await page.emulateMedia({ colorScheme });
      found.push(...(await problems(page, `${name} (${width} px, ${colorScheme})`)));
      if (shots) await page.screenshot({ path: join(shots, `${String(seen).padStart(2, "0")} ${name.replaceAll(/[^\w -]/g, "_")} ${width} ${colorScheme}.png`), fullPage: true });
    }
    await page.setViewportSize({ width: 1280, height: HEIGHT });
    if (wayIn || turn === 0) found.push(...(await keyboardWalk(page, `${name} (keyboard)`)).found);
    if (!wayIn && turn === 0) continue;
    await page.setViewportSize({ width: 390, height: HEIGHT });
    found.push(...(await misfits(page, `${name} (390 px)`)));
    found.push(...(await phoneWalk(page, `${name} (keyboard, phone)`)).found);
  }
  if (shots) for (const [name, title] of titles) console.log(`${name}: ${title}`);
  console.log(`${seen} pages that no link leads to`);
  assert.ok(seen > 60, "none was left out");
  assert.deepEqual(found, []);
});
