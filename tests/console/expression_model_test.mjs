// The model of an audience: text into clicks and back. Run by node's own test runner; a failure prints its seed.
//   node --test tests/console/expression_model_test.mjs        SHOAL_SEED=7 for another round of random expressions
import assert from "node:assert/strict";
import { test } from "node:test";

import { isBareName, lexExpression, normalNumber } from "../../tools/console/web/model/expression_lexer.js";
import { isJoined, makeEvents, makeField, makeGroup, makeText, parseExpression } from "../../tools/console/web/model/expression_parse.js";
import { placeOfByte } from "../../tools/console/web/model/expression_places.js";
import { printExpression, printRoot } from "../../tools/console/web/model/expression_print.js";
import { randomModel, Random } from "./expression_random.mjs";

const SEED = Number(process.env.SHOAL_SEED ?? 1);
const ROUNDS = 5000;

function first(text) {
  const { root, isWhole } = parseExpression(text);
  assert.ok(isWhole, `one block of text: ${text}`);
  return root.children[0];
}

function again(text) {
  return printExpression(parseExpression(text).root);
}

test("a comparison becomes a field", () => {
  assert.deepEqual(first("会员等级 >= '金卡'"),
    { ...makeField("会员等级"), op: ">=", values: [{ type: "text", value: "金卡" }] });
  assert.deepEqual(first("consent"), { ...makeField("consent"), values: [{ type: "bool", value: "true" }] });
  assert.deepEqual(first("not city in ('成都', '上海')"),
    { ...makeField("city"), not: true, op: "in", values: [{ type: "text", value: "成都" }, { type: "text", value: "上海" }] });
});

test("between takes its own and", () => {
  const { root } = parseExpression("points between 5 and 10 and consent and joined not between '2026-01-01' and '2026-02-01'");
  assert.deepEqual(root.children.map((child) => child.name), ["points", "consent", "joined"]);
  assert.equal(root.children[2].op, "not between");
});

test("what people did has a window and conditions of its own", () => {
  const leaf = first("sum(purchase.amount where item.category = 'tea' and (quantity > 1 or store = 's1'), last 30 days) >= 99.50");
  assert.equal(leaf.measure, "sum");
  assert.equal(leaf.property, "amount");
  assert.deepEqual(leaf.window, { kind: "last", count: 30, unit: "day" });
  assert.equal(leaf.where.children.length, 2);
  assert.equal(leaf.where.children[1].join, "or");
  assert.deepEqual(leaf.values, [{ type: "number", value: "99.5" }]);
});

test("each window comes back as it was", () => {
  for (const window of ["last 1 day", "last 36 hours", "last 3 calendar months", "today", "yesterday", "this month", "previous week",
    "between '2026-01-01' and '2026-01-31'", "on '2026-01-01'", "since '2026-01-01'", "before '2026-01-01'",
    "from 60 days ago to 30 days ago"])
    assert.equal(again(`did(view, ${window})`), `did(view, ${window})`);
  assert.equal(again("did(view, ever)"), "did(view)");
  assert.equal(again("birthday in next 1 week"), "birthday in next 7 days");
});

test("what clicks cannot show stays as it was written", () => {
  for (const text of ["points * 2 > 10", "(points + 1) / 2 > count(purchase)", "5 < points", "nonsense here", "did(view) did(cart)",
    "last(purchase) - first(purchase) > 30 days", "did(view, within 7 days after first(purchase))", "x between 1 + 2 and 3", "points > balance"]) {
    const { root, isWhole } = parseExpression(`consent and ${text} and did(view)`);
    assert.ok(isWhole, text);
    assert.deepEqual(root.children[1], { kind: "text", not: false, text, isJoined: false });
    assert.equal(printExpression(root), `consent and ${text} and did(view)`);
  }
});

test("a text that does not close is one block", () => {
  for (const text of ["city = '成都", "(consent and did(view)", "consent and", "a ) b", "`name", "did(view", "12abc > 3"]) {
    const { root, isWhole } = parseExpression(text);
    assert.ok(!isWhole, text);
    assert.equal(printExpression(root), text);
  }
});

test("and binds tighter than or", () => {
  assert.equal(again("consent and did(view) or did(cart)"), "(consent and did(view)) or did(cart)");
  assert.equal(again("not (consent or did(view))"), "not (consent or did(view))");
  assert.equal(again("not not consent"), "consent");
});

test("signs of a Chinese input method mean the ASCII ones", () => {
  assert.equal(again("city in （‘成都’，‘上海’） and points ＞＝ １００"), "city in ('成都', '上海') and points >= 100");
  assert.equal(again("city in ('成都'、“上海”)"), "city in ('成都', '上海')");
});

test("names that are no words stand in backticks", () => {
  assert.ok(isBareName("会员等级"));
  assert.ok(!isBareName("2nd"));
  assert.ok(!isBareName("And"));
  assert.equal(again("`my ``field` = 1 and rfm.r >= 4 and score.忠诚度 > 3"), "`my ``field` = 1 and rfm.r >= 4 and score.忠诚度 > 3");
});

test("nobody is lost with comments", () => {
  const { root } = parseExpression("consent -- 同意\nand did(view) -- looked\nor did(cart)");
  const printed = printRoot(root);
  assert.match(printed, /同意/);
  assert.match(printed, /looked/);
  assert.equal(printRoot(parseExpression(printed).root), printed);
});

test("a condition that is not finished counts for nothing", () => {
  const root = makeGroup("and", [makeField("city"), { ...makeField("consent"), values: [{ type: "bool", value: "true" }] },
    makeEvents("did", ""), { kind: "tags", not: false, item: false, name: "interests", has: "any", values: [] }, makeGroup("or", [])]);
  assert.equal(printExpression(root), "consent");
  assert.equal(printExpression(makeGroup()), "");
});

test("a block of text that would be torn apart stands in parentheses", () => {
  assert.ok(isJoined("a = 1 or b = 2"));
  assert.ok(!isJoined("x between 1 and 2"));
  assert.equal(printExpression(makeGroup("and", [makeText("a = 1 or b = 2"), makeText("c = 3")])), "(a = 1 or b = 2) and c = 3");
});

test("everybody is the empty group", () => {
  for (const text of ["", "  ", "true", "-- nothing"]) assert.deepEqual(parseExpression(text).root.children, []);
});

test("very deep texts are one block, and quickly", () => {
  for (const text of ["(".repeat(20000) + "a" + ")".repeat(20000), "not ".repeat(20000) + "a", "did(x where ".repeat(5000)]) {
    const begin = performance.now();
    assert.ok(!parseExpression(text).isWhole);
    assert.ok(performance.now() - begin < 2000);
  }
});

test("numbers are kept as the engine keeps them", () => {
  assert.equal(normalNumber("+007.50"), "7.5");
  assert.equal(normalNumber("-0.00"), "0");
  assert.equal(normalNumber("000"), "0");
});

test("tokens cover the text", () => {
  const random = new Random(SEED);
  const alphabet = ["a", "会", "'", "\"", "`", "(", ")", ",", "->", "-- x\n", " ", "1", ".5", ">=", "＞", "“", "”", "𠮷", "!", "\u0000"];
  for (let round = 0; round < ROUNDS; round++) {
    const text = Array.from({ length: random.below(14) }, () => random.pick(alphabet)).join("");
    let at = 0;
    for (const token of lexExpression(text)) {
      assert.ok(token.start >= at && token.end > token.start, `seed ${SEED}: ${JSON.stringify(text)}`);
      assert.match(text.slice(at, token.start), /^[\s\u00A0\u3000\u2000-\u200A\u202F\uFEFF]*$/u);
      at = token.end;
    }
    const { root } = parseExpression(text); // never throws, and what it prints means itself
    const printed = printExpression(root);
    assert.equal(again(printed), printed, `seed ${SEED}: ${JSON.stringify(text)}`);
  }
});

test("a random model is the same again after it was text", () => {
  const random = new Random(SEED);
  for (let round = 0; round < ROUNDS; round++) {
    const model = randomModel(random);
    for (const text of [printExpression(model), printRoot(model)]) {
      const { root, isWhole } = parseExpression(text);
      assert.ok(isWhole, `seed ${SEED} round ${round}: ${text}`);
      assert.deepEqual(root, model, `seed ${SEED} round ${round}: ${text}`);
    }
  }
});

test("bytes of the engine become places of the page", () => {
  const text = "会员 = '𠮷' and x";
  const bytes = new TextEncoder().encode(text);
  for (const [at] of [...text].reduce((list, character) => [...list, [list.at(-1)[0] + character.length, character]], [[0]])) {
    const byte = new TextEncoder().encode(text.slice(0, at)).length;
    assert.equal(placeOfByte(text, byte), at);
  }
  assert.equal(placeOfByte(text, bytes.length + 5), text.length);
});
