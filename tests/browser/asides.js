// The pages that no link leads to: the ways in, what answers a form, what refuses one, what says
// that something went wrong. Each is brought up as a person would meet it.

import { createHmac } from "node:crypto";
import { readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { done, fillIn, form, FORMS, open as openForm, sendForm } from "./forms.js";
import { openEmpty } from "./world.js";

const PASSWORD = "tsubame-okashi-7431-yane";
const SIGN_IN = "main form[action='/sign-in']";

const loaded = (page, act) => Promise.all([page.waitForEvent("load"), act()]);
const press = (page, selector) => loaded(page, () => page.locator(selector).first().click());

/** What the app on a phone shows for a secret, `ahead` times 30 seconds from now (RFC 6238). */
function oneTimeCode(secret, ahead = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replaceAll(/\s/g, "")].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const digest = createHmac("sha1", key).update(counter).digest();
  const at = digest.at(-1) & 15;
  return String((digest.readUInt32BE(at) & 0x7fff_ffff) % 1_000_000).padStart(6, "0");
}

/** Fills the sign-in form that is on the page and sends it. */
async function enter(page, { name, password }) {
  await page.locator("input[autocomplete^=username]").fill(name);
  await page.locator("input[type=password]").fill(password);
  await press(page, "main form button[type=submit]");
}

/** Sends a form that no page shows as it stands: `fields` to `action`, with the page's own token. */
async function post(page, action, fields) {
  await loaded(page, () => page.evaluate(([to, values]) => {
    const made = document.createElement("form");
    made.method = "post";
    made.action = to;
    const csrf = document.querySelector("input[name=csrf]").value;
    for (const [name, value] of Object.entries({ csrf, ...values })) {
      const field = document.createElement("input");
      field.type = "hidden";
      [field.name, field.value] = [name, value];
      made.append(field);
    }
    document.body.append(made);
    made.submit();
  }, [action, fields]));
}

/** Sends a form as it opened, past the browser's own checks: what it demands is missing. */
async function refused(page, path, selector = "main form[method=post]") {
  await page.goto(path);
  await loaded(page, () => page.locator(selector).first().evaluate((one) => {
    one.noValidate = true;
    one.requestSubmit(one.querySelector("button[type=submit]"));
  }));
}

/** The newest mail that the sample keeps instead of sending it; its text as one line of words. */
async function newestMail(folder) {
  const names = (await readdir(join(folder, "mail"))).filter((name) => name.endsWith(".eml")).sort();
  const raw = await readFile(join(folder, "mail", names.at(-1)), "utf8");
  const [, text = ""] = raw.split(/\r?\n\r?\n/, 2).length > 1 ? [null, raw.slice(raw.search(/\r?\n\r?\n/))] : [];
  return /base64/i.test(raw) ? Buffer.from(text.replaceAll(/\s/g, ""), "base64").toString("utf8") : text.replaceAll(/=\r?\n/g, "");
}

/**
 * Every such page, one after the other: gives its name and the browser's page it stands on, which
 * the next one may use again. `world` is a running sample.
 */
export async function* asides(world) {
  const who = (role) => world.ready.sign_ins.find((one) => one.role === role);
  const folder = world.ready.data_dir;
  const signedIn = async (role) => {
    const page = await world.visitor({ reducedMotion: "reduce" });
    page.on("dialog", (dialog) => dialog.accept());
    await page.goto("/sign-in");
    await enter(page, who(role));
    return page;
  };
  const visitor = () => world.visitor({ reducedMotion: "reduce" });
  const mark = Date.now().toString(36);

  yield* waysIn(visitor, who("staff"));
  yield* firstAdministrator(visitor);

  const administrator = await signedIn("administrator");
  const contract = new URL(await administrator.locator('nav a[href$="/work"]').first().getAttribute("href"), world.address).pathname.replace(/\/work$/, "");
  yield* invitations(administrator, visitor, mark);
  yield* shownOnce(administrator, contract, mark);
  yield* refusals(administrator, contract);
  yield* errors(administrator, await signedIn("counsellor"), visitor, contract);

  const staff = await signedIn("staff");
  yield* clashes(staff, await signedIn("staff"), contract, mark);
  yield* secondFactor(staff, visitor, who("staff"));
  yield* ownMail(staff, folder);
  yield* carried(staff, contract, who("staff"), oneTimeCode);

  yield* broken(administrator, contract, folder);
}

async function* waysIn(visitor, person) {
  const page = await visitor();
  await page.goto("/sign-in");
  yield ["sign-in", page];
  await enter(page, { ...person, password: "wrong" });
  yield ["sign-in, refused", page];
  for (let tries = 0; tries < 30 && (await page.locator("[data-problem]").count()) === 0; tries += 1) {
    await enter(page, { name: "nobody-of-this-name", password: "wrong" });
    if ((await page.locator(SIGN_IN).count()) === 0) break;
  }
  yield ["sign-in, too many attempts", page];
  await page.goto("/people");
  yield ["sign-in, asked by a page", page];
  await page.context().close();
}

async function* firstAdministrator(visitor) {
  const server = await openEmpty();
  try {
    const page = await visitor();
    await page.goto(server.link);
    yield ["set-up", page];
    await refused(page, server.link);
    yield ["set-up, refused", page];
    await page.goto(server.link);
    await fillIn(page, { name: "hajime", display_name: "はじめの 管理者", password: PASSWORD, password_again: PASSWORD });
    await press(page, "main form button[type=submit]");
    yield ["set-up, done: no contract yet", page];
    for (const path of ["/people", "/system", "/search?q=x"]) {
      await page.goto(new URL(path, server.link).href);
      yield [`no contract yet: ${path}`, page];
    }
    await page.goto(server.link);
    yield ["set-up, used", page];
    await page.context().close();
  } finally {
    await server.stop();
  }
}

async function* invitations(administrator, visitor, mark) {
  await refused(administrator, "/people/invite");
  yield ["invitation, refused", administrator];
  await administrator.goto("/people/invite");
  await fillIn(administrator, { display_name: `招かれた人 ${mark}` });
  await press(administrator, "main form button[type=submit]");
  yield ["invitation made", administrator];
  const link = await administrator.locator("#f-link").inputValue();
  const guest = await visitor();
  await guest.goto(link);
  yield ["invitation", guest];
  await fillIn(guest, { name: "A", display_name: "", password: "short", password_again: "other" }, "password");
  await loaded(guest, () => form(guest, "password").evaluate((one) => { one.noValidate = true; one.requestSubmit(); }));
  yield ["invitation, answered badly", guest];
  await fillIn(guest, { name: `guest-${mark}`.slice(0, 30), display_name: `招かれた人 ${mark}`, password: PASSWORD, password_again: PASSWORD });
  await press(guest, "main form button[type=submit]");
  yield ["invitation, taken", guest];
  const late = await visitor();
  await late.goto(link);
  yield ["invitation, used", late];
  await late.context().close();
  await guest.context().close();

  await administrator.goto("/people");
  await press(administrator, `main tr:has-text("招かれた人 ${mark}") a`);
  yield ["somebody's page", administrator];
  await press(administrator, "form[action$='/reset'] button");
  yield ["link for a new password made", administrator];
  const reset = await administrator.locator("#f-link").inputValue();
  const back = await visitor();
  await back.goto(reset);
  yield ["new password", back];
  await fillIn(back, { password: `${PASSWORD}-2`, password_again: `${PASSWORD}-2` });
  await press(back, "main form button[type=submit]");
  yield ["new password, set", back];
  await back.context().close();
}

async function* shownOnce(page, contract, mark) {
  await refused(page, "/account/tokens", "main form[action='/account/tokens']");
  yield ["token, refused", page];
  await page.goto("/account/tokens");
  await page.locator("form[action='/account/tokens'] [name=name]").fill(`集計 ${mark}`);
  const scopes = page.locator("form[action='/account/tokens'] input[type=checkbox]");
  if ((await scopes.count()) > 0) await scopes.first().check();
  await press(page, "form[action='/account/tokens'] button[type=submit]");
  yield ["token made", page];
  const hooks = `${contract}/webhooks`;
  await refused(page, hooks, `main form[action$='/webhooks']`);
  yield ["webhook, refused", page];
  await page.goto(hooks);
  await page.locator("form[action$='/webhooks'] [name=url]").fill("https://hook.example.jp/mamori");
  const kinds = page.locator("form[action$='/webhooks'] [name=kinds]");
  if ((await kinds.count()) === 1) await kinds.fill("work.recorded");
  await press(page, "form[action$='/webhooks'] button[type=submit]");
  yield ["webhook made", page];
  await page.goto(hooks);
  yield ["webhooks", page];
  await press(page, "main tbody th a");
  yield ["webhook", page];
  await press(page, "form[action$='/test'] button");
  yield ["webhook, tried", page];
}

/** Forms as they opened, with what they demand left out. */
const REFUSED = ["work/new", "request/new", "question/new", "approval/new", "consultation/new", "attestation/new", "subcontract/new",
  "training/new", "measure/new", "handover/new", "record/new", "asset/new", "media/new", "gateway/bans/new", "gateway/exclusions/new", "gateway/modes/new"];

async function* refusals(page, contract) {
  for (const path of REFUSED) {
    await refused(page, `${contract}/${path}`);
    yield [`${path}, refused`, page];
  }
  await page.goto(`${contract}/settings`);
  await page.locator("main [name='reminder-days']").fill("いつか");
  await sendForm(page, "reminder-days");
  yield ["settings, refused", page];
  await page.goto("/account");
  await page.locator("form[action='/account/mail'] input:not([type=hidden])").first().fill("宛先");
  await loaded(page, () => page.locator("form[action='/account/mail']").evaluate((one) => { one.noValidate = true; one.requestSubmit(); }));
  yield ["own mail address, refused", page];
  await refused(page, "/account", "form[action='/account/password']");
  yield ["own password, refused", page];
  await page.goto("/help");
  await post(page, "/prove", { password: "wrong", next: "/account" });
  yield ["proof, refused", page];
}

async function* errors(administrator, counsellor, visitor, contract) {
  const at = async (page, name, path) => {
    await page.goto(path);
    return [name, page];
  };
  yield await at(counsellor, "not allowed (403 or 404)", "/people");
  yield await at(counsellor, "a page of the contract that is not theirs", `${contract}/ledger`);
  yield await at(administrator, "no such page (404)", "/no/such/page");
  yield await at(administrator, "no such item (404)", `${contract}/work/no-such-item`);
  yield await at(administrator, "no such contract (404)", "/c/no-such-contract/work");
  yield await at(administrator, "mail link, dead", "/account/mail/no-such-link");
  await administrator.goto("/help");
  await post(administrator, `${contract}/work/new`, { csrf: "forged" });
  yield ["form from elsewhere (403)", administrator];
  await administrator.goto("/help");
  await post(administrator, "/help", {});
  yield ["wrong method (405)", administrator];
  const stranger = await visitor();
  yield await at(stranger, "no such page, nobody signed in", "/no/such/page");
  yield await at(stranger, "invitation, dead", "/invitation/no-such-link");
  yield await at(stranger, "set-up, dead", "/setup?token=no-such-token");
  await stranger.context().close();
  await counsellor.context().close();
}

async function* clashes(one, two, contract, mark) {
  await openForm(one, contract, FORMS.question, `競合 ${mark}`);
  await sendForm(one, "topic");
  await done(one);
  const item = new URL(one.url()).pathname;
  for (const page of [one, two]) await page.goto(`${item}/answer`);
  await fillIn(one, { minutes: "0:25" });
  await sendForm(one, "minutes");
  await done(one);
  yield ["answered", one];
  await fillIn(two, { minutes: "0:35" });
  await sendForm(two, "minutes");
  yield ["stale form, both versions (409)", two];
  await openForm(two, contract, FORMS.question, `競合 ${mark}`);
  await sendForm(two, "topic");
  yield ["the same once more (409)", two];
  await two.context().close();
}

async function* secondFactor(page, visitor, person) {
  await page.goto("/account");
  await press(page, "form[action='/account/second-factor'] button");
  yield ["second factor", page];
  const secret = await page.locator("p .mono").first().innerText();
  await page.locator("#f-code").fill("000000");
  await press(page, "form[action$='/confirm'] button");
  yield ["second factor, refused", page];
  await page.locator("#f-code").fill(oneTimeCode(secret));
  await press(page, "form[action$='/confirm'] button");
  yield ["recovery codes", page];
  await page.goto("/account");
  yield ["account with a second factor", page];

  const other = await visitor();
  await other.goto("/sign-in");
  await enter(other, person);
  yield ["one-time code", other];
  await other.locator("#f-code").fill("000000");
  await press(other, "main form button[type=submit]");
  yield ["one-time code, refused", other];
  await other.context().close();

  await press(page, "form[action='/account/second-factor/remove'] button");
  await done(page);
}

async function* ownMail(page, folder) {
  await page.goto("/account");
  await page.locator("form[action='/account/mail'] input:not([type=hidden])").first().fill("tantou@example.jp");
  await press(page, "form[action='/account/mail'] button");
  yield ["own mail address, asked", page];
  for (let waited = 0; waited < 50; waited += 1) {
    const link = (await newestMail(folder)).match(/\/account\/mail\/[\w-]+/);
    if (link) {
      await page.goto(link[0]);
      yield ["mail link", page];
      return;
    }
    await page.waitForTimeout(200);
  }
  throw new Error("no mail with the link came");
}

async function* carried(page, contract, person) {
  await openForm(page, contract, FORMS.upload, "途中で期限が切れた依頼");
  await page.context().clearCookies();
  await sendForm(page, "title");
  yield ["sign-in with a form kept", page];
  await enter(page, person);
  yield ["form carried through the sign-in", page];
}

async function* broken(page, contract, folder) {
  await page.goto(`${contract}/documents`);
  const papers = await page.locator('main tbody th a[href*="/documents/"]').evaluateAll((all) => all.map((one) => one.href));
  await page.goto(papers[0]);
  const paper = await page.locator('main a[href$=".pdf"]').first().getAttribute("href");
  const blobs = join(folder, "blobs");
  await rename(blobs, `${blobs}-away`);
  try {
    const answer = await page.goto(paper);
    if (answer.status() !== 500) throw new Error(`a file that the register holds and nobody has: ${answer.status()}`);
    yield ["a fault of the server (500)", page];
  } finally {
    await rename(`${blobs}-away`, blobs);
  }
}
