// expression_random.mjs -- random models of audiences, as clicks could make them.
import { EVER, makeEvents, makeField, makeGroup } from "../../tools/console/web/model/expression_parse.js";

/** xorshift32: the same numbers everywhere. */
export class Random {
  constructor(seed) {
    this.state = (seed * 2654435761 + 1) >>> 0 || 1;
  }

  below(count) {
    this.state ^= this.state << 13;
    this.state >>>= 0;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return this.state % count;
  }

  pick(list) {
    return list[this.below(list.length)];
  }
}

const TEXTS = ["成都", "it's", "a, b", "", "金卡", "(x)", "and", "-- no", "\"q\"", "“”", "𠮷野家"];
const NAMES = ["city", "会员等级", "and", "my field", "tick`s", "rfm.r", "value.amount", "积分2", "a.b", "where"];
const EVENT_NAMES = ["view", "purchase", "加购", "did", "check in"];

function literal(random, type = random.pick(["text", "number", "bool"])) {
  if (type === "number") return { type, value: random.pick(["0", "5", "-3", "12.5", "100000"]) };
  return type === "bool" ? { type, value: random.pick(["true", "false"]) } : { type, value: random.pick(TEXTS) };
}

function window(random) {
  const count = 1 + random.below(40);
  switch (random.below(8)) {
  case 0: return { kind: "last", count, unit: random.pick(["minute", "hour", "day", "week"]) };
  case 1: return { kind: "calendar", count, unit: random.pick(["day", "week", "month", "quarter", "year"]) };
  case 2: return { kind: random.pick(["this", "previous"]), unit: random.pick(["day", "week", "month", "quarter", "year"]) };
  case 3: return { kind: "between", from: "2026-01-01", to: "2026-02-01" };
  case 4: return { kind: random.pick(["on", "since", "before"]), from: "2026-01-01 10:00:00" };
  case 5: return { kind: "ago", count: 60 + count, unit: "day", endCount: count, endUnit: "hour" };
  default: return EVER;
  }
}

/** An operator and what it needs, into the leaf. */
function ask(random, leaf) {
  switch (random.below(8)) {
  case 0:
    leaf.op = random.pick(["in", "not in"]);
    leaf.values = Array.from({ length: 1 + random.below(3) }, () => literal(random));
    break;
  case 1:
    leaf.op = random.pick(["between", "not between"]);
    leaf.values = [literal(random, "number"), literal(random, "number")];
    break;
  case 2:
    leaf.op = random.pick(["missing", "not missing"]);
    break;
  case 3:
  case 4:
    leaf.op = random.pick(["=", "!=", "<", "<=", ">", ">="]);
    leaf.values = [literal(random)];
    break;
  case 5:
    leaf.op = random.pick(["starts with", "not starts with", "contains", "not contains", "under", "not under"]);
    leaf.values = [literal(random, "text")];
    break;
  case 6:
    leaf.op = "next";
    leaf.days = 1 + random.below(60);
    break;
  default:
    leaf.op = "window";
    do leaf.inWindow = window(random);
    while (leaf.inWindow.kind === "ever");
  }
  return leaf;
}

function leafOf(random, depth, inEvents) {
  switch (random.below(inEvents ? 3 : 8)) {
  case 0:
  case 1: return ask(random, makeField(random.pick(NAMES), inEvents && random.below(2) === 0));
  case 2:
    return { kind: "tags", not: false, item: inEvents && random.below(2) === 0, name: random.pick(["interests", "标签", "my tags"]),
      has: random.pick(["any", "all", "none"]), values: Array.from({ length: 1 + random.below(3) }, () => random.pick(TEXTS.filter((text) => text !== ""))) };
  case 3: return { kind: "segment", not: false, name: random.pick(["沉睡老客", "it's"]) };
  case 4: return { kind: "sample", not: false, percent: random.pick(["10", "0.5"]), seed: "spring" };
  case 5:
    return { kind: "sequence", not: false,
      steps: Array.from({ length: 1 + random.below(3) }, () => ({ event: random.pick(EVENT_NAMES), where: whereOf(random, depth) })),
      within: random.below(2) === 0 ? null : { count: 1 + random.below(9), unit: "day" }, strict: random.below(2) === 0,
      reach: random.below(2), window: window(random) };
  default: {
    const leaf = makeEvents(random.pick(["did", "count", "sum", "days_since", "distinct", "nth", "first", "gap_avg"]), random.pick(EVENT_NAMES));
    if (["sum", "distinct"].includes(leaf.measure) || (leaf.measure === "first" && random.below(2) === 0)) leaf.property = random.pick(["amount", "item", "my prop"]);
    if (leaf.measure === "nth") leaf.nth = 1 + random.below(4);
    leaf.where = whereOf(random, depth);
    leaf.window = window(random);
    return leaf.measure === "did" ? leaf : ask(random, leaf);
  }
  }
}

function whereOf(random, depth) {
  return depth > 0 && random.below(3) === 0 ? groupOf(random, depth - 1, true) : null;
}

function groupOf(random, depth, inEvents) {
  const count = 1 + random.below(3);
  const group = makeGroup(count > 1 ? random.pick(["and", "or"]) : "and");
  for (let i = 0; i < count; i++) {
    const child = depth > 0 && random.below(4) === 0 ? groupOf(random, depth - 1, inEvents) : leafOf(random, depth, inEvents);
    child.not = random.below(5) === 0;
    group.children.push(child);
  }
  return group;
}

export function randomModel(random) {
  return groupOf(random, 2, false);
}
