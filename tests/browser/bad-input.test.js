// Bad input on the real pages: two people at one form, a session that ends in the middle of one, a
// server that goes away, forms sent twice, texts and files that no form expects. Nothing that was
// typed is lost, nothing is done twice, nothing breaks the page; without script neither.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { browsers } from "./drive.js";
import { essentials } from "./essentials.js";
import { done, fillIn, findWorkday, form, FORMS, open as openForm, refusal, sendForm, value } from "./forms.js";
import { misfits } from "./look.js";
import { inLines, inParagraphs } from "./odd-texts.js";
import { open } from "./world.js";

const NO_SCRIPT = "phone, no script";
const VARIANTS = {
  desk: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 800 } },
  [NO_SCRIPT]: { viewport: { width: 390, height: 800 }, javaScriptEnabled: false },
};

let world;
let contract;
let folder;
/** Signed-in sessions by role: signing in again and again is what the limits are against. */
const sessions = {};

before(async () => {
  world = await open();
  folder = await mkdtemp(join(tmpdir(), "mamori-bad-input-"));
  const page = await world.visitor();
  await enter(page, "staff");
  contract = new URL(await page.locator('nav a[href$="/work"]').first().getAttribute("href"), world.address).pathname.replace(/\/work$/, "");
  await findWorkday(page, contract);
  await page.context().close();
});
after(async () => {
  await world?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const person = (role) => world.ready.sign_ins.find((one) => one.role === role);

/** Fills the sign-in form that is on the page, or opens one. */
async function enter(page, role) {
  if ((await page.locator("input[autocomplete^=username]").count()) === 0) await page.goto("/sign-in");
  await page.locator("input[autocomplete^=username]").fill(person(role).name);
  await page.locator("input[type=password]").fill(person(role).password);
  await Promise.all([page.waitForEvent("load"), page.locator("main form button[type=submit]").first().click()]);
  await page.locator("form[data-carried], .account-menu").first().waitFor();
}

/** A page of somebody who is signed in already; `own` has a session that may be ended. */
async function as(role, options, { own = false } = {}) {
  const watched = (page) => {
    page.on("dialog", (dialog) => dialog.accept());
    return page;
  };
  if (!own && sessions[role]) return watched(await world.visitor({ storageState: sessions[role], ...options }));
  const page = watched(await world.visitor(options));
  await enter(page, role);
  if (!own) sessions[role] = await page.context().storageState();
  return page;
}

const main = (page) => page.locator("main").innerText();
const drafts = (page) => page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("draft:")).length);

/** What does not fit the window, by Playwright as by `look.js`. */
async function fits(page, target) {
  assert.deepEqual(await misfits(page, target), []);
}

/** Opens a form of a kind with its fields filled; `text` stands where it is looked for later. */
const opened = (page, name, text) => openForm(page, contract, FORMS[name], text);

/** Makes an item of a register; gives its address. */
async function made(page, name, text) {
  await opened(page, name, text);
  await sendForm(page, FORMS[name].field);
  await done(page);
  return new URL(page.url()).pathname;
}

/** How many rows of the list of a register hold a text. */
async function counted(page, register, text) {
  await page.goto(`${contract}/${register}?q=${encodeURIComponent(text)}`);
  return page.locator("main tbody tr", { hasText: text }).count();
}

for (const variant of ["desk", NO_SCRIPT]) {
  const options = VARIANTS[variant];
  const script = options.javaScriptEnabled !== false;

  /** Two people with the same form; the later one is shown both versions and goes on. */
  const collide = async ([one, two], { address, others = {}, field, texts: [theirs, yours], said = theirs, folded = "" }) => {
    for (const page of [one, two]) {
      await page.goto(address);
      if (folded) await page.locator("details", { has: page.locator(folded) }).locator("summary").click();
      await fillIn(page, others);
    }
    await fillIn(one, { [field]: theirs });
    await sendForm(one, field);
    await done(one);
    await fillIn(two, { [field]: yours });
    await sendForm(two, field);
    assert.notEqual(await refusal(two), "", "the later one is told");
    assert.ok((await main(two)).includes(said), "what the other saved is shown");
    assert.equal(await value(two, field), yours, "what was typed stays in its field");
    await fits(two, address);
    await sendForm(two, field);
    await done(two);
    assert.equal(await refusal(two), "", "saved after the choice");
    await two.goto(address);
    assert.equal(await value(two, field), yours);
  };

  test(`a stale form shows both versions and loses nothing (${variant})`, async (t) => {
    const pair = async (role, how) => [await as(role, options, how), await as(role, options, how)];
    const mark = `${variant} ${Date.now().toString(36)}`;
    const texts = [`先に保存した内容 ${mark}`, `あとから書いた内容 ${mark}`];
    const staff = await pair("staff");
    const item = (name, act, field, more = {}) => t.test(`${name}: ${act}`, async () => {
      const address = await made(staff[0], name, `${name} ${mark}`);
      await collide(staff, { address: `${address}/${act}`, field, texts, ...more });
    });
    await item("work", "correct", "event", { others: { correction_reason: "書き間違い" } });
    await item("request", "amend", "detail", { others: { amend_reason: "市からの連絡" } });
    await item("question", "answer", "minutes", { texts: ["0:25", "0:35"], said: "25分" });
    const administrators = await pair("administrator", { own: true });
    await t.test("settings", () => collide(administrators, {
      address: `${contract}/settings`,
      field: "reminder-days",
      texts: variant === "desk" ? ["9, 2", "8, 1"] : ["7, 2", "6, 1"],
    }));
    await t.test("somebody's rights", async () => {
      await administrators[0].goto("/people");
      const address = await administrators[0].locator("main tbody tr", { hasText: "相談員" }).first().locator("a").first().getAttribute("href");
      await collide(administrators, { address, field: "role", texts: ["viewer", "counsellor"], said: "閲覧者" });
    });
    const managers = await pair("manager");
    await t.test("who answers for an obligation", async () => {
      const address = `${contract}/obligations/${variant === "desk" ? "O-017" : "O-018"}`;
      await managers[0].goto(address);
      const people = await managers[0].locator('form [name="person"] option:not([value=""])').evaluateAll((all) => all.map((one) => [one.value, one.text]));
      assert.ok(people.length > 1, "there are two to choose from");
      const [[theirs, said], [yours]] = people;
      await collide(managers, { address, field: "person", texts: [theirs, yours], said, folded: '[name="person"]' });
    });
    await t.test("words of a closing", async () => {
      await managers[0].goto(`${contract}/documents`);
      await Promise.all([managers[0].waitForEvent("load"), managers[0].locator('main form[action$="/documents/draft"] button').first().click()]);
      await collide(managers, { address: new URL(managers[0].url()).pathname, field: "findings", texts });
    });
    for (const page of [...staff, ...administrators, ...managers]) await page.context().close();
  });

  test(`a session that ends takes no text with it, and shows it to nobody else (${variant})`, async (t) => {
    const page = await as("administrator", options, { own: true });
    const elsewhere = await as("administrator", options, { own: true });
    const end = {
      "the cookie is gone": () => page.context().clearCookies(),
      "ended from another device": async () => {
        await elsewhere.goto("/account");
        await elsewhere.locator('form[action="/account/sessions/end-others"] button').click();
        await done(elsewhere);
      },
    };
    const ways = Object.keys(end);
    const mark = Date.now().toString(36);
    for (const [at, name] of Object.keys(FORMS).entries()) {
      const way = ways[at % ways.length];
      await t.test(`${name}: ${way}`, async () => {
        const text = FORMS[name].text?.(mark) ?? `途中の文 ${name} ${mark} ${variant} 😀`;
        await opened(page, name, text);
        await end[way]();
        await sendForm(page, FORMS[name].field);
        assert.match(await main(page), /期限が切れていました/, "the page says what happened");
        assert.ok(!(await page.content()).includes(text), "whoever comes next does not read it");
        await enter(page, "administrator");
        assert.ok((await main(page)).includes(text), "what was typed is shown");
        if (FORMS[name].file) await page.locator("form[data-carried] input[type=file]").setInputFiles(FORMS[name].file);
        await Promise.all([page.waitForEvent("load"), page.locator("form[data-carried] button").click()]);
        await done(page);
        assert.ok((await page.content()).includes(text), "it has arrived");
        if (script) assert.equal(await drafts(page), 0, "and no draft is left");
      });
    }

    await t.test("a new password is not kept, and that is said", async () => {
      await page.goto("/account");
      for (const name of ["current_password", "password", "password_again"]) {
        await page.locator(`form[action="/account/password"] [name=${name}]`).fill("tsubame-okashi-7431-yane");
      }
      await page.context().clearCookies();
      await Promise.all([page.waitForEvent("load"), page.locator('form[action="/account/password"] button').click()]);
      assert.match(await main(page), /パスワードや確認コードは残していません/);
      await enter(page, "administrator");
      await page.waitForURL("**/account");
      assert.match(await main(page), /もう一度入力してください/);
    });

    await t.test("signed in again elsewhere in the same browser", async () => {
      const text = `別の窓でサインインし直した ${mark}`;
      await opened(page, "question", text);
      const window = await page.context().newPage();
      await page.context().clearCookies();
      await enter(window, "administrator");
      await sendForm(page, "topic");
      assert.ok((await main(page)).includes(text), "it is offered again");
      await Promise.all([page.waitForEvent("load"), page.locator("form[data-carried] button").click()]);
      await done(page);
      assert.ok((await main(page)).includes(text));
      await window.close();
    });

    await t.test("another person signs in instead", async () => {
      const text = `ほかの人には見せない ${mark} ${variant}`;
      await opened(page, "question", text);
      await page.context().clearCookies();
      await sendForm(page, "topic");
      await enter(page, "staff");
      assert.match(await main(page), /別の人が入力していた/);
      assert.ok(!(await page.content()).includes(text));
      await page.goto(`${contract}/question/new`);
      assert.equal(await page.locator(".notice.draft").count(), 0, "nor is it offered as a draft");
      assert.ok(!(await page.content()).includes(text));
      await page.goto("/");
      await page.locator(".account-menu summary").click();
      await Promise.all([page.waitForEvent("load"), page.locator(".account-menu button").click()]);
      await enter(page, "administrator");
      if (script) {
        await page.goto(`${contract}/question/new`);
        await page.locator(".notice.draft button").first().click();
        assert.equal(await value(page, "topic"), text, "its writer gets it back");
      }
      assert.equal(await counted(page, "question", text), 0, "nothing was sent");
    });
    await page.context().close();
    await elsewhere.context().close();
  });

  test(`a form sent twice is carried out once (${variant})`, async (t) => {
    const page = await as("administrator", options, { own: true });
    const mark = Date.now().toString(36);
    const button = (field) => form(page, field).locator("button[type=submit]").first();
    const twice = {
      "a double click": (field) => Promise.all([page.waitForEvent("load"), button(field).dblclick()]),
      "Enter twice": async (field) => {
        await form(page, field).locator(`[name="${field}"]`).focus();
        await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter").then(() => page.keyboard.press("Enter").catch(() => {}))]);
      },
    };
    for (const name of ["quick entry", "question", "request"]) {
      for (const [way, send] of Object.entries(twice)) {
        await t.test(`${name}: ${way}`, async () => {
          const text = `二度送る ${name} ${way} ${mark} ${variant}`;
          await opened(page, name, text);
          await send(FORMS[name].field);
          await page.waitForLoadState("networkidle");
          assert.equal(await counted(page, FORMS[name].register, text), 1);
        });
      }
    }
    for (const name of ["question", "request"]) {
      await t.test(`${name}: back, and the same once more`, async () => {
        const { field, register } = FORMS[name];
        const text = `戻って送る ${mark} ${variant}`;
        await opened(page, name, text);
        const where = page.url();
        await sendForm(page, field);
        await done(page);
        await page.goBack();
        assert.equal(page.url(), where);
        if (script) assert.equal(await page.locator(".notice.draft").count(), 0, "what has arrived is no draft");
        // A browser may show the form as it was, or a new one.
        if ((await value(page, field)) !== text) await opened(page, name, text);
        await sendForm(page, field);
        const shown = await main(page);
        assert.match(shown, /さきほど、同じ内容を|二重には記録していません/);
        assert.equal(await counted(page, register, text), 1);
      });
    }
    await t.test("the same once more, when it is meant", async () => {
      const text = `同じ電話がもう一度 ${mark} ${variant}`;
      await made(page, "question", text);
      await opened(page, "question", text);
      await sendForm(page, "topic");
      assert.match(await refusal(page), /さきほど、同じ内容を/);
      await sendForm(page, "topic");
      await done(page);
      assert.equal(await counted(page, "question", text), 2);
    });
    await t.test("an invitation, clicked twice", async () => {
      const name = `二度 ${mark}`;
      await page.goto("/people/invite");
      await fillIn(page, { display_name: name });
      await Promise.all([page.waitForEvent("load"), button("display_name").dblclick()]);
      await page.waitForLoadState("networkidle");
      await page.goto("/people");
      assert.equal(await page.locator("main tr, main li", { hasText: name }).count(), 1);
    });
    await page.context().close();
  });
}

test("offline for a while: a clear message, nothing lost, and it goes when there is a connection", async (t) => {
  const mark = Date.now().toString(36);
  const page = await as("staff", VARIANTS.phone);
  const waiting = page.locator(".offline-bar", { hasText: "つながりしだい送ります" });
  const held = async (field, text) => {
    await form(page, field).locator("button[type=submit]").first().click();
    await waiting.waitFor();
    await fits(page, "offline");
    assert.equal(await value(page, field), text, "the page is still there");
  };

  await t.test("the browser is offline", async () => {
    const text = `電車の中で書いた ${mark}`;
    await opened(page, "question", text);
    await page.context().setOffline(true);
    await held("topic", text);
    await page.context().setOffline(false);
    await done(page);
    assert.equal(await drafts(page), 0);
    assert.equal(await counted(page, "question", text), 1);
  });

  await t.test("the connection breaks while it is sent", async () => {
    const text = `途中で切れた ${mark}`;
    await opened(page, "question", text);
    const broken = (route) => (route.request().method() === "POST" ? route.abort("connectionreset") : route.continue());
    await page.route("**/question/new", broken);
    const failed = page.waitForEvent("requestfailed");
    await form(page, "topic").locator("button[type=submit]").first().click();
    await failed;
    await page.waitForTimeout(500);
    await page.unroute("**/question/new", broken);
    await page.goto(`${contract}/question/new`);
    await page.locator(".notice.draft button").first().click();
    assert.equal(await value(page, "topic"), text);
    await sendForm(page, "topic");
    await done(page);
    assert.equal(await counted(page, "question", text), 1);
  });

  await t.test("the server is stopped and started again", async () => {
    const text = `再起動の間に書いた ${mark}`;
    const watching = await as("manager", VARIANTS.desk);
    await watching.goto(contract);
    await watching.locator(".live-switch").waitFor();
    const standing = () => watching.locator("[data-live-part]").allInnerTexts();
    const before = (await standing()).join();
    await opened(page, "quick entry", text);
    await world.pause();
    try {
      await held("event", text);
    } finally {
      await world.resume();
    }
    await done(page);
    assert.equal(await counted(page, "work", text), 1);
    await made(page, "question", `知らせの続き ${mark}`);
    const until = Date.now() + 40_000;
    while ((await standing()).join() === before && Date.now() < until) await watching.waitForTimeout(500);
    assert.notEqual((await standing()).join(), before, "an open page follows again");
    await watching.context().close();
  });
  await page.context().close();
});

for (const variant of ["phone", NO_SCRIPT]) {
  test(`texts that no form expects are kept apart, or refused beside their field (${variant})`, async (t) => {
    const page = await as("administrator", VARIANTS[variant], { own: true });
    await inLines(t, page, contract);
    await page.context().close();
    const people = {};
    for (const role of ["staff", "manager", "city"]) people[role] = await as(role, VARIANTS[variant]);
    await inParagraphs(t, people, contract, { script: variant !== NO_SCRIPT });
    for (const one of Object.values(people)) await one.context().close();
  });
}

for (const variant of ["desk", NO_SCRIPT]) {
  test(`files that are too large or not what they say are refused, and take no text with them (${variant})`, async (t) => {
    const script = VARIANTS[variant].javaScriptEnabled !== false;
    const page = await as("staff", VARIANTS[variant]);
    const mark = `${variant} ${Date.now().toString(36)}`;
    const file = () => form(page, "title").locator("input[type=file]");
    const good = FORMS.upload.file;
    const huge = join(folder, "大きい.pdf");
    await writeFile(huge, Buffer.alloc(33_000_000, "%PDF-1.7 "));
    const odd = {
      "a program named like a PDF": [{ name: "証明書.pdf", mimeType: "application/pdf", buffer: Buffer.from("MZ\x90\0program") }, /中身は、名前の示す種類/, false],
      "a page named like a picture": [{ name: "画面.png", mimeType: "image/png", buffer: Buffer.from("<html><script>alert(1)</script>") }, /中身は、名前の示す種類/, false],
      "an ending that is not taken": [{ name: "tool.exe", mimeType: "application/x-msdownload", buffer: Buffer.from("MZ") }, /種類のファイルです/, true],
      "an empty file": [{ name: "空.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(0) }, /空のファイル/, false],
      "a name that reads backwards": [{ name: "\u202efdp.exe.png", mimeType: "image/png", buffer: good.buffer }, /制御文字/, false],
      "a huge file": [huge, /大きすぎ/, true],
    };
    for (const [kind, [given, said, known]] of Object.entries(odd)) {
      await t.test(kind, async () => {
        const text = `${kind} ${mark}`;
        await opened(page, "request", text);
        await file().setInputFiles(given);
        if (script && known) {
          assert.match(await page.locator(".upload .error").innerText(), said, "said before it is sent");
          await form(page, "title").locator("button[type=submit]").first().click();
          assert.equal(await value(page, "title"), text);
          await file().setInputFiles(good);
          await sendForm(page, "title");
        } else {
          await sendForm(page, "title");
          assert.match(await main(page), said);
          assert.ok((await page.content()).includes(text), "what was typed is there");
          const again = page.locator("main form[method=post]", { has: page.locator('input[type=file]') }).first();
          await again.locator("input[type=file]").setInputFiles(good);
          await Promise.all([page.waitForEvent("load"), again.locator("button[type=submit]").first().click()]);
        }
        await done(page);
        assert.ok((await main(page)).includes(text));
        assert.ok((await main(page)).includes(good.name), "with the right file");
      });
    }
    await t.test("a file comes back as an attachment, in a sandbox", async () => {
      const link = await page.locator("main a", { hasText: good.name }).first().getAttribute("href");
      const answer = await page.request.get(link);
      assert.equal(answer.status(), 200);
      const headers = answer.headers();
      assert.match(headers["content-disposition"], /^attachment; filename\*=UTF-8''/);
      assert.match(headers["content-security-policy"], /^sandbox; default-src 'none'/);
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.equal(headers["content-type"], "image/png");
      assert.ok((await answer.body()).equals(good.buffer), "byte for byte");
      const stranger = await world.visitor();
      const refused = await stranger.request.get(new URL(link, world.address).href, { maxRedirects: 0 });
      assert.notEqual(refused.status(), 200, "for nobody who is not signed in");
      await stranger.context().close();
    });
    await page.context().close();
  });
}

const [, firefox] = browsers();
test("the same in Firefox", { skip: firefox ? false : "E2E_FIREFOX is not set: no Firefox walks on this machine" }, async (t) => {
  const browser = await firefox.start();
  try {
    for (const size of ["desk", "phone"]) {
      const view = VARIANTS[size].viewport;
      await t.test(size, (inner) => essentials(inner, browser, { world, contract, view, size, person: person("staff") }));
    }
  } finally {
    await browser.close();
  }
});
