// screenshots.mjs -- pictures of every view with a made-up shop, for eyes: tools/dev screenshots
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { Browser, LONG_NAME, Shop, at, settled } from "./shop.mjs";

const [folder, size = "small"] = process.argv.slice(2);
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
const [user] = (await shop.rpc("audience.sample", { where: "count(view, last 60 days) >= 8 and count(purchase) >= 2", count: 1, seed: "picture" })).ids;
const views = {
  audience: at(shop, "audience", { q: WHERE }), empty: at(shop, "audience"), error: at(shop, "audience", { q: BROKEN }), profile: at(shop, "insight/profile", { q: WHERE }), cross: at(shop, "insight/cross"), rfm: at(shop, "insight/rfm"),
  funnel: at(shop, "insight/funnel"), retention: at(shop, "insight/retention"), overlap: at(shop, "insight/overlap", { q: WHERE }), trend: at(shop, "insight/trend"), segments: at(shop, "segments"), user: at(shop, `user/${user}`, { q: WHERE }),
  feed: at(shop, `feed/${user}`), health: at(shop, "health"),
};
for (const look of LOOKS) {
  const page = await browser.page(look);
  for (const [name, url] of Object.entries(views)) {
    await page.goto("about:blank");
    await page.goto(url);
    await settled(page).catch(() => console.log(`${name} (${look.name}) was not settled`));
    if (name === "feed") await page.getByRole("slider").first().fill("0.2");
    await page.waitForTimeout(name === "health" ? 5000 : 700);
    await page.screenshot({ path: join(folder, `${name}-${look.name}.png`), fullPage: look.name !== "phone" });
  }
}
await browser.close();
await shop.close();
console.log(`${Object.keys(views).length * LOOKS.length} pictures in ${folder}`);
