// What must hold against bad input in every browser: driven by `drive.js`, so that Firefox walks it
// too. The whole of it is walked by `bad-input.test.js` in Chromium.

import assert from "node:assert/strict";
import { misfits } from "./look.js";

const text = (page, selector) => page.evaluate((wanted) => document.querySelector(wanted)?.innerText ?? "", selector);
const value = (page, selector) => page.evaluate((wanted) => document.querySelector(wanted)?.value ?? "", selector);
const SEND = "main form[method=post].form button[type=submit], main form[method=post].filter button[type=submit]";
const TOPIC = "main [name=topic]";

/** Walks them at one size; `contract` is the path of the contract's pages. */
export async function essentials(t, browser, { world, contract, view, size, person }) {
  const mark = `${size} ${Date.now().toString(36)}`;
  const to = (page, path) => page.goto(`${world.address}${path}`);
  const enter = async (page) => {
    await page.fill("input[autocomplete^=username]", person.name);
    await page.fill("input[type=password]", person.password);
    await page.focus("input[type=password]");
    await Promise.all([page.loaded(), page.press("Enter")]);
  };
  const signedIn = async () => {
    const page = await browser.page(view);
    await to(page, "/sign-in");
    await enter(page);
    return page;
  };
  const question = async (page, topic) => {
    await to(page, `${contract}/question/new`);
    await page.fill(TOPIC, topic);
    await page.evaluate(() => { document.querySelector("main [name=channel]").selectedIndex = 1; });
  };
  const counted = async (page, topic) => {
    await to(page, `${contract}/question?q=${encodeURIComponent(topic)}`);
    return page.evaluate(() => document.querySelectorAll("main tbody tr").length);
  };
  const [one, two] = [await signedIn(), await signedIn()];

  await t.test("a stale form shows both versions", async () => {
    await question(one, `競合 ${mark}`);
    await one.follow(SEND);
    const address = `${new URL(one.url()).pathname}/answer`;
    for (const page of [one, two]) await to(page, address);
    await one.fill("main [name=minutes]", "0:25");
    await one.follow(SEND);
    await two.fill("main [name=minutes]", "0:35");
    await two.follow(SEND);
    assert.match(await text(two, "main"), /25分/, "what the other saved");
    assert.equal(await value(two, "main [name=minutes]"), "0:35", "what was typed");
    assert.deepEqual(await misfits(two, "conflict"), []);
    await two.follow(SEND);
    await two.wait(".notice.ok");
    assert.match(await text(two, "main"), /35分/);
  });

  await t.test("two clicks make one", async () => {
    const topic = `二度押し ${mark}`;
    await question(one, topic);
    await Promise.all([one.loaded(), one.evaluate((selector) => {
      document.querySelector(selector).click();
      document.querySelector(selector).click();
    }, SEND)]);
    await one.wait(".notice.ok");
    assert.equal(await counted(one, topic), 1);
  });

  await t.test("letters from right to left and words without end stay in their place", async () => {
    const topic = `\u202eשלום ${"W".repeat(120)} ${mark}`;
    await question(one, topic);
    await one.follow(SEND);
    await one.wait(".notice.ok");
    assert.deepEqual(await misfits(one, "item"), []);
    await to(one, `${contract}/question?q=${encodeURIComponent(mark)}`);
    assert.deepEqual(await misfits(one, "list"), []);
    assert.ok(await one.evaluate(() => [...document.querySelectorAll("main td bdi, main th bdi")].some((bdi) => bdi.innerText.includes("שלום"))));
  });

  await t.test("a session ended from another device takes no text with it", async () => {
    const topic = `続きを送る ${mark}`;
    await question(one, topic);
    await to(two, "/account");
    await two.follow('form[action="/account/sessions/end-others"] button');
    await one.follow(SEND);
    assert.match(await text(one, "main"), /期限が切れていました/);
    await enter(one);
    assert.ok((await text(one, "main")).includes(topic), "it is shown");
    await one.follow("form[data-carried] button");
    await one.wait(".notice.ok");
    assert.equal(await counted(one, topic), 1);
  });

  await t.test("a server that goes away and comes back", { skip: size === "phone" ? "walked at the desk" : false }, async () => {
    const topic = `止まっている間に書いた ${mark}`;
    await question(one, topic);
    await world.pause();
    try {
      await one.click(SEND);
      await one.wait(".offline-bar:not([hidden])");
      assert.equal(await value(one, TOPIC), topic);
    } finally {
      await world.resume();
    }
    await one.wait(".notice.ok");
    assert.equal(await counted(one, topic), 1);
  });
  for (const page of [one, two]) await page.close();
}
