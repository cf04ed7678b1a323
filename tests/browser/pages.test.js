// Every page of every role, at every width, light and dark, in both languages: axe finds nothing,
// nothing scrolls sideways, the keyboard reaches everything, and the first view is light.
//
// "Every page" is every page reached by links that is built differently from the others; the
// first test prints how many that are.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { everyPage } from "./crawl.js";
import { keyboardWalk, phoneWalk } from "./keyboard.js";
import { misfits, problems, unmarked } from "./look.js";
import { open, signIn } from "./world.js";

/** WCAG 1.4.10: 400 % zoom in a window of 1280 × 1024 px is a window of 320 × 256 CSS pixels. */
const ZOOMED = { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 };
const WIDTHS = [768, 1920];
/** What a first view may weigh as it comes over the network, with nothing kept from before. */
const MOST_BYTES = 200_000;

let world;
let all;

before(async () => {
  world = await open();
  // The one who sees most comes first, so that fewest signed-in sessions are needed.
  const order = ["administrator", "manager", "city", "staff", "counsellor", "viewer"];
  const people = order.map((role) => world.ready.sign_ins.find((one) => one.role === role));
  all = await everyPage(world, people, signIn);
  for (const { person, addresses, reached } of all) {
    console.log(`${person.role}: ${reached} pages reached, ${addresses.length} of them built unlike those before`);
  }
});
after(() => world?.close());

/** Pages looked at side by side: the browser and the server each have a processor then. */
const LANES = 2;

/**
 * Does `look` on every page, each as its person; gives what was found. What `prepare` gives for a
 * browser page is handed to its looks.
 */
async function onEvery(options, prepare, look) {
  const waiting = all.flatMap(({ person, addresses, storageState }) => addresses.map((address) => ({ person, address, storageState })));
  const found = [];
  const lane = async () => {
    let page;
    let as;
    let given;
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { person, address, storageState } = next;
      if (person !== as) {
        await page?.context().close();
        page = await world.visitor({ reducedMotion: "reduce", storageState, ...options });
        await page.goto("/");
        given = await prepare?.(page);
        as = person;
      }
      await page.goto(address);
      found.push(...(await look(page, `${person.role} ${decodeURIComponent(address.slice(world.address.length))}`, given)));
    }
    await page?.context().close();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return found;
}

async function speak(page, language) {
  if ((await page.locator("html").getAttribute("lang")) === language) return;
  await page.locator(`.languages button[value=${language}]`).first().click();
  await page.locator(`html[lang=${language}]`).waitFor();
}

test("everybody reaches pages of their own, and no link leads nowhere", () => {
  for (const { person, reached } of all) assert.ok(reached > 10, `${person.role} reaches ${reached} pages`);
});

/** Whether a page is one of the menu's own. */
const inMenu = (page) => page.evaluate(() => [...document.querySelectorAll("nav.side a")].some((link) => link.href === location.href));

/** A throw of the coin for a page, the same in every run. */
const chance = (target) => createHash("sha256").update(`coin 8 ${target}`).digest()[0] % 2 === 0;

/**
 * What is wrong with a page in the schemes that are its turn at this width: a page of the menu is
 * looked at in both, any other in one when it is narrow and in the other when it is wide.
 */
async function inItsSchemes(page, target, narrow) {
  const turn = chance(target) === narrow ? "dark" : "light";
  const found = [];
  for (const colorScheme of (await inMenu(page)) ? ["dark", "light"] : [turn]) {
    await page.emulateMedia({ colorScheme });
    seen.add(`${narrow ? "narrow" : "wide"} ${colorScheme}`);
    found.push(...(await problems(page, `${target} (${colorScheme})`)));
  }
  return found;
}

const seen = new Set();

test("axe finds nothing and nothing is too wide at 400 % zoom (320 px), dark or light, in Japanese", async () => {
  const found = await onEvery(ZOOMED, null, (page, target) => inItsSchemes(page, target, true));
  assert.deepEqual(found, []);
});

// Names of people and what people typed count like the contract's words: where they are written in
// Japanese, they are to be spoken as Japanese.
test("nor at 1280 px, the other way round, in English, where all Japanese is marked; nor wider, narrower or with text at 200 %", async () => {
  const view = { width: 1280, height: 900 };
  const found = await onEvery({ viewport: view }, (page) => speak(page, "en"), async (page, target) => {
    const lines = [...(await inItsSchemes(page, target, false)), ...(await unmarked(page, target))];
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: view.height });
      lines.push(...(await misfits(page, target)));
    }
    await page.setViewportSize(view);
    await page.evaluate(() => { document.documentElement.style.fontSize = "200%"; });
    lines.push(...(await misfits(page, `${target} (text 200 %)`)));
    return lines;
  });
  for (const { storageState } of all) {
    const page = await world.visitor({ storageState });
    await page.goto("/");
    await speak(page, "ja");
    await page.context().close();
  }
  assert.equal(seen.size, 4, "every width was seen in both schemes");
  assert.deepEqual(found, []);
});

test("every page is walked by the keyboard alone, at a desk and with the phone's menu: all is reached, focus is seen, nothing traps", async () => {
  let most = 0;
  let stops = 0;
  const [desk, phone] = [{ width: 1280, height: 900 }, { width: 390, height: 844 }];
  const found = await onEvery({ viewport: desk }, null, async (page, target) => {
    const walk = await keyboardWalk(page, target);
    most = Math.max(most, walk.stops);
    stops += walk.stops;
    // With the phone's menu every page of the menu, and half of the others.
    if (!(await inMenu(page)) && chance(target)) return walk.found;
    await page.setViewportSize(phone);
    const onPhone = await phoneWalk(page, `${target} (phone)`);
    stops += onPhone.stops;
    await page.setViewportSize(desk);
    return [...walk.found, ...onPhone.found];
  });
  console.log(`stops of the Tab key: ${stops} on all pages, ${most} on the page with most`);
  assert.deepEqual(found, []);
});

/** First pages: what stands above them is the installation itself. */
const FIRST = /^\/(c\/[^/]+)?$/;

test("every page works without JavaScript, is named by its title, and says where one is", async () => {
  const found = await onEvery({ javaScriptEnabled: false }, null, async (page, target) => {
    const lines = [];
    const headings = await page.locator("h1").allTextContents();
    if (headings.length !== 1) lines.push(`${target}: ${headings.length} h1`);
    const plain = (text) => text.replaceAll(/\s+/g, " ").trim();
    const title = plain(await page.title());
    const heading = plain(headings[0] ?? "");
    // A title may say more than its heading: the number that stands below it.
    if (!title.startsWith(`【見本】${heading}`) || !title.endsWith(" | まもり")) lines.push(`${target}: its title is "${title}", its heading "${heading}"`);
    const here = (await page.locator(".breadcrumbs [aria-current=page]").allTextContents()).map(plain);
    const first = FIRST.test(new URL(page.url()).pathname);
    const same = here.length === 1 && here[0] !== "" && (heading.includes(here[0]) || here[0].includes(heading));
    if (!first && !same) lines.push(`${target}: its way ends in "${here}", its heading is "${heading}"`);
    if ((await page.locator("main").innerText()).trim() === "") lines.push(`${target}: no content`);
    return lines;
  });
  assert.deepEqual(found, []);
});

test("no page asks another host, the browser reports no error, and the first view is light", async () => {
  const found = [];
  let heaviest = { bytes: 0 };
  const watch = async (page) => {
    const asked = [];
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Network.enable");
    await devtools.send("Network.setCacheDisabled", { cacheDisabled: true });
    page.on("request", (request) => asked.push(request));
    page.on("console", (message) => {
      if (message.type() === "error") found.push(`${page.url()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => found.push(`${page.url()}: ${error.message}`));
    page.on("dialog", (dialog) => dialog.accept());
    return asked;
  };
  found.push(...(await onEvery({}, watch, async (page, target, asked) => {
    const since = asked.splice(0);
    const lines = since.filter((request) => !request.url().startsWith(world.address)).map((request) => `${target}: asks ${request.url()}`);
    // A stream of live values has no end; it is no part of the first view.
    const finished = since.filter((request) => request.resourceType() !== "eventsource");
    let bytes = 0;
    for (const request of finished) {
      if (!(await request.response())) continue;
      const { responseBodySize, responseHeadersSize } = await request.sizes();
      bytes += responseBodySize + responseHeadersSize;
    }
    if (bytes > heaviest.bytes) heaviest = { bytes, target };
    if (bytes > MOST_BYTES) lines.push(`${target}: ${bytes} bytes`);
    return lines;
  })));
  console.log(`heaviest first view: ${(heaviest.bytes / 1000).toFixed(1)} kB, ${heaviest.target}`);
  assert.ok(heaviest.bytes > 10_000, "the sizes are real");
  assert.deepEqual(found, []);
});
