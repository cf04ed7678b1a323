// What is wrong with a page as it stands in the browser: axe's findings, what is wider than the
// window, headings, what covers too much. For both browsers: everything happens in the page.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Findings on the open page, one line each; none is what we want. */
export async function problems(page, target) {
  // The content security policy forbids script tags; evaluate() runs beside it.
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      resultTypes: ["violations"],
    });
    const lines = result.violations.flatMap((one) =>
      one.nodes.map((node) => `${one.id}: ${one.help}: ${node.html.slice(0, 160)}`));
    const headings = document.querySelectorAll("h1").length;
    if (headings !== 1) lines.push(`${headings} h1`);
    return lines;
  });
  return [...found.map((line) => `${target}: ${line}`), ...(await misfits(page, target))];
}

/** What does not fit the window: sideways scrolling, and bars that stay over the page. */
export async function misfits(page, target) {
  const found = await page.evaluate(() => {
    const root = document.documentElement;
    const lines = [];
    const wide = root.scrollWidth - root.clientWidth;
    if (wide > 0) lines.push(`${wide} px wider than the window of ${root.clientWidth} px`);
    const bars = [...document.querySelectorAll("body *")].filter((one) =>
      ["sticky", "fixed"].includes(getComputedStyle(one).position) && one.checkVisibility({ visibilityProperty: true }));
    for (const bar of bars) {
      const { width, height } = bar.getBoundingClientRect();
      if (width > root.clientWidth / 2 && height > innerHeight / 2) {
        lines.push(`covers ${Math.round((100 * height) / innerHeight)} % of the window: ${bar.outerHTML.slice(0, 80)}`);
      }
    }
    return lines;
  });
  return found.map((line) => `${target}: ${line}`);
}

/** WCAG 3.1.2: Japanese that stands in a page of another language without being marked. */
export async function unmarked(page, target) {
  const found = await page.evaluate(() => {
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
    const lines = [];
    while (walker.nextNode()) {
      const { parentElement: around, textContent } = walker.currentNode;
      if (!/[\u3041-\u30ff\u4e00-\u9fff]/.test(textContent) || around.closest("script, style")) continue;
      if (around.closest("[lang]").getAttribute("lang") !== "ja") lines.push(`not marked as Japanese: ${textContent.trim().slice(0, 60)} in ${around.outerHTML.slice(0, 100)}`);
    }
    return lines;
  });
  return found.map((line) => `${target}: ${line}`);
}
