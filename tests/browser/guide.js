// Makes the pictures of the user guide by walking each role's first day through the demo:
//   node guide.js FOLDER          (cargo xtask docs --pictures)
// The guide names the pictures; a walk that cannot be taken any more fails here, so the pictures
// show what the program really does.

import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { browsers } from "./drive.js";
import { open } from "./world.js";

const folder = process.argv[2];
if (!folder) throw new Error("name the folder for the pictures");

/** Picture, role, path below the contract (or of the installation), what to wait for. */
const PICTURES = [
  ["lead-start", "manager", "", "main"],
  ["lead-calendar", "manager", "/calendar", "main table"],
  ["lead-closing", "manager", "/closing", "main"],
  ["lead-documents", "manager", "/documents", "main table"],
  ["engineer-start", "staff", "", "main"],
  ["engineer-work", "staff", "/work", "main form"],
  ["engineer-requests", "staff", "/request", "main"],
  ["engineer-gateway", "staff", "/gateway/blocked", "main table"],
  ["city-start", "city", "", "main"],
  ["city-closing", "city", "/closing", "main"],
  ["city-obligations", "city", "/obligations", "main table"],
  ["city-ledger", "city", "/ledger", "main table"],
  ["counsellor-question", "counsellor", "/question", "main"],
  ["auditor-ledger", "viewer", "/ledger", "main table"],
  ["admin-people", "administrator", "!/people", "main"],
  ["admin-system", "administrator", "!/system", "main"],
  ["own-account", "staff", "!/account", "main"],
];

const world = await open();
const browser = await browsers()[0].start();
try {
  await mkdir(folder, { recursive: true });
  const first = await browser.page({ width: 1100, height: 760 });
  await first.goto(`${world.address}/sign-in`);
  await first.screenshot(join(folder, "sign-in.png"), false);
  await first.close();
  for (const role of new Set(PICTURES.map(([, role]) => role))) {
    const person = world.ready.sign_ins.find((one) => one.role === role);
    const page = await browser.page({ width: 1100, height: 760 });
    await page.goto(`${world.address}/sign-in`);
    await page.fill("input[autocomplete^=username]", person.name);
    await page.fill("input[type=password]", person.password);
    await page.focus("input[type=password]");
    await Promise.all([page.loaded(), page.press("Enter")]);
    const contract = new URL(page.url()).pathname.match(/^\/c\/[^/]+/)?.[0] ?? "";
    for (const [name, , path, shown] of PICTURES.filter((one) => one[1] === role)) {
      const address = path.startsWith("!") ? path.slice(1) : contract + path;
      const status = await page.goto(world.address + address);
      if (status !== 200) throw new Error(`${name}: ${address} answers ${status}`);
      await page.wait(shown);
      await page.screenshot(join(folder, `${name}.png`), false);
    }
    await page.close();
  }
  const guide = await readFile(new URL("../../docs/guide.ja.md", import.meta.url), "utf8");
  const named = new Set([...guide.matchAll(/guide\/([a-z-]+)\.png/g)].map((found) => found[1]));
  const made = new Set(["sign-in", ...PICTURES.map(([name]) => name)]);
  const missing = [...named].filter((name) => !made.has(name));
  if (missing.length > 0) throw new Error(`the guide names pictures that nobody makes: ${missing}`);
} finally {
  await browser.close();
  await world.close();
}
