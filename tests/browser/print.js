// What people print: nothing to click on the paper, nothing cut off at its edge, nothing left folded.

import { signIn } from "./world.js";

/** A4 upright less the margins of `@page`, at 96 px to the inch. */
const PAPER = { width: Math.floor(((210 - 2 * 12) / 25.4) * 96), height: Math.floor(((297 - 2 * 14) / 25.4) * 96) };

/** Runs in the page: what stands on the paper that should not, and what is missing. */
function onPaper() {
  const lines = [];
  const shown = (one) => one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().height > 0;
  const name = (one) => one.outerHTML.replace(/\s+/g, " ").slice(0, 100);
  for (const one of document.querySelectorAll("nav, form, button, .button, input:not([type=hidden]), select, textarea, .skip, .search")) {
    if (shown(one)) lines.push(`is printed: ${name(one)}`);
  }
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) lines.push(`${wide} px wider than the paper`);
  for (const one of document.querySelectorAll("main *")) {
    const style = getComputedStyle(one);
    const hidden = one.scrollWidth - one.clientWidth;
    if (shown(one) && style.overflowX !== "visible" && style.display !== "inline" && one.clientWidth > 1 && hidden > 1) {
      lines.push(`${hidden} px are cut off: ${name(one)}`);
    }
  }
  for (const fold of document.querySelectorAll("main details:not(:has(form))")) {
    for (const part of fold.querySelectorAll(":scope > :not(summary)")) {
      if (!part.checkVisibility()) lines.push(`stays folded: ${name(part)}`);
    }
  }
  if (!document.querySelector("main h1")?.checkVisibility()) lines.push("has no heading");
  if (document.querySelector("main").innerText.trim().length < 100) lines.push("is empty");
  return lines;
}

const folded = (page) => page.locator("main details:not(:has(form)):not([open])").count();

/** Prints what people print, as the contractor's lead: what is wrong with it, and how much was folded on the screen. */
export async function printed(world) {
  const page = await world.visitor({ viewport: PAPER, colorScheme: "dark" });
  await signIn(page, world.ready.sign_ins.find((one) => one.role === "manager"));
  const contract = new URL(page.url()).pathname.match(/^\/c\/[^/]+/)[0];
  const first = async (list, selector) => {
    await page.goto(`${contract}${list}`);
    return new URL(await page.locator(selector).first().getAttribute("href"), page.url()).pathname;
  };
  const paths = [
    contract,
    `${contract}/obligations`,
    await first("/obligations", "main tbody a[href*='/obligations/O-']"),
    `${contract}/work`,
    await first("/work", "main tbody a[href*='/work/']"),
    await first("/documents", "main tbody th a[href*='/documents/']"),
    `${contract}/closing`,
    `${contract}/calendar`,
    `${contract}/ledger`,
    `${contract}/gateway`,
    `${contract}/gateway/bans`,
    "/account",
  ];
  const found = [];
  let folds = 0;
  for (const path of paths) {
    await page.emulateMedia({ media: "screen", colorScheme: "dark" });
    await page.goto(path);
    folds += await folded(page);
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    found.push(...(await page.evaluate(onPaper)).map((line) => `${path}: ${line}`));
    const colours = await page.evaluate(() => {
      const { backgroundColor, color } = getComputedStyle(document.body);
      return { backgroundColor, color };
    });
    if (colours.backgroundColor !== "rgb(255, 255, 255)" || colours.color !== "rgb(0, 0, 0)") found.push(`${path}: ${JSON.stringify(colours)} on white paper`);
  }
  await page.context().close();
  return { found, folds };
}
