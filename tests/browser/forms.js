// Forms of the real pages, for walks that fill them: where they are, what must stand in them, and
// in which field a text is typed that is looked for later. For Playwright's pages.

/** The first choice there is. */
export const ANY = Symbol("any");
/** A day in Tokyo: today, or so many days before. */
export const day = (before = 0) =>
  new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Tokyo" }).format(Date.now() - before * 86_400_000);

/** The smallest picture, as a file to hand in. */
export const PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
const PICTURE = { name: "画面.png", mimeType: "image/png", buffer: PIXEL };

const WORK = { date: day(), start: "10:00", end: "10:20", category: ANY };

/** `field` takes the text that is looked for; `path` is below the contract unless it is `whole`. */
export const FORMS = {
  work: { register: "work", path: "/work/new", field: "event", fields: WORK },
  "quick entry": { register: "work", path: "/work", field: "event", fields: WORK },
  question: { register: "question", path: "/question/new", field: "topic", fields: { channel: ANY, received_on: day() } },
  request: { register: "request", path: "/request/new", field: "title", fields: { channel: ANY, received_on: day() } },
  upload: { register: "request", path: "/request/new", field: "title", fields: { channel: ANY, received_on: day() }, file: PICTURE },
  settings: { path: "/settings", field: "expiry-days", fields: {}, text: () => `4${Math.floor(Math.random() * 9)}, 1${Math.floor(Math.random() * 9)}` },
  "own name": { path: "/account", whole: true, field: "display_name", fields: {} },
};

/** The form of the page that has a field; without a name the first one that has any. */
export const form = (page, field = "") =>
  page.locator(`main form[method=post]:has([name${field ? `="${field}"` : ""}]:not([type=hidden]))`).first();

const box = (page, field) => form(page, field).locator(`[name="${field}"]`).first();
export const value = (page, field) => box(page, field).inputValue();

/** Fills fields by their names: choices are chosen, texts and days are typed. */
export async function fillIn(page, fields) {
  for (const [name, wanted] of Object.entries(fields)) {
    const tag = await box(page, name).evaluate((one) => one.tagName);
    if (tag !== "SELECT") await box(page, name).fill(wanted);
    else await box(page, name).selectOption(wanted === ANY ? { index: 1 } : wanted);
  }
}

/** Opens a form with everything filled in. */
export async function open(page, contract, { path, whole, field, fields, file }, text) {
  await page.goto(whole ? path : contract + path);
  await fillIn(page, { ...fields, [field]: text });
  if (file) await form(page, field).locator("input[type=file]").setInputFiles(file);
}

/** Sends the form that has a field and waits for what it leads to. */
export async function sendForm(page, field) {
  await Promise.all([page.waitForEvent("load"), form(page, field).locator("button[type=submit]").first().click()]);
}

/** Waits until the page says that it is done. */
export const done = (page) => page.locator(".notice.ok, .notice.warn").first().waitFor();

/** What the page says against the form; empty when it was taken. */
export async function refusal(page) {
  const said = await page.locator("[data-error-summary], [data-problem], main .error").allInnerTexts();
  return said.join(" ").trim();
}

/** Finds a day on which work needs no reason, for the quick entry, which does not ask for one. */
export async function findWorkday(page, contract) {
  for (let before = 0; before < 14; before += 1) {
    WORK.date = day(before);
    await open(page, contract, FORMS["quick entry"], `作業日を探す ${before}`);
    await sendForm(page, "event");
    if (!/時間外の理由/.test(await refusal(page))) return;
  }
  throw new Error("no workday among fourteen");
}
