// Texts that no form expects, typed into the real forms: very long ones, letters from right to left,
// emoji, control characters, what looks like markup. They are kept as they were typed and apart from
// what stands beside them, or refused beside their field with nothing lost.

import assert from "node:assert/strict";
import { done, FORMS, fillIn, form, open, refusal, sendForm, value } from "./forms.js";
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

const holds = async (page, text) =>
  assert.ok((await page.locator("body").textContent()).includes(text), `${text} is shown as it was typed`);

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

/**
 * In texts of several lines: in a request, in a paper's words, in why it goes back. With the
 * script a text that is too long is held back beside its field, without it the server refuses it.
 */
export async function inParagraphs(t, { staff, manager, city }, contract, { script }) {
  const mark = Date.now().toString(36);
  /** Sends a text that must be refused; what was typed stays, and a better one is taken. */
  const refused = async (page, field, text, said) => {
    await fillIn(page, { [field]: text });
    await sendForm(page, field);
    assert.match(await refusal(page), said);
    assert.equal(await value(page, field), text, "what was typed stays");
    await fits(page, field);
  };
  const tooLong = async (page, field, text, said) => {
    if (!script) return refused(page, field, text, said);
    const address = page.url();
    const area = page.locator(`textarea[name="${field}"]`).first();
    await fillIn(page, { [field]: text });
    await form(page, field).locator("button[type=submit]").first().click();
    const told = await area.evaluate((one) => ({
      beside: document.getElementById(`c-${one.id.slice(2)}`).innerText,
      byTheBrowser: one.validationMessage,
      focused: one === document.activeElement,
    }));
    assert.match(told.beside, /字多すぎます/, "beside the field");
    assert.deepEqual(told, { beside: told.beside, byTheBrowser: told.beside, focused: true }, "at the field, which takes the focus");
    assert.equal(page.url(), address, "nothing is sent");
    assert.equal(await value(page, field), text, "what was typed stays");
    await fits(page, field);
  };

  await t.test("what a request says, and why it is amended", async () => {
    const { fields } = FORMS.request;
    const all = Object.values(TEXTS).map((odd) => `${odd}${mark}`).join("\n\n");
    await open(staff, contract, FORMS.request, `長い話 ${mark}`);
    await fillIn(staff, { ...fields, detail: all });
    await sendForm(staff, "detail");
    await done(staff);
    const address = new URL(staff.url()).pathname;
    for (const odd of Object.values(TEXTS)) await holds(staff, `${odd}${mark}`.trim());
    await looksRight(staff);
    await staff.goto(`${address}/amend`);
    assert.equal(await value(staff, "detail"), all, "line by line");
    await fillIn(staff, { amend_reason: `理由 ${mark}` });
    await refused(staff, "detail", `鈴\u0007 ${mark}`, /制御文字/);
    await tooLong(staff, "detail", "長".repeat(60_000), /文字以内/);
    await fillIn(staff, { detail: `直した ${mark}`, amend_reason: Object.values(TEXTS)[1] + mark });
    await sendForm(staff, "detail");
    await done(staff);
    await looksRight(staff);
    await staff.goto(`/search?q=${mark}`);
    await looksRight(staff);
  });

  await manager.goto(`${contract}/documents`);
  // Not the report of the work, which prints the emoji of the entries made before.
  const make = manager.locator('main form[action$="/documents/draft"]:has([value="access-report"]) button').first();
  await Promise.all([manager.waitForEvent("load"), make.click()]);
  const paper = new URL(manager.url()).pathname;
  await t.test("the words of a closing", async () => {
    for (const [kind, odd] of Object.entries(TEXTS)) {
      const text = `${odd}${mark}\n\n二つめの段落`;
      await fillIn(manager, { findings: text });
      await sendForm(manager, "findings");
      // No typeface of ours has every emoji, and not every machine's have letters from right to
      // left: that is said, by the number of the sign, instead of printing empty boxes.
      const said = await refusal(manager);
      if (/emoji/.test(kind) || said) {
        assert.match(said, /U\+[0-9A-F]{4,6}/, kind);
        assert.equal(await value(manager, "findings"), text, "what was typed stays");
      } else {
        await done(manager);
        await holds(manager, `${odd}${mark}`.trim());
      }
      await looksRight(manager);
      await manager.goto(paper);
    }
    await refused(manager, "findings", `鈴\u0007 ${mark}`, /制御文字|U\+0007/);
    await tooLong(manager, "findings", "長".repeat(4_001), /4000文字以内/);
    await fillIn(manager, { findings: `直した ${mark}` });
    await sendForm(manager, "findings");
    await done(manager);
  });

  await t.test("why the city sends a paper back, and why it is made again", async () => {
    const all = Object.values(TEXTS).map((odd) => `${odd}${mark}`).join("\n");
    await manager.goto(paper);
    await sendForm(manager, "submitted_on");
    await done(manager);
    await city.goto(paper);
    await refused(city, "returned_reason", `鈴\u0007 ${mark}`, /制御文字/);
    await tooLong(city, "returned_reason", "長".repeat(5_000), /文字以内/);
    await fillIn(city, { returned_reason: all });
    await sendForm(city, "returned_reason");
    await done(city);
    await manager.goto(paper);
    for (const page of [city, manager]) {
      for (const odd of Object.values(TEXTS)) await holds(page, `${odd}${mark}`.trim());
      await looksRight(page);
    }
    await fillIn(manager, { reason: all });
    await sendForm(manager, "reason");
    await done(manager);
    await looksRight(manager);
    await manager.goto(`${contract}/documents`);
    await looksRight(manager);
  });
}
