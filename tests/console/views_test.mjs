// Every view in both languages, light and dark, wide and narrow: nothing sticks out, everything has a name, texts can be read;
// and how much the page weighs, and how soon it is there.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Browser, LONG_NAME, Shop, at, countIs, settled } from "./shop.mjs";

const DOWNLOAD_BYTES_MAX = 1.5e6;
const PAINT_MS_MAX = 3000; // 1 s is the aim; tests run beside other work
const VIEWS = ["audience", "insight/profile", "insight/cross", "insight/rfm", "insight/funnel", "insight/retention", "insight/overlap", "insight/trend", "segments", "user", "feed", "learning", "health"];
const WHERE = "会员等级 >= '金卡' and (interests has any ('护肤', '茶') or did(view where item.category = 'tea', last 30 days)) and points * 2 > 10";
let shop;
let browser;
let user;
before(async () => {
  [shop, browser] = await Promise.all([Shop.open({ users: 3000, events: 40000 }), Browser.open()]);
  shop.command("rfm", "put", "purchase");
  shop.command("rfm", "refresh");
  await shop.rpc("segment.put", { name: LONG_NAME, where: "consent", note: LONG_NAME.repeat(3) });
  await shop.rpc("segment.put", { name: "沉睡老客", where: "count(purchase) >= 3 and days_since(purchase) > 60" });
  await shop.rpc("scene.put", { name: LONG_NAME, rules: { pins: [{ item: "i000001", place: 2 }] } });
  await shop.rpc("schema.put", { feed: { learning: { share: 1 } } });
  await shop.rpc("model.train", { name: "knn" });
  for (let i = 1; i <= 20; i += 1) await shop.rpc("feed.get", { user: `u${String(i).padStart(7, "0")}`, count: 8 });
  [user] = (await shop.rpc("audience.sample", { where: "count(view) > 5", count: 1 })).ids;
});
after(async () => {
  await browser?.close();
  await shop?.close();
});

const address = (view) => at(shop, view === "user" || view === "feed" ? `${view}/${user}` : view, { q: WHERE });

/** Run in the page: what a screen reader would stumble over, and what is too pale. */
function audit() {
  const faults = [];
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getClientRects().length > 0;
  const name = (element) => (element.getAttribute("aria-label") ?? "") || (element.labels?.[0]?.textContent ?? "") || element.textContent || element.getAttribute("title") || element.alt || "";
  for (const element of document.querySelectorAll("button, a[href], input, select, textarea, [role=button], [role=listbox], [role=region], [role=img]"))
    if (shown(element) && name(element).trim() === "") faults.push(`no name: ${element.outerHTML.slice(0, 120)}`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  if (new Set(ids).size !== ids.length) faults.push("an id stands twice");
  if (document.querySelectorAll("h1").length !== 1) faults.push(`${document.querySelectorAll("h1").length} headings of the first rank`);
  let rank = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > rank + 1) faults.push(`a heading of rank ${next} after one of ${rank}: ${heading.textContent.slice(0, 40)}`);
    rank = next;
  }
  for (const table of document.querySelectorAll("table")) if (table.querySelector("th[scope]") === null) faults.push("a table without heads");
  if (/\[[a-z]+\.[\w.]+\]|undefined|NaN|\[object/.test(document.body.innerText)) faults.push(`a text is missing: ${/.{0,30}(\[[a-z]+\.[\w.]+\]|undefined|NaN|\[object).{0,20}/.exec(document.body.innerText)[0]}`);

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const luminance = ([r, g, b]) => {
    const linear = (value) => ((value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0.99) return colour;
    }
    return rgba(getComputedStyle(document.documentElement).backgroundColor);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.textContent.trim() === "" || !shown(element) || element.closest(".sr-only, option, textarea, [aria-hidden=true], [disabled], .canvas, noscript") !== null) continue;
    const style = getComputedStyle(element);
    if (style.color === "rgba(0, 0, 0, 0)" || Number(style.fontSize.replace("px", "")) === 0) continue;
    const [text, ground] = [luminance(rgba(style.color)), luminance(behind(element))];
    const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)}: ${node.textContent.trim().slice(0, 30)} (${element.className})`);
  }
  return [...new Set(faults)];
}

for (const [language, dark, width] of [["zh-CN", false, 1280], ["en-US", true, 1280], ["en-US", false, 360], ["zh-CN", true, 360]]) {
  test(`every view in ${language}, ${dark ? "dark" : "light"}, ${width} wide`, async () => {
    const page = await browser.page({ language, dark, width, height: 800 });
    for (const view of VIEWS) {
      await page.goto("about:blank");
      await page.goto(address(view));
      await settled(page);
      await page.waitForTimeout(200);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${view} sticks out at ${width}`);
      assert.deepEqual(await page.evaluate(audit), [], `${view} ${language} ${dark ? "dark" : "light"} ${width}`);
      assert.equal(await page.evaluate(() => document.documentElement.lang), language.slice(0, 2) === "zh" ? "zh-CN" : "en");
    }
    await page.finish();
  });
}

test("the audit finds what is wrong", async () => {
  const page = await browser.page();
  await page.goto(address("audience"));
  await settled(page);
  await page.evaluate(() => {
    document.querySelector(".lead").style.color = "#b0b8bd";
    document.querySelector(".remove").removeAttribute("aria-label");
    document.querySelector(".remove").removeAttribute("title");
    document.querySelector("h2").outerHTML = "<h4>[audience.nothing]</h4>";
  });
  const faults = (await page.evaluate(audit)).join("\n");
  for (const kind of ["contrast", "no name", "a heading of rank 4 after one of 1", "a text is missing"]) assert.ok(faults.includes(kind), `${kind}\n${faults}`);
  await page.finish();
});

test("the language and the light can be changed, and stay", async () => {
  const page = await browser.page();
  await page.goto(shop.url);
  await page.getByRole("button", { name: "English" }).click();
  await page.getByRole("heading", { name: "Build an audience" }).waitFor();
  await page.getByRole("button", { name: "Use the dark theme" }).click();
  await page.reload();
  await page.getByRole("heading", { name: "Build an audience" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.finish();
});

test("drawings are drawn by the library, and each is a table too", { skip: process.env.SHOAL_NO_CHARTS }, async () => {
  const page = await browser.page();
  for (const view of ["insight/profile", "insight/cross", "insight/trend", "insight/retention", "health"]) {
    await page.goto("about:blank");
    await page.goto(address(view));
    await settled(page);
    await page.waitForSelector(".canvas canvas", { timeout: 10_000 });
    const figure = page.locator(".figure").first();
    await figure.getByRole("button", { name: "表格" }).click();
    assert.ok(await figure.locator("tbody tr").count() > 0, view);
  }
  await page.finish();
});

test("without the library there are tables", async () => {
  const page = await browser.page({ tolerates: /ERR_FAILED|Failed to load/ });
  await page.route("**/vendor/**", (route) => route.abort());
  await page.goto(address("insight/trend"));
  await page.locator(".figure tbody tr").first().waitFor();
  await page.finish();
});

test("the page is light and soon there, and nothing comes from elsewhere", async () => {
  const page = await browser.page();
  let bytes = 0;
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  session.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
  page.on("request", (request) => assert.ok(request.url().startsWith(shop.url) || /^(data|blob|about):/.test(request.url()), request.url()));
  await page.goto(shop.url);
  await countIs(page, 3000);
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  const first = bytes;
  for (const view of VIEWS) {
    await page.goto(address(view));
    await settled(page);
  }
  console.log(`# first paint ${Math.round(paint)} ms, ${Math.round(first / 1000)} kB until the first count, ${Math.round(bytes / 1000)} kB with every view and its answers`);
  assert.ok(bytes <= DOWNLOAD_BYTES_MAX, `${bytes} bytes`);
  assert.ok(paint <= PAINT_MS_MAX, `${paint} ms`);
  await page.finish();
});

test("the count follows the keys", async () => {
  const page = await browser.page();
  await page.goto(shop.url);
  await countIs(page, 3000);
  const times = await page.evaluate(async () => {
    const area = document.querySelector("textarea");
    const shown = document.querySelector("[data-testid=count]");
    const measured = [];
    for (let points = 200; points < 400; points += 10) {
      const before = shown.textContent;
      const begin = performance.now();
      area.value = `points > ${points} and consent`;
      area.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise((resolve) => {
        const observer = new MutationObserver(() => { if (shown.textContent !== before) { observer.disconnect(); resolve(); } });
        observer.observe(shown, { childList: true, characterData: true, subtree: true });
        setTimeout(resolve, 2000);
      });
      measured.push(performance.now() - begin);
    }
    return measured.sort((a, b) => a - b);
  });
  console.log(`# from a key to its count: median ${Math.round(times[times.length >> 1])} ms, longest ${Math.round(times.at(-1))} ms`);
  assert.ok(times[times.length >> 1] < 500);
  await page.finish();
});
