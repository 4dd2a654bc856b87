// What a campaign manager comes for, done in a real browser on a real server.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Browser, HOSTILE, LONG_NAME, Shop, at, countIs, settled } from "./shop.mjs";

const DORMANT = "count(purchase) >= 3 and days_since(purchase) > 60";
let shop;
let browser;
before(async () => {
  [shop, browser] = await Promise.all([Shop.open(), Browser.open()]);
});
after(async () => {
  await browser?.close();
  await shop?.close();
});

const editor = (page) => page.getByRole("combobox", { name: "人群表达式" });

/** Open the list of a button and choose what is called so. */
async function pick(page, button, ...names) {
  await button.click();
  for (const name of names) await page.getByRole("option", { name }).first().click();
  if (await page.locator(".picker").count() > 0) await page.keyboard.press("Escape");
}

async function addEvent(page, name) {
  await pick(page, page.getByRole("button", { name: "添加条件", exact: true }), name);
}

test("dormant buyers are found by clicking alone, and the text says the same", async () => {
  const page = await browser.page();
  await page.goto(shop.url);
  await countIs(page, 4000);
  await addEvent(page, /^购买/);
  const first = page.locator(".condition").nth(0);
  await first.getByLabel("时间范围").selectOption("ever");
  await first.getByLabel("统计方式").selectOption("count");
  await first.getByRole("textbox", { name: "值" }).fill("3");
  await addEvent(page, /^购买/);
  const second = page.locator(".condition").nth(1);
  await second.getByLabel("时间范围").selectOption("ever");
  await second.getByLabel("统计方式").selectOption("days_since");
  await second.getByLabel("比较方式").selectOption(">");
  await second.getByRole("textbox", { name: "值" }).fill("60");
  await page.waitForFunction((text) => document.querySelector("textarea").value === text, DORMANT);
  const expected = await shop.count(DORMANT);
  assert.ok(expected > 10, "the shop has dormant buyers");
  await countIs(page, expected);
  // The waterfall names both conditions and ends with the same people.
  await page.waitForSelector(".waterfall li:nth-child(2)");
  assert.equal(await page.locator(".waterfall li").nth(1).locator("b").textContent(), new Intl.NumberFormat("en").format(expected));
  // The address brings somebody else to the same audience.
  const other = await browser.page();
  await other.goto(page.url());
  await countIs(other, expected);
  assert.equal(await other.locator(".condition").count(), 2);
  await other.finish();
  await page.finish();
});

test("what is written is clicked, what is clicked is written", async () => {
  const page = await browser.page();
  await page.goto(shop.url);
  await editor(page).fill("会员等级 >= '金卡' and (city in ('成都', '上海') or did(view where item.category = 'tea', last 7 days)) and points * 2 > 500");
  await page.waitForSelector(".condition.text");
  assert.equal(await page.locator(".group").count(), 3); // the root, the inner one, and the one of the event's conditions
  await countIs(page, await shop.count(await editor(page).inputValue()));
  // Clicking changes the text, and leaves what it cannot show as it was.
  await page.locator(".condition.field").first().getByLabel("比较方式").selectOption("=");
  await page.getByRole("group", { name: "条件组" }).first().getByRole("button", { name: "同时满足" }).click();
  const text = await editor(page).inputValue();
  assert.match(text, /会员等级 = '金卡'/);
  assert.match(text, /\(city in \('成都', '上海'\) and did\(view where item.category = 'tea', last 7 days\)\)/);
  assert.match(text, /points \* 2 > 500/);
  await countIs(page, await shop.count(text));
  await page.getByRole("button", { name: "删除条件" }).last().click();
  assert.doesNotMatch(await editor(page).inputValue(), /points/);
  // Turned round.
  await page.locator(".condition.field").first().getByRole("button", { name: "排除" }).click();
  assert.match(await editor(page).inputValue(), /^not 会员等级 = '金卡'/);
  await countIs(page, await shop.count(await editor(page).inputValue()));
  await page.finish();
});

test("values that occur are offered with how many have them", async () => {
  const page = await browser.page();
  await page.goto(shop.url);
  await pick(page, page.getByRole("button", { name: "添加条件", exact: true }), /^兴趣/);
  await page.locator(".condition .pick").click();
  await page.getByRole("option", { name: /护肤/ }).waitFor();
  const hint = await page.getByRole("option", { name: /护肤/ }).locator(".picker-hint").textContent();
  assert.equal(Number(hint.replaceAll(",", "")), await shop.count("interests has '护肤'"));
  await page.getByRole("option", { name: /护肤/ }).click();
  await page.keyboard.type("没有人有的标签");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  assert.equal(await editor(page).inputValue(), "interests has any ('护肤', '没有人有的标签')");
  await countIs(page, await shop.count("interests has '护肤'"));
  await page.finish();
});

test("a fault is marked at its place, with what to do", async () => {
  const page = await browser.page({ tolerates: /status of 400/ });
  await page.goto(shop.url);
  await editor(page).fill("会员等级 >= '金卡' and pionts > 5");
  await page.getByText("did you mean points").waitFor();
  assert.equal(await page.locator(".x-fault").textContent(), "pionts");
  assert.equal(await editor(page).getAttribute("aria-invalid"), "true");
  await page.getByRole("button", { name: "跳到出错处" }).click();
  assert.equal(await page.evaluate(() => { const area = document.querySelector("textarea"); return area.value.slice(area.selectionStart, area.selectionEnd); }), "pionts");
  assert.equal(await page.textContent("[data-testid=count]"), "–");
  await editor(page).fill("会员等级 >= '金卡' and points > 5");
  await countIs(page, await shop.count("会员等级 >= '金卡' and points > 5"));
  assert.equal(await page.locator(".x-fault").count(), 0);
  await page.finish();
});

test("an answer that is late never stands for what is written now", async () => {
  const page = await browser.page();
  await page.route("**/rpc/audience.count*", async (route) => {
    const { where } = route.request().postDataJSON();
    if (where === "points > 1") await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue().catch(() => {});
  });
  await page.goto(shop.url);
  await editor(page).fill("points > 1");
  await page.waitForTimeout(200);
  await editor(page).fill("points > 100000000");
  await countIs(page, 0);
  await page.waitForTimeout(1800);
  assert.equal(await page.textContent("[data-testid=count]"), "0");
  await page.getByText("没有人符合这些条件").waitFor();
  await page.finish();
});

test("a server that is gone is said, and when it is back the page goes on", async () => {
  const page = await browser.page({ tolerates: /ERR_FAILED|Failed to load/ });
  await page.goto(shop.url);
  await countIs(page, 4000);
  await page.route("**/rpc/**", (route) => route.abort());
  await editor(page).fill("consent");
  await page.getByText("连不上服务器").first().waitFor();
  await page.unroute("**/rpc/**");
  await editor(page).fill("consent and points > 0");
  await countIs(page, await shop.count("consent and points > 0"));
  await page.finish();
});

test("a segment is saved, changed, restored and removed", async () => {
  const page = await browser.page();
  const save = async (text) => {
    await page.goto(at(shop, "audience", { q: text }));
    await countIs(page, await shop.count(text));
    await page.getByRole("button", { name: "保存人群" }).click();
    await page.getByRole("textbox", { name: "名称" }).fill("沉睡老客");
    await page.getByRole("button", { name: "保存", exact: true }).click();
  };
  await save(DORMANT);
  await page.getByText("已保存“沉睡老客”，第 1 版").waitFor();
  await save("count(purchase) >= 3 and days_since(purchase) > 120");
  await page.getByRole("button", { name: "保存为新版本" }).click();
  await page.getByText("第 2 版").waitFor();
  await page.getByRole("link", { name: "已存人群" }).click();
  const row = page.locator(".segment", { hasText: "沉睡老客" });
  await row.getByText(new Intl.NumberFormat("en").format(await shop.count("in_segment('沉睡老客')"))).first().waitFor();
  await row.getByRole("button", { name: "历史版本" }).click();
  await row.locator(".gone", { hasText: "> 60" }).waitFor();
  await row.locator(".come", { hasText: "> 120" }).waitFor();
  await row.getByRole("button", { name: "恢复这一版" }).click();
  await page.getByText("成为第 3 版").waitFor();
  assert.equal((await shop.rpc("segment.get", { name: "沉睡老客" })).where, DORMANT);
  await settled(page);
  await page.locator(".segment", { hasText: "沉睡老客" }).getByRole("button", { name: "删除" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "删除" }).click();
  await page.getByText("已删除").waitFor();
  await page.getByText("还没有保存过人群").waitFor();
  await page.finish();
});

test("the list is a file that a spreadsheet can open", async () => {
  const page = await browser.page();
  const where = "会员等级 >= '金卡'";
  await page.goto(at(shop, "audience", { q: where }));
  await countIs(page, await shop.count(where));
  await page.getByRole("button", { name: "选择列" }).click();
  await page.getByRole("option", { name: /^积分/ }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("columnheader", { name: "积分" }).waitFor();
  await page.getByRole("button", { name: "积分" }).click();
  await page.getByRole("columnheader", { name: /积分/, exact: false }).and(page.locator("[aria-sort=ascending]")).waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "导出 CSV" }).click()]);
  const file = readFileSync(await download.path(), "utf8");
  assert.equal(file[0], "\uFEFF");
  const lines = file.slice(1).trimEnd().split("\r\n");
  assert.equal(lines.length - 1, await shop.count(where));
  assert.match(lines[0], /^id,name,gender,city,会员等级,interests,points$/);
  const points = lines.slice(1).map((line) => Number(line.split(",").at(-1)));
  assert.deepEqual(points, [...points].sort((a, b) => a - b));
  await page.getByRole("button", { name: "下一页" }).click();
  await page.getByText("第 26–50 人").waitFor();
  await page.finish();
});

test("insight says what the engine says, and a bar opens its people", async () => {
  const page = await browser.page();
  const where = "interests has '护肤'";
  await page.goto(at(shop, "insight/profile", { q: where }));
  await settled(page);
  const { dimensions: [city], count } = await shop.rpc("audience.insight", { where, dimensions: [{ of: "city", top: 60 }] });
  const row = page.getByRole("region", { name: "城市" }).getByRole("row").nth(1);
  await row.waitFor();
  const format = (value) => new Intl.NumberFormat("en").format(value);
  assert.deepEqual(await row.getByRole("cell").allTextContents(), [format(city.values[0].count), `${(100 * city.values[0].count / count).toFixed(1)}%`, String(Math.round(city.values[0].index))]);
  await page.getByRole("button", { name: "表格" }).first().click(); // of the drawing
  await page.getByRole("region", { name: "最突出的特征（TGI）" }).getByText("兴趣 · 护肤").waitFor();
  await row.getByRole("button", { name: city.values[0].value }).click();
  await countIs(page, await shop.count(`${where} and city = '${city.values[0].value}'`));
  await page.finish();
});

test("scores begin with one click, and the grid adds up", async () => {
  const page = await browser.page();
  await page.goto(at(shop, "insight/rfm"));
  await page.getByText("还没有设置 RFM").waitFor();
  await page.getByRole("button", { name: "开始打分" }).click();
  await page.locator(".rfm-grid").waitFor();
  const cells = await page.locator(".rfm-grid .heat-cell").evaluateAll((all) => all.map((cell) => Number(cell.firstChild.textContent.replaceAll(",", ""))));
  assert.equal(cells.length, 25);
  assert.equal(cells.reduce((a, b) => a + b), (await shop.rpc("audience.rfm")).scored);
  await page.locator(".heat-cell").first().click();
  await countIs(page, cells[0]);
  await page.finish();
});

test("the funnel says who stayed behind", async () => {
  const page = await browser.page();
  await page.goto(at(shop, "insight/funnel"));
  const dropped = page.getByRole("button", { name: /在此流失/ }).first();
  await dropped.waitFor();
  const expected = Number(/([\d,]+) 人/.exec(await dropped.textContent())[1].replaceAll(",", ""));
  await dropped.click();
  await page.waitForSelector(".condition.sequence");
  await countIs(page, expected);
  await page.finish();
});

test("a feed says why, and other weights change the preview alone", async () => {
  const page = await browser.page();
  const { ids: [user] } = await shop.rpc("audience.sample", { where: "count(view, last 60 days) >= 5", count: 1, seed: "1" });
  const before = await shop.rpc("schema.get");
  await page.goto(at(shop, `feed/${user}`));
  await page.locator(".feed-list").nth(1).locator("li .feed-title").first().waitFor();
  const titles = (place) => page.locator(".feed-list").nth(place).locator(".feed-title b").allTextContents();
  assert.equal((await titles(0)).length, 10);
  assert.deepEqual(await titles(1), await titles(0));
  assert.match(await page.locator(".feed-items > li").first().locator(".chip").first().textContent(), /%/);
  const usual = await titles(0);
  await page.getByRole("slider", { name: "热度" }).fill("4");
  await page.getByRole("slider", { name: /^兴趣/ }).fill("0");
  await page.getByText(/条里有 \d+ 条相同/).waitFor();
  assert.deepEqual(await titles(0), usual);
  assert.notDeepEqual(await titles(1), usual);
  assert.deepEqual((await shop.rpc("schema.get")).feed, before.feed);
  await page.getByRole("button", { name: "还原" }).click();
  await page.getByText("两边的权重相同").waitFor();
  assert.deepEqual(await titles(1), usual);
  await page.finish();
});

test("a feed under two scenes stands side by side, with what the scene says", async () => {
  const { ids: [user] } = await shop.rpc("audience.sample", { where: "count(view, last 60 days) >= 5", count: 1, seed: "2" });
  const ids = async (params = {}) => (await shop.rpc("feed.get", { user, count: 10, seed: 1, record: false, ...params })).items.map((item) => item.id);
  const pinned = (await shop.rpc("feed.trending", { count: 30 })).items.map((item) => item.id).find((id) => id !== undefined);
  await shop.rpc("scene.put", { name: "首页", rules: { pins: [{ item: pinned, place: 3 }], diversity: { attribute: "category", count: 1, window: 3 } } });
  await shop.rpc("scene.put", { name: "低价", rules: { eligible: "price < 60" } });
  const page = await browser.page();
  await page.goto(at(shop, `feed/${user}`));
  const shown = (place) => page.locator(".feed-list").nth(place).locator("p .code").allTextContents();
  await page.getByLabel("场景：试一试").selectOption("首页");
  await page.getByText(/条里有 \d+ 条相同/).waitFor();
  assert.deepEqual(await shown(0), await ids());
  assert.deepEqual(await shown(1), await ids({ scene: "首页" }));
  assert.equal((await shown(1))[2], pinned);
  await page.getByText("这个场景的规则（2 条）").click();
  await page.locator(".scene-rules dd", { hasText: pinned }).waitFor();
  // The other side, too: two scenes against each other.
  await page.getByLabel("场景：现在的配置").selectOption("低价");
  const cheap = await ids({ scene: "低价" });
  await page.waitForFunction((wanted) => JSON.stringify([...document.querySelectorAll(".feed-list")[0].querySelectorAll("p .code")].map((one) => one.textContent)) === wanted, JSON.stringify(cheap));
  await page.getByRole("button", { name: "还原" }).click();
  await page.getByText("两边的权重相同").waitFor();
  assert.deepEqual(await shown(1), cheap);
  await page.finish();
});

test("an item that is not in a feed: the page says what kept it out, under either configuration", async () => {
  const { ids: [user] } = await shop.rpc("audience.sample", { where: "count(view, last 60 days) >= 5", count: 1, seed: "3" });
  const shown = (await shop.rpc("feed.get", { user, count: 10, seed: 1, record: false })).items;
  const explained = (item) => shop.rpc("feed.explain", { user, count: 10, seed: 1, item });
  let low = null; // one whose score is too low, and which no rule of diversity passed over before
  for (const item of (await shop.rpc("feed.get", { user, count: 200, seed: 1, record: false })).items.slice(60)) {
    low = { id: item.id, ...await explained(item.id) };
    if (low.stage === "score") break;
  }
  assert.equal(low.stage, "score");
  const page = await browser.page({ tolerates: /status of 404/ });
  await page.goto(at(shop, `feed/${user}`));
  // Of one that is there: from its own button, without typing.
  await page.locator(".feed-items > li").nth(1).getByRole("button", { name: /为什么/ }).click();
  await page.getByText("在推荐流的第 2 位。").waitFor();
  const parts = await page.locator(".why-side tbody tr").count();
  assert.equal(parts, (await explained(shown[1].id)).reasons.length);
  // Of one that is not: its score is too low, and by how much.
  const input = page.getByRole("searchbox", { name: "商品编号" });
  await input.fill(low.id);
  await input.press("Enter");
  await page.getByText(`得分不够：在 ${low.candidates} 件可推商品里排第 ${low.rank}。`).waitFor();
  // A condition on items keeps it out, in both columns once they differ.
  await page.getByRole("textbox", { name: /商品条件/ }).fill("price < 0");
  await page.getByText("不满足上面填的商品条件。").waitFor();
  await page.getByRole("slider", { name: "热度" }).fill("4");
  await page.waitForFunction(() => document.querySelectorAll(".why-side").length === 2);
  await page.getByRole("textbox", { name: /商品条件/ }).fill("");
  await input.fill("没有这件商品");
  await input.press("Enter");
  await page.getByRole("alert").getByText(/没有这件商品/).waitFor();
  await page.finish();
});

test("what feeds learn is told, and a model is trained from the page", async () => {
  const taught = await Shop.open({ users: 600, items: 120, events: 12000 });
  const page = await browser.page();
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(at(taught, "learning"));
  await page.getByText("还没有从推荐中学习").waitFor();
  await settled(page);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 360);
  await page.setViewportSize({ width: 1280, height: 900 });
  await taught.rpc("schema.put", { feed: { learning: { share: 1 } } });
  let clicks = 0;
  for (let i = 1; i <= 30; i += 1) {
    const { rec_id, items } = await taught.rpc("feed.get", { user: `u${String(i).padStart(7, "0")}`, count: 5 });
    if (i % 3 !== 0) continue;
    await taught.rpc("event.append", { events: [{ type: "view", user: `u${String(i).padStart(7, "0")}`, item: items[0].id, time: Date.now(), rec_id }] });
    clicks += 1;
  }
  await page.reload();
  const said = await taught.rpc("feed.learning");
  assert.equal(said.goals.click.acts, clicks);
  await page.locator(".stat", { hasText: "记住的推荐流" }).getByText(/^30/).waitFor();
  assert.equal(await page.getByRole("region", { name: "学习有用吗？" }).getByRole("row").nth(1).getByRole("cell").first().textContent(), String(clicks));
  await page.getByRole("button", { name: "表格" }).click(); // of the drawing
  assert.equal(await page.getByRole("region", { name: "按推荐位置" }).getByRole("row").nth(1).getByRole("cell").nth(1).textContent(), `${(100 * clicks / 30).toFixed(1)}%`);
  // Trained with one click; its weight is on the feed's page then.
  const row = page.getByRole("row", { name: /iALS/ });
  await row.getByRole("button", { name: "训练" }).click();
  await row.getByText("使用中").waitFor({ timeout: 60_000 });
  const { models: [ials] } = await taught.rpc("model.list");
  assert.equal(await row.getByRole("cell").nth(2).textContent(), new Intl.NumberFormat("en").format(ials.table.items));
  await page.getByRole("navigation", { name: "查看方式" }).getByRole("link", { name: "一个人的推荐流" }).click();
  await page.getByRole("searchbox").fill("u0000003");
  await page.keyboard.press("Enter");
  await page.getByRole("slider", { name: "模型 iALS" }).waitFor();
  await page.finish();
  await taught.close();
});

test("a person's page says why in or out", async () => {
  const page = await browser.page({ tolerates: /status of 404/ });
  const { ids: [user] } = await shop.rpc("audience.sample", { where: "会员等级 = '普通会员' and did(view)", count: 1, seed: "1" });
  await page.goto(at(shop, `user/${user}`, { q: "会员等级 >= '金卡' and did(view)" }));
  await page.getByText("不在这个人群里").waitFor();
  await page.locator(".why .fails", { hasText: "会员等级" }).getByText("实际：普通会员").waitFor();
  await page.locator(".why .holds", { hasText: "did(view)" }).waitFor();
  assert.ok(await page.locator(".event-list li").count() > 0);
  await page.getByRole("searchbox").fill("没有这个人");
  await page.keyboard.press("Enter");
  await page.getByText("没有编号为 没有这个人 的用户").waitFor();
  await page.finish();
});

test("everything is done from the keyboard", async () => {
  const page = await browser.page();
  await page.goto(shop.url);
  await countIs(page, 4000);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "跳到主要内容");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /添加条件/);
  await page.keyboard.press("Enter");
  await page.keyboard.type("城市");
  await page.keyboard.press("Enter");
  // The focus is on the values of the new condition.
  await page.keyboard.press("Enter");
  await page.locator(".picker-option").first().waitFor();
  await page.keyboard.type("成都");
  await page.getByRole("option", { name: /成都/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  assert.equal(await editor(page).inputValue(), "city in ('成都')");
  await countIs(page, await shop.count("city = '成都'"));
  assert.match(await page.textContent("#announcer"), /符合条件 [\d,]+ 人/);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter"); // remove the condition
  assert.equal(await editor(page).inputValue(), "");
  assert.match(await page.evaluate(() => document.activeElement.textContent), /添加条件/);
  await page.finish();
});

test("completion writes names as the language wants them", async () => {
  const page = await browser.page({ tolerates: /status of 400/ });
  await page.goto(shop.url);
  await editor(page).click();
  await page.keyboard.type("会员");
  await page.locator(".completions li", { hasText: "会员等级" }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type(" >= '钻石'");
  await countIs(page, await shop.count("会员等级 >= '钻石'"));
  assert.equal(await page.locator(".condition.field").count(), 1);
  await page.finish();
});

test("names of strangers stay names", async () => {
  await shop.rpc("user.put", { users: [{ id: "hostile", name: HOSTILE, city: HOSTILE, interests: [HOSTILE], 会员等级: "钻石" }] });
  await shop.rpc("item.put", { items: [{ id: HOSTILE, title: HOSTILE, category: HOSTILE, stock: 5, price: "1" }] });
  await shop.rpc("event.append", { events: [{ type: "purchase", user: "hostile", time: Date.now() - 1000, item: HOSTILE, amount: "5", store: HOSTILE }] });
  const name = `${HOSTILE.slice(0, 20)}`;
  await shop.rpc("segment.put", { name, where: `city = '${HOSTILE.replaceAll("'", "''")}'`, note: HOSTILE });
  const page = await browser.page();
  const q = `city = '${HOSTILE.replaceAll("'", "''")}' or id = 'u0000001'`;
  for (const path of ["audience", "insight/profile", "insight/cross", "insight/overlap", "segments", "user/hostile", "feed/hostile"]) {
    await page.goto("about:blank");
    await page.goto(at(shop, path, { q }));
    await settled(page);
    await page.waitForTimeout(150);
    assert.equal(await page.evaluate(() => window.hacked), undefined, path);
    assert.equal(await page.locator("img[src=x]").count(), 0, path);
  }
  await page.goto(at(shop, "user/hostile", { q }));
  await page.getByRole("heading", { name: HOSTILE }).waitFor();
  await shop.rpc("segment.remove", { name });
  await shop.rpc("user.forget", { id: "hostile" });
  await page.finish();
});

test("an empty workspace says how to begin", async () => {
  const empty = await Shop.open({ empty: true });
  const page = await browser.page({ tolerates: /status of 404/ });
  await page.goto(empty.url);
  await page.getByText("这里还没有数据").waitFor();
  await page.finish();
  await empty.close();
});

test("a server with tokens asks for one, and says what a token may not", async () => {
  const folder = mkdtempSync(join(tmpdir(), "shoal-console-"));
  const file = join(folder, "access.json");
  const token = (id, roles) => shop.command("--workspace", "default", "token", "create", id, "--roles", roles, "--access", file).trim();
  const [admin, reader] = [token("admin", "admin,schema,ingest,audience,export,feed,personal"), token("reader", "audience")];
  const guarded = await Shop.open({ empty: true, flags: ["--access", file] });
  guarded.token = admin;
  await guarded.rpc("schema.put", { users: { attributes: [{ name: "city", type: "string" }] } });
  await guarded.rpc("user.put", { users: [{ id: "a", city: "成都" }, { id: "b", city: "上海" }] });
  const page = await browser.page({ tolerates: /status of 40[13]/ });
  await page.goto(at(guarded, "audience", { q: "city = '成都'" }));
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("令牌").fill("app.wrong");
  await dialog.getByRole("button", { name: "继续" }).click();
  await dialog.getByLabel("令牌").fill(reader);
  await dialog.getByRole("button", { name: "继续" }).click();
  await countIs(page, 1);
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage)).then((kept) => kept.includes("reader")), false, "a token is kept in the tab alone");
  await page.goto(at(guarded, "feed/a"));
  await page.locator(".failure", { hasText: "feed" }).waitFor(); // its roles do not open feeds
  await page.finish();
  await guarded.close();
  rmSync(folder, { recursive: true });
});

test("long names stay inside", async () => {
  await shop.rpc("segment.put", { name: LONG_NAME, where: "consent", note: LONG_NAME.repeat(4) });
  const page = await browser.page({ width: 360, height: 740 });
  await page.goto(at(shop, "segments"));
  await page.getByRole("heading", { name: LONG_NAME }).waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 360);
  await shop.rpc("segment.remove", { name: LONG_NAME });
  await page.finish();
});
