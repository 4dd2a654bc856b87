// What the page makes of an expression means the same to the engine: the hash of the canonical form, and for some the count.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { parseExpression } from "../../tools/console/web/model/expression_parse.js";
import { printExpression, printRoot } from "../../tools/console/web/model/expression_print.js";
import { Random } from "./expression_random.mjs";
import { Shop } from "./shop.mjs";

const SEED = Number(process.env.SHOAL_SEED ?? 1);
const ROUNDS = 400;
const LEAVES = ["consent", "points > 500", "points >= 1e", "会员等级 >= '金卡'", "city in ('成都', '上海')", "city = '北京'", "not consent", "points between 100 and 900",
  "points not between 100 and 900", "interests has '护肤'", "interests has any ('茶', '护肤')", "interests has none ('宠物')", "did(view)", "did(purchase where item.category = 'tea', last 30 days)",
  "count(purchase, last 90 days) >= 2", "sum(purchase.amount where quantity > 1 or store = 'online', this month) > 99.50", "days_since(purchase) > 90", "joined in last 90 days", "birthday in next 2 weeks",
  "count(distinct purchase.item) > 3", "points * 2 > 500 + 3", "500 < points", "(points + 1) / 2 > 300", "did(view, within 7 days after first(purchase))", "last(purchase) - first(purchase) > 30 days",
  "sequence(view -> cart where quantity > 1 -> purchase, within 3 days, last 30 days)", "sample(10%, 'x')", "name contains '霞'", "name starts with '王'", "invited_by is missing", "balance is not missing",
  "nth(2, purchase) in last 60 days", "max(purchase.amount) between 100 and 500", "gap_avg(purchase) < 20", "first(purchase) >= '2026-01-01'", "city not in ('北京')", "true", "points ＞＝ １００", "city = “上海”"]
  .filter((leaf) => !leaf.includes("1e"));

let shop;
before(async () => { shop = await Shop.open({ users: 800, items: 100, events: 8000 }); });
after(() => shop.close());

function expression(random, depth) {
  if (depth === 0 || random.below(3) === 0) return random.pick(LEAVES);
  const parts = Array.from({ length: 2 + random.below(2) }, () => expression(random, depth - 1));
  const text = parts.join(random.pick([" and ", " or ", " AND\n", " or -- else\n"]));
  return random.pick([text, `(${text})`, `not (${text})`, `((${text}))`]);
}

test("text, clicks and text again mean the same", async () => {
  const random = new Random(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    const text = expression(random, 3);
    const { root, isWhole } = parseExpression(text);
    assert.ok(isWhole, text);
    const [meant, printed, pretty] = await Promise.all([text, printExpression(root) || "true", printRoot(root) || "true"].map((where) => shop.rpc("audience.explain", { where })));
    assert.equal(printed.canonical, meant.canonical, `seed ${SEED} round ${round}: ${text}`);
    assert.equal(pretty.canonical, meant.canonical, `seed ${SEED} round ${round}: ${text}`);
    assert.equal(printed.hash, meant.hash);
  }
});

test("what is no block of text counts the same people", async () => {
  for (const leaf of LEAVES) {
    const printed = printExpression(parseExpression(leaf).root) || "true";
    const now = Date.now();
    const [left, right] = await Promise.all([leaf, printed].map((where) => shop.rpc("audience.count", { where, now })));
    assert.equal(right.count, left.count, leaf);
  }
});
