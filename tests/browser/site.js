// A WordPress behind the gateway, and browsers that visit it.
//
// `xtask site` (E2E_XTASK, set by `cargo xtask test`) brings both up with E2E_MAMORI; it ends with
// the pipe to its standard input, and so with this process.

import { spawn } from "node:child_process";
import { chromium } from "playwright-core";

import { firstLine } from "./first-line.js";

const READY_LIMIT_MS = 300_000;

/** Why a walk through a site cannot run here; nothing when it can. */
export function cannotRun() {
  if (!process.env.E2E_XTASK || !process.env.E2E_MAMORI) {
    return "E2E_XTASK and E2E_MAMORI name no programs; `cargo xtask test` sets both";
  }
  return process.env.MAMORI_TEST_CRS ? undefined : "MAMORI_TEST_CRS names no folder with CRS 4 and its exclusions for WordPress";
}

/** Brings the site up and starts a browser that knows where it lies. */
export async function openSite() {
  const child = spawn(process.env.E2E_XTASK, ["site", "--json", "--no-install", "--binary", process.env.E2E_MAMORI], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const ready = JSON.parse(await firstLine(child, "the site", READY_LIMIT_MS));
  const browser = await chromium.launch({
    executablePath: process.env.E2E_CHROMIUM ?? "/usr/bin/chromium",
    args: [`--host-resolver-rules=MAP ${ready.name} 127.0.0.1`, ...(process.getuid() === 0 ? ["--no-sandbox"] : [])],
  });
  return {
    ...ready,
    browser,
    /**
     * A fresh visitor of the site. What the gateway refuses and what breaks is noted in `refused`;
     * WordPress's own refusals (an editor may not read every setting) are its matter.
     */
    async visitor(refused = []) {
      const context = await browser.newContext({ baseURL: ready.address, locale: "ja-JP" });
      context.setDefaultTimeout(60_000);
      context.on("response", async (response) => {
        const status = response.status();
        if (status < 400) return;
        const page = await response.text().catch(() => "");
        if (status < 500 && !page.includes("Request ID")) return;
        refused.push(`${status} ${response.request().method()} ${response.url()}`);
      });
      return context.newPage();
    },
    /** Asks the console's API. */
    async api(path) {
      const answer = await fetch(`${ready.console}/api/v1/contracts/${ready.contract}${path}`, {
        headers: { Authorization: `Bearer ${ready.token}` },
      });
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return answer.json();
    },
    async close() {
      await browser.close();
      child.stdin.end();
      await ended;
    },
  };
}
