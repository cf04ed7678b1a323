// Texts that no form expects, typed into the real forms: very long ones, letters from right to left,
// emoji, control characters, what looks like markup. They are kept as they were typed and apart from
// what stands beside them, or refused beside their field with nothing lost.

import assert from "node:assert/strict";
import { done, FORMS, fillIn, open, sendForm, value } from "./forms.js";
import { misfits } from "./look.js";

/** Texts that people paste, and some that they would not. */
const TEXTS = {
  "long without a space": "Ｗ".repeat(40) + "W".repeat(60),
  "right to left, not closed": "\u202eمرحبا \u2067שלום (1) ",
  "emoji and signs upon signs": "👩‍👩‍👧‍👦🏳️‍🌈🇯🇵e\u0301\u0302\u0303\u0304\u0305\u0306\u0307 ",
  "looks like markup": `<img src=x onerror=alert(1)>"'&amp;{{7*7}}</td> `,
};

/** Where letters that are written from right to left stand without being kept apart. */
const mixed = (page) => page.evaluate(() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const { parentElement: around, textContent } = walker.currentNode;
    const loose = textContent.replace(/\u2068[^\u2068]*\u2069/g, "");
    if (!/[\u0590-\u08ff\u202e]/.test(loose) || around.closest("bdi, [dir=auto], textarea, option, script")) continue;
    found.push(around.outerHTML.slice(0, 160));
  }
  return found;
});

async function fits(page, target) {
  assert.deepEqual(await misfits(page, target), []);
}

async function looksRight(page) {
  await fits(page, page.url());
  assert.deepEqual(await mixed(page), [], page.url());
}

/** In what is recorded every day, and in names; `page` is an administrator's. */
export async function inLines(t, page, contract) {
  const mark = Date.now().toString(36);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  for (const name of ["quick entry", "question", "request"]) {
    await t.test(name, async () => {
      const { field, register } = FORMS[name];
      for (const odd of Object.values(TEXTS)) {
        const text = `${odd}${mark}`;
        await open(page, contract, FORMS[name], text);
        await sendForm(page, field);
        await done(page);
        assert.ok((await page.locator("body").textContent()).includes(text.trim()), `${text} is stored as it was typed`);
        await looksRight(page);
      }
      await page.goto(`${contract}/${register}?q=${mark}`);
      assert.equal(await page.locator("main tbody tr").count(), Object.keys(TEXTS).length);
      await looksRight(page);
    });
  }
  await t.test("names of people", async () => {
    for (const odd of [...Object.values(TEXTS)].reverse()) {
      await open(page, contract, FORMS["own name"], odd.slice(0, 50) + mark);
      await sendForm(page, "display_name");
      await done(page);
      await looksRight(page);
    }
    await open(page, contract, FORMS["own name"], `محمد ${mark}`);
    await sendForm(page, "display_name");
    await done(page);
    await page.goto("/people");
    await looksRight(page);
    await page.goto(`${contract}/question?q=${mark}`);
    await page.locator("main tbody a").last().click();
    await page.waitForLoadState();
    await looksRight(page);
  });
  for (const address of [`/search?q=${mark}`, contract, `${contract}/ledger`]) {
    await t.test(address.replace(mark, "…"), async () => {
      await page.goto(address);
      await looksRight(page);
    });
  }
  for (const [kind, text, said] of [
    ["nothing but spaces", "  ", /書いて|入力して|必要/],
    ["a control character", `鈴\u0007 ${mark}`, /制御文字/],
    ["too long", "長".repeat(201), /200文字以内/],
    ["far too long", "長".repeat(60_000), /文字以内/],
  ]) {
    await t.test(kind, async () => {
      for (const name of ["question", "request"]) {
        const { field } = FORMS[name];
        await open(page, contract, FORMS[name], text);
        await sendForm(page, field);
        assert.match(await page.locator(`#e-${field}`).innerText(), said, "beside the field");
        if (text.trim()) assert.equal(await value(page, field), text, "what was typed stays");
        await fits(page, kind);
        await fillIn(page, { [field]: `直した ${kind} ${mark} ${name}` });
        await sendForm(page, field);
        await done(page);
      }
    });
  }
  assert.deepEqual(errors, []);
  await page.goto("/account");
  await fillIn(page, { display_name: "見本 管理者" });
  await sendForm(page, "display_name");
}
