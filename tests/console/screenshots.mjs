// screenshots.mjs -- pictures of every view with a made-up shop, for eyes, or those few that the pages of the documentation show:
// tools/dev screenshots [FOLDER] | tools/dev screenshots --docs
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { Browser, LONG_NAME, Shop, at, settled } from "./shop.mjs";

const isForDocs = process.argv[2] === "--docs";
const [folder, size = "small"] = process.argv.slice(isForDocs ? 3 : 2);
const SIZES = { small: { users: 20000, items: 2000, events: 400000 }, large: { users: 1000000, items: 5000, events: 10000000 } };
const WHERE = "会员等级 >= '金卡' and count(purchase, last 90 days) >= 2 and interests has any ('护肤', '茶') and did(view where item.category = 'tea', last 30 days)";
const BROKEN = "会员等级 >= '金卡' and pionts > 500";
const LOOKS = [
  { name: "wide", width: 1360, height: 900 }, { name: "dark", width: 1360, height: 900, dark: true }, { name: "english", width: 1360, height: 900, language: "en-US" },
  { name: "phone", width: 360, height: 780 },
];

mkdirSync(folder, { recursive: true });
const [shop, browser] = await Promise.all([Shop.open(SIZES[size]), Browser.open()]);
shop.command("rfm", "put", "purchase");
shop.command("rfm", "refresh");
for (const [name, where, note] of [["沉睡老客", "count(purchase) >= 3 and days_since(purchase) > 90", "九十天没有来的老客"], ["沉睡老客", "count(purchase) >= 3 and days_since(purchase) > 60", "六十天没有来的老客"],
  ["护肤金卡", "会员等级 >= '金卡' and interests has '护肤'", ""], ["本月活跃", "did(view, this month)", ""], [LONG_NAME, "city in ('上海', '杭州', '南京', '苏州') and interests has '护肤' and consent", "门店扫码与小程序来源"]])
  await shop.rpc("segment.put", { name, where, ...(note === "" ? {} : { note }) });
await shop.rpc("scene.put", { name: "首页", rules: { pins: [{ item: "i000001", place: 2 }], boost: [{ where: "category = 'tea'", factor: 1.5, name: "秋茶上新" }], diversity: { attribute: "category", count: 1, window: 3 } } });
await shop.rpc("schema.put", { feed: { learning: { share: 1 }, explore_every: 8 } });
await shop.rpc("model.train", { name: "ials", every_hours: 24 });
await shop.rpc("model.train", { name: "knn" });
// Feeds that were shown, and whose first places were clicked most.
for (let i = 0; i < 400; i += 1) {
  const shown = `u${String(1 + ((i * 37) % 3000)).padStart(7, "0")}`;
  const { rec_id, items } = await shop.rpc("feed.get", { user: shown, count: 10, seed: i });
  const place = [0, 0, 0, 1, 1, 2, 3, 5, 8][i % 29];
  if (place !== undefined && items[place] !== undefined) await shop.rpc("event.append", { events: [{ type: i % 58 === 0 ? "purchase" : "view", user: shown, item: items[place].id, time: Date.now(), rec_id, amount: "39.90" }] });
}
const [user] = (await shop.rpc("audience.sample", { where: "count(view, last 60 days) >= 8 and count(purchase) >= 2", count: 1, seed: "picture" })).ids;
const views = {
  audience: at(shop, "audience", { q: WHERE }), empty: at(shop, "audience"), error: at(shop, "audience", { q: BROKEN }), profile: at(shop, "insight/profile", { q: WHERE }), cross: at(shop, "insight/cross"), rfm: at(shop, "insight/rfm"),
  funnel: at(shop, "insight/funnel"), retention: at(shop, "insight/retention"), overlap: at(shop, "insight/overlap", { q: WHERE }), trend: at(shop, "insight/trend"), segments: at(shop, "segments"), user: at(shop, `user/${user}`, { q: WHERE }),
  feed: at(shop, `feed/${user}`), learning: at(shop, "learning"), health: at(shop, "health"),
};

/** A feed under a scene and other weights, and why one of its items is where it is. */
async function tryOut(page) {
  await page.getByRole("slider").first().fill("0.2");
  const scene = page.locator(".feed-columns select").last();
  if (await scene.count() > 0) await scene.selectOption("首页");
  await page.waitForTimeout(500);
  await page.locator(".feed-list").last().locator(".why-link").nth(1).click();
  await page.waitForTimeout(300);
}

// What the pages show: the name of the picture, the view, the language, and how high it is.
const SHOWN = [["audience", "audience", "zh-CN", 820], ["audience-en", "audience", "en-US", 820], ["insight", "profile", "en-US", 900], ["rfm", "rfm", "zh-CN", 860], ["feed", "feed", "zh-CN", 1000], ["learning", "learning", "en-US", 900], ["health", "health", "en-US", 760]];
async function drawForDocs() {
  for (const [name, view, language, height] of SHOWN) {
    const page = await browser.page({ width: 1180, height, language });
    await page.goto(views[view]);
    await settled(page);
    if (view === "feed") await tryOut(page);
    await page.waitForTimeout(view === "health" ? 9000 : 700);
    await page.evaluate(() => { document.activeElement?.blur(); scrollTo(0, 0); });
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await page.context().close();
  }
  console.log(`${SHOWN.length} pictures in ${folder}`);
}
if (isForDocs) await drawForDocs();
for (const look of isForDocs ? [] : LOOKS) {
  const page = await browser.page(look);
  for (const [name, url] of Object.entries(views)) {
    await page.goto("about:blank");
    await page.goto(url);
    await settled(page).catch(() => console.log(`${name} (${look.name}) was not settled`));
    if (name === "feed") await tryOut(page);
    await page.waitForTimeout(name === "health" ? 5000 : 700);
    await page.screenshot({ path: join(folder, `${name}-${look.name}.png`), fullPage: look.name !== "phone" });
  }
}
await browser.close();
await shop.close();
if (!isForDocs) console.log(`${Object.keys(views).length * LOOKS.length} pictures in ${folder}`);
