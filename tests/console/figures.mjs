// figures.mjs [USERS] -- what the console weighs, how soon it is there, and how fast its count follows the keys, before a shop of so
// many users: tools/dev console-figures
import { Browser, Shop, at, countIs, settled } from "./shop.mjs";

const users = Number(process.argv[2] ?? 1_000_000);
const VIEWS = ["audience", "insight/profile", "insight/cross", "insight/rfm", "insight/funnel", "insight/retention", "insight/overlap", "insight/trend", "segments", "user", "feed", "learning", "health"];
const QUESTIONS = [["one field", "points > {}"], ["four fields", "会员等级 >= '金卡' and city in ('成都', '上海', '杭州') and interests has '护肤' and points > {}"],
  ["a count of events", "count(purchase, last 90 days) >= 2 and points > {}"], ["events with their item", "did(view where item.category = 'tea', last 30 days) and points > {}"]];
const KEYS = 25;

const [shop, browser] = await Promise.all([Shop.open({ users, items: 5000, events: 3 * users }), Browser.open()]);
shop.command("rfm", "put", "purchase");
shop.command("rfm", "refresh");
const sorted = (values) => values.sort((a, b) => a - b);
const middle = (values) => sorted(values)[values.length >> 1];

// First paint: a browser that has never been here, five times.
const paints = [];
for (let i = 0; i < 5; i += 1) {
  const page = await browser.page();
  await page.goto(shop.url);
  await countIs(page, users);
  paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
  await page.finish();
}
console.log(`first paint: median ${Math.round(middle(paints))} ms, longest ${Math.round(sorted(paints).at(-1))} ms of ${paints.length}`);

// Everything that is fetched, with the answers, for a visit to every view.
{
  const page = await browser.page();
  let bytes = 0;
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  session.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
  await page.goto(shop.url);
  await countIs(page, users);
  const first = bytes;
  for (const view of VIEWS) {
    await page.goto(at(shop, view === "user" || view === "feed" ? `${view}/u0000007` : view));
    await settled(page);
    await page.waitForTimeout(500);
  }
  console.log(`download: ${Math.round(first / 1000)} kB until the first count, ${Math.round(bytes / 1000)} kB with every view and its answers`);
  await page.finish();
}

// From a key to the number that the reader sees: the page's own pause, the way there and back, the engine, the drawing.
{
  const page = await browser.page();
  await page.goto(shop.url);
  await countIs(page, users);
  for (const [name, text] of QUESTIONS) {
    const times = await page.evaluate(async ([pattern, keys]) => {
      const area = document.querySelector("textarea");
      const shown = document.querySelector("[data-testid=count]");
      const measured = [];
      for (let i = 0; i < keys + 3; i += 1) {
        const begin = performance.now();
        area.value = pattern.replace("{}", String(50 + i * 37));
        area.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise((resolve) => {
          const observer = new MutationObserver(() => { observer.disconnect(); requestAnimationFrame(() => resolve()); }); // set anew, also when it is the same number
          observer.observe(shown, { childList: true, characterData: true, subtree: true });
          setTimeout(resolve, 3000);
        });
        if (i >= 3) measured.push(performance.now() - begin); // the first ones warm up
        await new Promise((resolve) => setTimeout(resolve, 120));
      }
      return measured;
    }, [text, KEYS]);
    console.log(`count after a key, ${users.toLocaleString("en")} users, ${name}: median ${Math.round(middle(times))} ms, 90 % within ${Math.round(sorted(times)[Math.floor(times.length * 0.9)])} ms`);
  }
  await page.finish();
}
await browser.close();
await shop.close();
