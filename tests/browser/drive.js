// One way to drive a page in two browsers: Chromium through Playwright, Firefox through Puppeteer
// (WebDriver BiDi). Only what the walks of both need.

import { chromium } from "playwright-core";

/** The browsers this machine has, each as a name and a way to start it. */
export function browsers() {
  const found = [{ name: "Chromium", start: startChromium }];
  if (process.env.E2E_FIREFOX) found.push({ name: "Firefox", start: startFirefox });
  return found;
}

async function startChromium() {
  const browser = await chromium.launch({
    executablePath: process.env.E2E_CHROMIUM ?? "/usr/bin/chromium",
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
  });
  return {
    async page({ width, height, dark = false }) {
      const context = await browser.newContext({
        viewport: { width, height },
        locale: "ja-JP",
        colorScheme: dark ? "dark" : "light",
      });
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      return {
        goto: async (address) => (await page.goto(address)).status(),
        url: () => page.url(),
        evaluate: (...given) => page.evaluate(...given),
        click: (selector) => page.locator(selector).first().click(),
        /** Clicks what leads to another page and waits for it. */
        follow: (selector) => Promise.all([page.waitForEvent("load"), page.locator(selector).first().click()]),
        fill: (selector, value) => page.locator(selector).first().fill(value),
        focus: (selector) => page.locator(selector).first().focus(),
        press: (key) => page.keyboard.press(key),
        type: (text) => page.keyboard.type(text),
        loaded: () => page.waitForEvent("load"),
        wait: (selector) => page.locator(selector).first().waitFor(),
        upload: (selector, path) => page.locator(selector).first().setInputFiles(path),
        screenshot: (path, fullPage = true) => page.screenshot({ path, fullPage }),
        close: () => context.close(),
      };
    },
    close: () => browser.close(),
  };
}

async function startFirefox() {
  const { launch } = await import("puppeteer-core");
  const browser = await launch({
    browser: "firefox",
    protocol: "webDriverBiDi",
    executablePath: process.env.E2E_FIREFOX,
    headless: true,
    extraPrefsFirefox: { "intl.accept_languages": "ja" },
  });
  return {
    async page({ width, height, dark = false }) {
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      await page.setViewport({ width, height });
      // Firefox takes the colour scheme from its settings; its dark pages are Chromium's to look at.
      void dark;
      const load = () => page.waitForNavigation({ waitUntil: "load" });
      // A page behind another one is not drawn, and a click waits until its target stands still.
      const click = async (selector) => {
        await page.bringToFront();
        await page.locator(selector).click();
      };
      return {
        goto: async (address) => (await page.goto(address, { waitUntil: "load" })).status(),
        url: () => page.url(),
        evaluate: (...given) => page.evaluate(...given),
        click,
        follow: (selector) => Promise.all([load(), click(selector)]),
        async fill(selector, value) {
          await page.bringToFront();
          await page.waitForSelector(selector);
          await page.$eval(selector, (box) => { box.value = ""; });
          await page.focus(selector);
          await page.keyboard.type(value);
        },
        focus: (selector) => page.focus(selector),
        press: (key) => page.keyboard.press(key),
        type: (text) => page.keyboard.type(text),
        loaded: load,
        wait: (selector) => page.waitForSelector(selector, { visible: true }),
        upload: async (selector, path) => (await page.waitForSelector(selector)).uploadFile(path),
        screenshot: (path, fullPage = true) => page.screenshot({ path, fullPage }),
        close: () => context.close(),
      };
    },
    close: () => browser.close(),
  };
}
