// Small parts of the page that need no browser: its words, its CSV, its clauses.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { clausesOf } from "../../tools/console/web/model/clauses.js";
import { csvCell, csvHead, csvRow } from "../../tools/console/web/model/csv.js";
import { between, quantile } from "../../tools/console/web/model/latency.js";
import chinese from "../../tools/console/web/text/chinese.js";
import english from "../../tools/console/web/text/english.js";

const WEB = new URL("../../tools/console/web/", import.meta.url).pathname;

function sources(folder = WEB) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    (entry.isDirectory() ? sources(join(folder, entry.name)) : entry.name.endsWith(".js") ? [join(folder, entry.name)] : []));
}

test("both languages say the same things", () => {
  assert.deepEqual(Object.keys(english).sort(), Object.keys(chinese).sort());
  for (const [key, text] of Object.entries(chinese)) {
    const places = (words) => [...words.matchAll(/\{\w+\}/g)].map((match) => match[0]).sort();
    assert.deepEqual(places(english[key]), places(text), key);
    assert.notEqual(text, "", key);
    assert.notEqual(english[key], "", key);
  }
});

test("no key stands twice in a dictionary", () => {
  for (const name of ["chinese", "english"]) {
    const keys = [...readFileSync(join(WEB, "text", `${name}.js`), "utf8").matchAll(/^ {2}.*$/gm)].flatMap((line) => [...line[0].matchAll(/"([^"]+)": "/g)].map((match) => match[1]));
    assert.deepEqual(keys.filter((key, index) => keys.indexOf(key) !== index), []);
    assert.equal(keys.length, Object.keys(chinese).length);
  }
});

test("every text that the page asks for is there, and none is left over", () => {
  const all = sources().filter((path) => !path.includes("/text/")).map((path) => readFileSync(path, "utf8")).join("\n");
  const literals = new Set([...all.matchAll(/"([a-zA-Z]+(?:\.[\w ]+)*)"/g)].map((match) => match[1]));
  const begins = [...all.matchAll(/`([a-zA-Z]+\.(?:[\w]+\.)*)\$\{/g)].map((match) => match[1]);
  const groups = [...all.matchAll(/known\("(\w+)"/g)].map((match) => `${match[1]}.`).concat("value.", "op.");
  const asked = [...all.matchAll(/(?<![\w.])t\("([^"]+)"/g)].map((match) => match[1]);
  assert.deepEqual(asked.filter((key) => !(key in chinese)), []);
  const unused = Object.keys(chinese).filter((key) => !literals.has(key) && ![...begins, ...groups].some((begin) => key.startsWith(begin)));
  assert.deepEqual(unused, []);
});

test("no source of the page reads markup", () => {
  for (const path of sources()) assert.doesNotMatch(readFileSync(path, "utf8"), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\(|new Function/, path);
});

test("a file stays readable: no more than 900 lines", () => {
  for (const path of sources()) assert.ok(readFileSync(path, "utf8").split("\n").length <= 900, path);
});

test("cells of a CSV file are quoted, and are no formulas", () => {
  assert.equal(csvCell('a "b", c', "string", "UTC"), '"a ""b"", c"');
  assert.equal(csvCell("=1+1", "string", "UTC"), "'=1+1");
  assert.equal(csvCell("@cmd,x", "string", "UTC"), "\"'@cmd,x\"");
  assert.equal(csvCell("-12.50", "decimal", "UTC"), "-12.50");
  assert.equal(csvCell(-3, "int", "UTC"), "-3");
  assert.equal(csvCell(null, "int", "UTC"), "");
  assert.equal(csvCell(["茶", "=x"], "tags", "UTC"), "茶|=x");
  assert.equal(csvCell(Date.UTC(2026, 0, 1, 16, 30), "time", "Asia/Shanghai"), "2026-01-02 00:30:00");
  assert.equal(csvRow(["u1", "a\nb"], ["string", "string"], "UTC"), 'u1,"a\nb"\r\n');
  assert.equal(csvHead(["id", "会员等级"]), "\uFEFFid,会员等级\r\n");
});

test("clauses of two versions can be compared", () => {
  assert.deepEqual(clausesOf("a = 1 and (b = 2 or c = 3) and did(view)"), ["a = 1", "(b = 2 or c = 3)", "did(view)"]);
  assert.deepEqual(clausesOf("a = 1 or b = 2"), ["a = 1 or b = 2"]);
});

test("latencies of now are those between two looks", () => {
  let seed = 20260301;
  const draw = (below) => { seed = (Math.imul(seed, 1103515245) + 12345) >>> 0; return (seed >>> 8) % below; };
  const edges = [1, 2, 4, 8, 16, 32, 64, 128, 256];
  const histogram = (values) => edges.map((edge, index) => [edge, values.filter((value) => value < edge && value >= (edges[index - 1] ?? 0)).length]).filter(([, count]) => count > 0);
  for (let round = 0; round < 500; round += 1) {
    const earlier = Array.from({ length: draw(40) }, () => draw(256));
    const later = Array.from({ length: draw(40) }, () => draw(256));
    const now = between(histogram(earlier), histogram([...earlier, ...later]));
    assert.deepEqual(now, histogram(later));
    later.sort((a, b) => a - b);
    for (const share of [0.5, 0.99, 0.999]) {
      const exact = later[Math.ceil(later.length * share) - 1];
      assert.equal(quantile(now, share), later.length === 0 ? null : edges.find((edge) => edge > exact));
    }
  }
  assert.deepEqual(between(undefined, [[4, 2]]), [[4, 2]]);
  assert.deepEqual(between([[4, 9]], [[4, 2]]), [[4, 2]]); // the server was begun anew
});
