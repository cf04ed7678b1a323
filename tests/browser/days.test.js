// A day of each role, with what people do on it and not only what they look at: in each browser,
// at a desk and on a phone. The people meet: what one sends, the other finds and answers.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browsers } from "./drive.js";
import { open } from "./world.js";

const SIZES = { desk: { width: 1280, height: 900 }, phone: { width: 390, height: 800 } };
/** A new work entry by keyboard takes at most so long: the keys at a typist's pace, and the pages. */
const MOST_SECONDS = 10;
const KEYS_PER_SECOND = 5;
/** The smallest picture, as a file to hand in. */
const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

let world;
let folder;
let picture;
before(async () => {
  world = await open();
  folder = await mkdtemp(join(tmpdir(), "mamori-days-"));
  picture = join(folder, "画面.png");
  await writeFile(picture, PIXEL);
});
after(async () => {
  await world?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const value = (page, selector) => page.evaluate((wanted) => document.querySelector(wanted).value, selector);
const text = (page, selector) => page.evaluate((wanted) => document.querySelector(wanted)?.innerText ?? "", selector);
const state = async (page) => (await text(page, "main .badge")).trim();
/** A day in Tokyo: today, or so many days before. */
const day = (before) => new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Tokyo" }).format(Date.now() - before * 86_400_000);
const today = () => day(0);

async function signIn(page, { name, password }) {
  await page.goto(`${world.address}/sign-in`);
  await page.fill("input[autocomplete^=username]", name);
  await page.fill("input[type=password]", password);
  await page.focus("input[type=password]");
  await Promise.all([page.loaded(), page.press("Enter")]);
  await page.wait(".account-menu");
}

/** Opens a page by the menu, which is behind a button on a phone. */
async function menu(page, ending) {
  const narrow = await page.evaluate(() => document.querySelector("details.narrow > summary").checkVisibility());
  if (narrow) await page.click("details.narrow > summary");
  await page.follow(`${narrow ? "details.narrow" : "nav.side"} a[href$="${ending}"]`);
}

/** Fills a form by the names of its fields: days and choices are set, texts are typed. */
async function fillIn(page, fields) {
  for (const [name, wanted] of Object.entries(fields)) {
    const selector = `main form[method=post] [name="${name}"]`;
    const kind = await page.evaluate((which) => document.querySelector(which)?.type ?? "", selector);
    assert.notEqual(kind, "", `there is a field ${name} at ${page.url()}`);
    if (kind === "file") await page.upload(selector, wanted);
    else if (kind === "date" || kind.startsWith("select")) {
      await page.evaluate(({ which, given }) => {
        const box = document.querySelector(which);
        box.value = given ?? [...box.options].find((option) => option.value !== "").value;
        box.dispatchEvent(new Event("input", { bubbles: true }));
        box.dispatchEvent(new Event("change", { bubbles: true }));
      }, { which: selector, given: wanted });
    } else await page.fill(selector, wanted);
  }
}

/** The first choice there is. */
const ANY = null;

/** Sends the form whose address ends so, and expects the page to say that it was done. */
async function send(page, ending, fields = {}) {
  await fillIn(page, fields);
  await page.follow(`main form[method=post][action$="${ending}"] button[type=submit]`);
  const refused = await text(page, "[data-error-summary], [data-problem], main .error");
  assert.equal(refused, "", `${ending} is taken`);
  await page.wait(".notice.ok, .notice.warn");
}

/** Follows an act of the thing shown and does it. */
async function act(page, name, fields) {
  await page.follow(`main a[href$="/${name}"]`);
  await send(page, `/${name}`, fields);
}

async function administratorsDay(page, newcomer) {
  const name = `shinjin-${Date.now().toString(36)}`;
  const called = `新人 ${name}`;
  await menu(page, "/people");
  await page.follow('main a[href="/people/invite"]');
  await fillIn(page, { display_name: called, role: "staff" });
  await page.follow('main form[action="/people/invite"] button[type=submit]');
  const link = await value(page, "#f-link");
  assert.match(link, /^http.*\/invitation\//, "the link is there to be handed over");

  await newcomer.goto(link);
  const password = "tsubame-okashi-7431-yane";
  for (const [field, given] of Object.entries({ name, display_name: called, password, password_again: password })) {
    const there = await newcomer.evaluate((which) => Boolean(document.querySelector(`main form input[name=${which}]:not([type=hidden])`)), field);
    if (there) await newcomer.fill(`main form input[name=${field}]`, given);
  }
  await newcomer.follow("main form button[type=submit]");
  assert.equal(await text(newcomer, "main .error, main .notice.bad"), "", "the invitation is taken");
  if (await newcomer.evaluate(() => !document.querySelector(".account-menu"))) await signIn(newcomer, { name, password });
  assert.match(await text(newcomer, ".account-menu summary"), /担当者/, "the newcomer is in, as what they were invited");

  await menu(page, "/people");
  const person = await page.evaluate((who) =>
    [...document.querySelectorAll("main a")].find((one) => one.innerText.includes(who)).getAttribute("href"), called);
  await page.goto(world.address + person);
  await send(page, "/rights", { role: "viewer" });
  await newcomer.goto(world.address);
  await newcomer.wait("input[type=password]");
  await signIn(newcomer, { name, password });
  assert.match(await text(newcomer, ".account-menu summary"), /閲覧者/, "no session with the old role is left");
  await send(page, "/end-sessions");
  await newcomer.goto(`${world.address}/account`);
  await newcomer.wait("input[type=password]");
}

async function staffsDay(page, mark) {
  const home = page.url();
  await page.follow('main a[href*="/obligations/"]');
  assert.ok((await text(page, "main blockquote")).length > 0, "the text of the clause is there");
  await page.goto(home);

  await menu(page, "/work");
  await page.click("[data-timer-start]");
  await page.click("[data-timer-stop]");
  for (const field of ["start", "end"]) {
    assert.match(await value(page, `form[data-timer] [name=${field}]`), /^\d\d:\d\d$/, `the timer fills ${field}`);
  }
  // What the timer gave may be mended; the walk must not depend on the hour at which it is taken.
  await fillIn(page, { start: "09:10", end: "09:40", category: ANY, event: `計測した作業 ${mark}` });
  await page.follow("form[data-timer] button[type=submit]");
  // On a day without work the contract wants to know why.
  if (await text(page, "[data-error-summary]")) {
    assert.match(await text(page, "[data-error-summary]"), /時間外の理由/);
    await fillIn(page, { outside_hours_reason: "市の依頼で休日に行った。" });
    await page.follow("main form[method=post] button[type=submit]");
  }
  await page.wait(".notice.ok, .notice.warn");
  assert.ok((await text(page, "main")).includes(`計測した作業 ${mark}`));

  await menu(page, "/request");
  await page.follow("main a[data-new]");
  await send(page, "/request/new", { title: `案内文の差し替え ${mark}`, received_on: today(), channel: ANY, file: picture });
  const request = page.url();
  assert.ok((await text(page, "main")).includes("画面.png"), "the file is kept with the request");
  await act(page, "estimate", { estimate_minutes: "1:30", estimated_on: today() });
  assert.match(await state(page), /見積/);
  return request;
}

/**
 * A new entry without the mouse, from the start page; gives what it took, or nothing when that day
 * is a day without work. An entry of today, which is what is measured, does not need its day typed;
 * on a holiday the walk types an earlier one, and these keys are not counted.
 */
async function entryByKeyboard(page, event, before) {
  await page.goto(world.address);
  let keys = 0;
  const press = async (key) => {
    keys += 1;
    await page.press(key);
  };
  const type = async (letters) => {
    keys += letters.length;
    await page.type(letters);
  };
  const at = () => page.evaluate(() => document.activeElement?.name ?? "");
  const begun = Date.now();
  const shortcut = await page.evaluate(() => document.querySelector('a[data-key][href$="/work"]').dataset.key);
  await press("g");
  await Promise.all([page.loaded(), press(shortcut)]);
  await press("Tab");
  await press("Enter");
  for (let stop = 0; stop < 8 && (await at()) !== "date"; stop += 1) await press("Tab");
  assert.equal(await at(), "date", "the quick entry is near the beginning");
  if (before > 0) await page.type(day(before));
  await press("Tab");
  await type("10:00");
  await press("Tab");
  await type("10:30");
  while ((await at()) !== "category") await press("Tab");
  await press("ArrowDown");
  await press("Tab");
  assert.equal(await at(), "event");
  await type(event);
  await Promise.all([page.loaded(), press("Enter")]);
  const machine = (Date.now() - begun) / 1000;
  if (/時間外の理由/.test(await text(page, "[data-error-summary]"))) return null;
  await page.wait(".notice.ok, .notice.warn");
  const contract = new URL(page.url()).pathname.match(/^\/c\/[^/]+/)[0];
  await page.goto(`${world.address}${contract}/work?q=${encodeURIComponent(event)}`);
  assert.ok((await text(page, "main tbody")).includes(event), "the entry is in the list");
  return { keys, machine };
}

async function managersDay(page, mark) {
  await menu(page, "/approval");
  await page.follow("main a[data-new]");
  await send(page, "/approval/new", { gate: ANY, about: `承認を求める事項 ${mark}`, requested_on: today() });
  const approval = page.url();

  await menu(page, "/documents");
  await page.follow('main form[action$="/documents/draft"] button');
  assert.equal(await state(page), "案");
  await send(page, "/submit");
  assert.equal(await state(page), "提出済み");
  return { approval, paper: page.url() };
}

async function citysDay(page, { request, approval, paper, mark }) {
  await page.goto(request);
  await act(page, "approve/as-city", { approved_on: today() });
  assert.match(await state(page), /承認/);
  await page.goto(approval);
  await act(page, "grant/as-city", { decided_on: today(), how: ANY });
  assert.match(await state(page), /承認/);
  await page.goto(paper);
  await page.follow('main a[href*="/question/new"]');
  await send(page, "/question/new", { topic: `書類について ${mark}`, channel: ANY, received_on: today() });
  await page.goto(paper);
  await send(page, "/return", { returned_reason: `数字の根拠を書いてください（${mark}）` });
  assert.equal(await state(page), "差戻し");
}

async function managersAnswer(page, paper, mark) {
  await page.goto(paper);
  assert.ok((await text(page, "main")).includes(`数字の根拠を書いてください（${mark}）`), "the reason is shown");
  await send(page, "/replace", { reason: "根拠を書き足した" });
  await send(page, "/submit");
  assert.equal(await state(page), "提出済み");
}

async function finished(staff, city, request) {
  await staff.goto(request);
  await act(staff, "finish", { done_on: today(), result: "差し替えた。" });
  await city.goto(request);
  await act(city, "accept/as-city", { accepted_on: today() });
  assert.match(await state(city), /検収/);
}

async function counsellorsDay(page, mark) {
  await menu(page, "/question");
  await page.follow("main a[data-new]");
  await send(page, "/question/new", { topic: `予約の画面が開かない ${mark}`, channel: ANY, received_on: today(), detail: "保護者から電話があった。" });
  assert.ok((await text(page, "main")).includes("保護者から電話があった。"));
  await menu(page, "/question");
  assert.ok((await text(page, "main")).includes(`予約の画面が開かない ${mark}`), "the question is in the list");
}

async function auditorsDay(page) {
  await menu(page, "/ledger");
  await page.follow('main tbody a[href*="/ledger/"]');
  const proof = await page.evaluate(async () => {
    const link = document.querySelector('main a[href$="/proof"]');
    const answer = await fetch(link.href);
    return { status: answer.status, keys: Object.keys(await answer.json()) };
  });
  assert.equal(proof.status, 200);
  assert.ok(proof.keys.length > 0, "the proof holds something");
  await menu(page, "/ledger");
  const start = await page.evaluate(async () => {
    const answer = await fetch(document.querySelector('main a[href*="/ledger/export"]').href);
    return String.fromCharCode(...new Uint8Array(await answer.arrayBuffer()).slice(0, 2));
  });
  assert.equal(start, "PK", "the export is a ZIP");
  assert.equal(await page.evaluate(() => document.querySelectorAll("main form[method=post]").length), 0, "nothing to change here");
}

if (!process.env.E2E_FIREFOX) test("Firefox", { skip: "E2E_FIREFOX is not set: no Firefox walks on this machine" }, () => {});

for (const { name: browserName, start } of browsers()) {
  for (const [size, view] of Object.entries(SIZES)) {
    test(`a day of every role (${browserName}, ${size})`, async (t) => {
      const browser = await start();
      const mark = `${browserName} ${size}`;
      const as = async (role) => {
        const page = await browser.page(view);
        await signIn(page, world.ready.sign_ins.find((one) => one.role === role));
        return page;
      };
      try {
        const [staff, manager, city] = [await as("staff"), await as("manager"), await as("city")];
        let request;
        let sent;
        await t.test("the administrator invites, changes a role and ends a session", async () => {
          await administratorsDay(await as("administrator"), await browser.page(view));
        });
        await t.test("the engineer looks what is due, records work, takes in a request and estimates it", async () => {
          request = await staffsDay(staff, mark);
        });
        await t.test("the engineer records work without the mouse", { skip: size === "phone" ? "a phone has no keyboard" : false }, async () => {
          const page = await as("staff");
          let took = null;
          for (let before = 0; before < 14 && !took; before += 1) took = await entryByKeyboard(page, `patch ${browserName}`, before);
          const { keys, machine } = took;
          const seconds = keys / KEYS_PER_SECOND + machine;
          console.log(`a work entry by keyboard (${browserName}): ${keys} keys, machine ${machine.toFixed(1)} s, at ${KEYS_PER_SECOND} keys a second ${seconds.toFixed(1)} s`);
          assert.ok(keys / KEYS_PER_SECOND <= MOST_SECONDS, `${keys} keys`);
          assert.ok(seconds <= MOST_SECONDS, `${seconds} s`);
        });
        await t.test("the manager asks for an approval and submits a paper", async () => {
          sent = await managersDay(manager, mark);
        });
        await t.test("the city approves, asks, and returns the paper with its reason", async () => {
          await citysDay(city, { request, ...sent, mark });
        });
        await t.test("the manager mends it, the city accepts the paper and the work", async () => {
          await managersAnswer(manager, sent.paper, mark);
          await city.goto(sent.paper);
          await send(city, "/accept");
          assert.equal(await state(city), "検収済み");
          await finished(staff, city, request);
        });
        await t.test("the counsellor asks", async () => counsellorsDay(await as("counsellor"), mark));
        await t.test("the auditor takes a proof and the whole ledger away", async () => auditorsDay(await as("viewer")));
      } finally {
        await browser.close();
      }
    });
  }
}
