// One sample installation and one browser for all walks.
//
// The binary comes from E2E_MAMORI and Chromium from E2E_CHROMIUM (`cargo xtask test` sets both).

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const READY_LIMIT_MS = 300_000;

/**
 * Starts `mamori demo` in a folder of its own and a browser. `configure(address, folder)` gives its
 * configuration as variables.
 */
export async function open(configure = () => ({})) {
  const folder = await mkdtemp(join(tmpdir(), "mamori-walks-"));
  const demo = await startDemo(folder, configure);
  const browser = await chromium.launch({
    executablePath: process.env.E2E_CHROMIUM ?? "/usr/bin/chromium",
    // Chromium's sandbox does not start for the superuser, as on a build machine.
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
  });
  return {
    ...demo,
    browser,
    /** A fresh visitor; `options` are Playwright's. */
    async visitor(options = {}) {
      const context = await browser.newContext({ baseURL: demo.address, locale: "ja-JP", ...options });
      context.setDefaultTimeout(20_000);
      return context.newPage();
    },
    async close() {
      await browser.close();
      demo.process.kill("SIGINT");
      await demo.ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startDemo(folder, configure) {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const configuration = await configure(address, folder);
  const child = spawn(
    process.env.E2E_MAMORI ?? "mamori",
    ["demo", "--data-dir", join(folder, "data"), "--port", String(port), "--json"],
    // Free of the caller's configuration.
    { stdio: ["ignore", "pipe", "inherit"], env: { ...withoutConfiguration(process.env), ...configuration } },
  );
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const ready = await firstLine(child);
  return { process: child, ended, ready, address };
}

function withoutConfiguration(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("MAMORI_")));
}

/** The JSON line that says the demo is ready. */
function firstLine(child) {
  return new Promise((resolve, reject) => {
    const fail = (why) => {
      clearTimeout(limit);
      reject(why instanceof Error ? why : new Error(why));
    };
    const limit = setTimeout(fail, READY_LIMIT_MS, "the demo was not ready in time");
    child.once("error", fail);
    child.once("exit", (code) => fail(`the demo ended with ${code} before it was ready`));
    createInterface({ input: child.stdout }).once("line", (line) => {
      clearTimeout(limit);
      resolve(JSON.parse(line));
    });
  });
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Fills the sign-in form with a person of the demo and sends it. */
export async function signIn(page, person) {
  await page.goto("/");
  await page.locator("input[type=password]").waitFor();
  await page.locator('input[autocomplete^="username"]').fill(person.name);
  await page.locator("input[type=password]").fill(person.password);
  await page.keyboard.press("Enter");
  await page.locator("input[type=password]").waitFor({ state: "detached" });
}

/** Every page that the person reaches by links from the first one, itself included. */
export async function reachable(page, most = 60) {
  await page.goto("/");
  const found = [path(page.url())];
  for (let next = 0; next < found.length && found.length < most; next += 1) {
    await page.goto(found[next]);
    for (const target of await links(page)) {
      if (!found.includes(target)) found.push(target);
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
