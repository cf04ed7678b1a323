// Pictures of every page that each role reaches, to be looked at by a person:
//   node pictures.js FOLDER          (cargo xtask docs --every-page FOLDER)
// Each page in both languages, light and dark, at a desk and on a phone, and the main pages as
// they are printed (PDF); `sheets/` holds several pages per picture. PICTURES_ROLES and
// PICTURES_LOOKS narrow it, PICTURES_WORLD names the JSON line of a demo that runs already.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { open, signIn } from "./world.js";

if (!process.argv[2]) throw new Error("name the folder for the pictures");
const folder = resolve(process.argv[2]);

const SIZES = { desk: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } };
const LOOKS = Object.keys(SIZES).flatMap((size) => ["ja", "en"].flatMap((language) => ["light", "dark"].map((scheme) => `${language}-${scheme}-${size}`)));
/** Enough of pages that differ only in what they are about. */
const OF_A_KIND = 2;
/** Links that lead nowhere: found on the way, told at the end. */
const dead = [];
/** What people print. */
const PRINTED = [/^start$/, /^obligations$/, /^obligations-O-/, /^closing/, /^documents$/, /^documents-.+$/, /^work$/, /^ledger$/, /^calendar$/];

const wanted = (list, name) => (process.env[name] ? list.filter((one) => process.env[name].split(",").some((part) => one.includes(part))) : list);

/** The kind of a page: its address without what it is about. */
function kind(path) {
  const { pathname, searchParams } = new URL(path, "http://x");
  const place = pathname.replace(/^\/c\/[^/]+/, "").split("/")
    .map((part, at, all) => (/\d/.test(decodeURIComponent(part)) || all[at - 1] === "help" ? "*" : part)).join("/");
  return `${place}?${[...searchParams.keys()].sort().join("&")}${searchParams.get("step") ?? ""}${searchParams.get("act") ?? ""}`;
}

/** Sorting, paging and filtering show the same page again. */
const again = (path) => /[?&](sort|page|per|q|size|before|after|from|category|state|csv)=/.test(path);

function name(path) {
  const { pathname, search } = new URL(path, "http://x");
  const words = decodeURIComponent(pathname.replace(/^\/c\/[^/]+/, "") + search).replace(/[^\p{L}\p{N}-]+/gu, "-").replace(/^-|-$/g, "");
  return words.slice(0, 60) || "start";
}

/** Every page that the person reaches by links from the first one, itself included; `take` leaves out some. */
async function reachable(page, take) {
  await page.goto("/");
  const found = [path(page.url())];
  for (let next = 0; next < found.length; next += 1) {
    await page.goto(found[next]);
    for (const target of await links(page)) {
      if (!found.includes(target) && take(target)) found.push(target);
    }
  }
  return found;
}

async function links(page) {
  const targets = await page.locator("a[href]").evaluateAll((anchors) =>
    anchors.filter((anchor) => !anchor.hasAttribute("download")).map((anchor) => anchor.href));
  return targets
    .filter((target) => target.startsWith(new URL(page.url()).origin))
    .map(path)
    // Files and machine endpoints are no pages.
    .filter((target) => !/\.(pdf|docx|xlsx|zip|csv|json|svg|css|toml)(\?|$)|^\/(api|metrics|healthz|assets)/.test(target));
}

function path(address) {
  const { pathname, search } = new URL(address);
  return pathname + search;
}

/** What an earlier role showed already: its looks are known, only its content is another. */
const known = new Set();

async function pagesOf(person) {
  const page = await world.visitor({ viewport: SIZES.desk });
  await signIn(page, person);
  const seen = new Map();
  const found = await reachable(page, (target) => {
    if (again(target)) return false;
    const count = (seen.get(kind(target)) ?? 0) + 1;
    seen.set(kind(target), count);
    return count <= OF_A_KIND;
  });
  await page.context().close();
  return found;
}

async function shoot(role, person, pages, look) {
  const [language, scheme, size] = look.split("-");
  const page = await world.visitor({ viewport: SIZES[size], colorScheme: scheme, deviceScaleFactor: 1 });
  await signIn(page, person);
  await speak(page, language);
  const into = join(folder, role, look);
  await mkdir(into, { recursive: true });
  const made = [];
  for (const path of pages) {
    const answer = await page.goto(path);
    if (answer.status() >= 400) dead.push(`${role} ${path} answers ${answer.status()}`);
    const file = join(into, `${name(path)}.png`);
    await page.screenshot({ path: file, fullPage: true });
    made.push(file);
    if (look === LOOKS[0] && PRINTED.some((one) => one.test(name(path)))) {
      await page.pdf({ path: file.replace(/png$/, "pdf"), format: "A4", printBackground: false });
    }
  }
  await speak(page, "ja");
  await page.context().close();
  return made;
}

async function speak(page, language) {
  await page.goto("/account");
  if (await page.evaluate(() => document.documentElement.lang) === language) return;
  await page.locator(`.languages button[value=${language}]`).click();
  await page.waitForFunction((to) => document.documentElement.lang === to, language);
}

/** Several pictures on one, each cut at the bottom: enough to see which to open. */
async function sheets(role, look, files) {
  const [columns, rows, width, height] = look.endsWith("phone") ? [6, 1, 300, 1300] : [3, 2, 640, 760];
  await mkdir(join(folder, "sheets"), { recursive: true });
  const page = await world.browser.newPage({ viewport: { width: columns * (width + 12), height: 100 } });
  for (let first = 0; first < files.length; first += columns * rows) {
    const figures = files.slice(first, first + columns * rows).map((file) =>
      `<figure><figcaption>${basename(file, ".png")}</figcaption><div><img src="${pathToFileURL(file)}"></div></figure>`);
    const html = `<style>body{margin:0;background:#888;font:14px sans-serif;display:grid;grid-template-columns:repeat(${columns},${width}px);gap:12px}figure{margin:0}div{height:${height}px;overflow:hidden}img{width:${width}px}</style>${figures.join("")}`;
    const draft = join(folder, "sheets", "draft.html");
    await writeFile(draft, html);
    await page.goto(pathToFileURL(draft).href);
    await page.screenshot({ path: join(folder, "sheets", `${role}-${look}-${String(first / (columns * rows) + 1).padStart(2, "0")}.png`), fullPage: true });
  }
  await page.close();
}

async function attached() {
  const ready = JSON.parse(await readFile(process.env.PICTURES_WORLD, "utf8"));
  const address = new URL(ready.address).origin;
  const browser = await chromium.launch({ executablePath: process.env.E2E_CHROMIUM ?? "/usr/bin/chromium", args: process.getuid() === 0 ? ["--no-sandbox"] : [] });
  return {
    ready, address, browser,
    visitor: async (options = {}) => (await browser.newContext({ baseURL: address, locale: "ja-JP", ...options })).newPage(),
    close: () => browser.close(),
  };
}

const world = process.env.PICTURES_WORLD ? await attached() : await open();
try {
  const people = [...world.ready.sign_ins].reverse().filter((one) => wanted([one.role], "PICTURES_ROLES").length > 0);
  for (const person of people) {
    const pages = await pagesOf(person);
    console.log(`${person.role}: ${pages.length} pages`);
    for (const look of wanted(LOOKS, "PICTURES_LOOKS")) {
      const shown = look === LOOKS[0] ? pages : pages.filter((path) => !known.has(kind(path)));
      await sheets(person.role, look, await shoot(person.role, person, shown, look));
    }
    for (const path of pages) known.add(kind(path));
  }
} finally {
  await world.close();
}
if (dead.length > 0) throw new Error(`links that lead nowhere:\n  ${[...new Set(dead)].join("\n  ")}`);
