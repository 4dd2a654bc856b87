// shop.mjs -- a real server with a made-up shop, and a browser that looks at it.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BUILD = process.env.SHOAL_BUILD;
const bin = (name) => join(BUILD, "bin", name);
export const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
export const LONG_NAME = "华东大区秋季护肤高潜新客扫码小程序来源";

/** shoald on free ports with shoal-gen's shop of today. */
export class Shop {
  static async open({ users = 4000, items = 400, events = 60000, shards = 2, flags = [], empty = false } = {}) {
    const shop = new Shop();
    shop.folder = mkdtempSync(join(tmpdir(), "shoal-console-"));
    shop.process = spawn(bin("shoald"), ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--shards", String(shards), ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    // A test that fails must not leave a server that keeps the runner waiting.
    shop.process.unref();
    process.once("exit", () => shop.process.kill("SIGKILL"));
    shop.log = "";
    shop.process.stderr.on("data", (bytes) => { shop.log += bytes; });
    const words = await new Promise((resolve, reject) => {
      createInterface({ input: shop.process.stdout }).once("line", (line) => resolve(line.split(" ")));
      shop.process.once("exit", () => reject(new Error(`shoald ended: ${shop.log}`)));
    });
    shop.process.stdout.unref();
    shop.process.stderr.unref();
    shop.address = words[2];
    shop.url = words.find((word) => word.startsWith("http://"));
    if (!empty) shop.load(users, items, events);
    return shop;
  }

  load(users, items, events) {
    const until = new Date(Date.now() + 8 * 3600_000).toISOString().slice(0, 10);
    execFileSync(bin("shoal-gen"), ["--out", this.folder, "--users", String(users), "--items", String(items), "--events", String(events), "--until", until]);
    this.command("load", "--map", join(this.folder, "shop.map"), "--dir", this.folder);
  }

  command(...words) {
    return execFileSync(bin("shoal"), words, { env: { ...process.env, SHOAL_ADDR: this.address }, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  async rpc(method, params = {}) {
    const response = await fetch(`${this.url}/rpc/${method}`, { method: "POST", headers: { "Content-Type": "application/json", ...(this.token === undefined ? {} : { Authorization: `Bearer ${this.token}` }) }, body: JSON.stringify(params) });
    const answer = await response.json();
    if (response.status !== 200) throw new Error(`${method}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async count(where) {
    return (await this.rpc("audience.count", { where })).count;
  }

  async close() {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.ref();
    this.process.kill("SIGTERM");
    assert.equal(await ended, 0, this.log);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A browser; each page fails its test at the first error of the page itself. */
export class Browser {
  static async open() {
    const { chromium } = createRequire(join(process.env.SHOAL_PACKAGES, "package.json"))("playwright-core");
    const browser = new Browser();
    browser.browser = await chromium.launch({ executablePath: process.env.SHOAL_CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
    return browser;
  }

  async page({ width = 1280, height = 900, language = "zh-CN", dark = false, tolerates = /$^/ } = {}) {
    const context = await this.browser.newContext({ viewport: { width, height }, locale: language, colorScheme: dark ? "dark" : "light", acceptDownloads: true, reducedMotion: "reduce" });
    const page = await context.newPage();
    page.faults = [];
    page.on("pageerror", (error) => page.faults.push(String(error.stack)));
    page.on("dialog", (dialog) => { page.faults.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on("console", (message) => { if (message.type() === "error" && !tolerates.test(message.text())) page.faults.push(message.text()); });
    page.finish = async () => {
      assert.deepEqual(page.faults, []);
      assert.equal(await page.evaluate(() => window.hacked), undefined, "a name became part of the page");
      await context.close();
    };
    return page;
  }

  close() {
    return this.browser.close();
  }
}

/** The address of a view. */
export function at(shop, path, query = {}) {
  const text = new URLSearchParams(query).toString();
  return `${shop.url}/#/${path}${text === "" ? "" : `?${text}`}`;
}

/** Wait until the count in the page is this. */
export async function countIs(page, expected) {
  const text = new Intl.NumberFormat("en").format(expected);
  await page.waitForFunction((wanted) => document.querySelector("[data-testid=count]")?.textContent === wanted, text, { timeout: 10_000 })
    .catch(async () => assert.equal(await page.textContent("[data-testid=count]"), text));
}

export async function settled(page) {
  await page.waitForFunction(() => document.querySelector("main h1, main .empty, main .failure") !== null && document.querySelector("[aria-busy=true], .skeleton") === null, null, { timeout: 20_000 });
}
