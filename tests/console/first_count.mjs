// first_count.mjs URL EXPRESSION -- opens the console, writes, and says what it counts (tests/package/trial.sh)
import { Browser } from "./shop.mjs";

const [url, where] = process.argv.slice(2);
const browser = await Browser.open();
const page = await browser.page();
await page.goto(url);
const begin = performance.now();
await page.getByRole("combobox", { name: "人群表达式" }).fill(where);
await page.waitForFunction(() => /^[\d,]+$/.test(document.querySelector("[data-testid=count]")?.textContent) && document.querySelectorAll(".waterfall li").length === 2);
console.log(`count ${(await page.textContent("[data-testid=count]")).replaceAll(",", "")}`);
console.log(`with its waterfall after ${Math.round(performance.now() - begin)} ms`);
await page.finish();
await browser.close();
