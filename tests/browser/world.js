// One sample installation and one browser for all walks.
//
// The binary comes from E2E_MAMORI and Chromium from E2E_CHROMIUM (`cargo xtask test` sets both).
// With E2E_READY=FILE the walks visit a sample that already runs: FILE holds the line that
// `mamori demo --json` printed.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

import { firstLine } from "./first-line.js";

const READY_LIMIT_MS = 300_000;

/**
 * Starts `mamori demo` in a folder of its own and a browser. `configure(address, folder)` gives its
 * configuration as variables; `contracts` names files of other contracts than the built-in one.
 */
export async function open(configure = () => ({}), { contracts = [] } = {}) {
  const demo = process.env.E2E_READY ? await runningDemo(process.env.E2E_READY) : await startDemo(configure, contracts);
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
      await demo.stop();
    },
  };
}

async function runningDemo(file) {
  const ready = JSON.parse(await readFile(file, "utf8"));
  const cannot = () => Promise.reject(new Error("a sample that runs by itself is not stopped"));
  return { ready, address: new URL(ready.address).origin, stop: () => {}, pause: cannot, resume: cannot };
}

async function startDemo(configure, contracts) {
  const folder = await mkdtemp(join(tmpdir(), "mamori-walks-"));
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const configuration = await configure(address, folder);
  const start = async () => {
    const child = spawn(
      process.env.E2E_MAMORI ?? "mamori",
      ["demo", "--data-dir", join(folder, "data"), "--port", String(port), "--json", ...contracts.flatMap((file) => ["--contract", file])],
      // Free of the caller's configuration.
      { stdio: ["ignore", "pipe", "inherit"], env: { ...withoutConfiguration(process.env), ...configuration } },
    );
    const ended = new Promise((resolve) => child.once("exit", resolve));
    return { child, ended, ready: JSON.parse(await firstLine(child, "the demo", READY_LIMIT_MS)) };
  };
  let running = await start();
  const pause = async () => {
    running.child.kill("SIGINT");
    await running.ended;
  };
  const stop = async () => {
    await pause();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    ready: running.ready,
    address,
    stop,
    /** Stops the server; what it keeps stays. */
    pause,
    /** Starts it again at the same address with the same data. */
    async resume() {
      running = await start();
    },
  };
}

/** Starts a server on an installation that has nobody yet; gives the link for its first administrator. */
export async function openEmpty() {
  const folder = await mkdtemp(join(tmpdir(), "mamori-empty-"));
  const child = spawn(
    process.env.E2E_MAMORI ?? "mamori",
    ["serve", "--data-dir", join(folder, "data"), "--listen", `127.0.0.1:${await freePort()}`, "--roles", "console", "--json"],
    { stdio: ["ignore", "pipe", "inherit"], env: withoutConfiguration(process.env) },
  );
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const { set_up: link } = JSON.parse(await firstLine(child, "the empty server", READY_LIMIT_MS));
  return {
    link,
    async stop() {
      child.kill("SIGINT");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function withoutConfiguration(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("MAMORI_")));
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
