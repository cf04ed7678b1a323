// A page walked with the Tab key alone: what it stops at, whether one sees where one is, and
// whether anything that can be used is left out. A recorder in the page notes every stop, so that
// the keys need not wait for each other.

/** Tab presses that are sent at once. */
const HANDFUL = 20;
/** No page has more stops than this; a page where Tab never comes round is a trap. */
const MOST_PRESSES = 700;

/** Walks the open page; gives what is wrong, one line each, and how many stops there are. */
export async function keyboardWalk(page, target) {
  await page.evaluate(fromTheTop);
  await page.evaluate(record);
  let walked = { done: false };
  for (let presses = 0; presses < MOST_PRESSES && !walked.done; presses += HANDFUL) {
    const before = walked.stops;
    for (let press = 0; press < HANDFUL; press += 1) await page.keyboard.press("Tab");
    walked = await page.evaluate(() => ({ done: globalThis.keyboardWalk.done(), stops: globalThis.keyboardWalk.stops.length }));
    if (walked.stops === before) break;
  }
  const { found, stops } = await page.evaluate(() => globalThis.keyboardWalk.result());
  return { found: found.map((line) => `${target}: ${line}`), stops };
}

/** The same on a phone, where the menu is folded: it is opened by the keyboard, and walked as well. */
export async function phoneWalk(page, target) {
  const opened = await page.evaluate(() => {
    const summary = document.querySelector("details.narrow > summary");
    summary?.focus();
    return summary ? document.activeElement === summary : null;
  });
  if (opened === null) return keyboardWalk(page, target);
  await page.keyboard.press("Enter");
  const { found, stops } = await keyboardWalk(page, target);
  const reached = await page.evaluate(() =>
    globalThis.keyboardWalk.stops.filter((stop) => stop.matches("details.narrow nav a")).length);
  if (!opened || reached === 0) found.push(`${target}: the phone's menu does not open by the keyboard`);
  return { found, stops };
}

/** Runs in the page: the next Tab begins at its top, wherever the script of the page had put the focus. */
function fromTheTop() {
  const top = document.createElement("span");
  top.tabIndex = -1;
  document.body.prepend(top);
  top.focus({ preventScroll: true });
  top.remove();
  scrollTo(0, 0);
}

/** Runs in the page: notes every stop until the first comes again. */
function record() {
  const stops = [];
  const said = new Set();
  const found = [];
  const say = (line) => {
    if (!said.has(line)) found.push(line);
    said.add(line);
  };
  const name = (one) => one.outerHTML.replace(/\s+/g, " ").slice(0, 110);

  // A ring around the element itself or around the box that it fills, as on tiles.
  const ringOf = (style) => [
    style.outlineStyle === "none" || parseFloat(style.outlineWidth) === 0 ? "" : `${style.outlineWidth} ${style.outlineColor}`,
    style.boxShadow === "none" ? "" : style.boxShadow,
  ].join("|");
  const around = (one) => [one, one.parentElement, one.parentElement?.parentElement].filter(Boolean);
  const rings = (one) => around(one).map((box) => ringOf(getComputedStyle(box)));
  const isRing = (ring) => ring !== "|" && !/^[\d.]+px (rgba\(0, 0, 0, 0\)|transparent)\|$/.test(ring);

  // Wholly under something else: none of its points is to be seen (WCAG 2.4.11).
  const isCovered = (one) => {
    const boxes = [...one.getClientRects()].filter(({ width, height }) => width > 0 && height > 0);
    const points = boxes.flatMap(({ left, right, top, bottom }) =>
      [[left + 2, top + 2], [(left + right) / 2, (top + bottom) / 2], [right - 2, bottom - 2]]);
    return !points.some(([x, y]) => {
      const hit = document.elementFromPoint(x, y);
      return hit && (one.contains(hit) || hit.contains(one) || [...(one.labels ?? [])].some((label) => label.contains(hit)));
    });
  };

  let last = null;
  let round = false;
  const settle = () => {
    if (!last) return;
    const { one, focused } = last;
    last = null;
    const now = rings(one);
    if (!focused.some((ring, at) => isRing(ring) && ring !== now[at])) say(`focus is not seen on ${name(one)}`);
  };
  document.addEventListener("focusin", ({ target }) => {
    if (round) return;
    settle();
    if (stops.includes(target)) {
      if (target !== stops[0]) say(`Tab comes back to ${name(target)} before it has been everywhere`);
      round = true;
      return;
    }
    stops.push(target);
    last = { one: target, focused: rings(target) };
    if (isCovered(target)) say(`focus is hidden under something on ${name(target)}`);
  });
  // Out of the page: the browser's own buttons come next.
  addEventListener("blur", () => {
    if (document.activeElement !== document.body) return;
    // The keys that were sent ahead may bring the focus back to the very stop that is settled later.
    if (!round) settle();
    round = true;
  });

  const usable = () => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex], audio[controls], video[controls]")]
    .filter((one) => !one.disabled && one.tabIndex >= 0 && !one.closest("[inert]") && one.checkVisibility({ visibilityProperty: true }))
    // Of a group of radio buttons Tab reaches the chosen one; arrows lead to the others.
    .filter((one) => one.type !== "radio" || stops.some((stop) => stop.type === "radio" && stop.name === one.name && stop.form === one.form) === false);

  globalThis.keyboardWalk = {
    stops,
    done: () => round,
    result() {
      settle();
      for (const one of usable()) if (!stops.includes(one)) say(`Tab does not reach ${name(one)}`);
      for (const one of document.querySelectorAll("[tabindex]")) if (one.tabIndex > 0) say(`an order of its own: ${name(one)}`);
      stops.forEach((stop, at) => {
        const before = stops[at - 1];
        if (before && !(before.compareDocumentPosition(stop) & Node.DOCUMENT_POSITION_FOLLOWING)) say(`out of order: ${name(stop)}`);
      });
      const [first] = stops;
      if (!first?.matches("a[href='#main']")) say(`the first stop does not skip to the content: ${first ? name(first) : "there is none"}`);
      return { found, stops: stops.length };
    },
  };
}
