// expression_parse.js -- the text of an expression as the model that is clicked.
//
//   会员等级 >= '金卡' and (did(view, last 7 days) or points * 2 > 10)
//
//   group and -- field  会员等级 >= 金卡
//             '- group or -- events did view, last 7 days
//                         '- text   points * 2 > 10          what clicks cannot show stays as it was written
//
// The model:
//   group    {kind, join: "and" | "or", not, children}             the root is always a group
//   field    {kind, not, item, name, op, values: [{type, value}], inWindow, days}
//   tags     {kind, not, item, name, has: "any" | "all" | "none", values: [text]}
//   events   {kind, not, measure, event, property, nth, where: group | null, window, op, values, inWindow, days}
//   sequence {kind, not, steps: [{event, where}], within: {count, unit} | null, strict, reach, window}
//   segment  {kind, not, name}        sample {kind, not, percent, seed}        text {kind, not, text, isJoined}
// Each may have `notes`: the comments that stood behind it.
//
// The engine alone decides what an expression means. This parser only has to see where conditions begin and end; a
// condition that it does not know by heart, right or wrong, becomes a block of text. A text whose parentheses or quotes
// do not close is one block of text.
import { isReserved, lexExpression } from "./expression_lexer.js";

export const MEASURES = ["did", "count", "sum", "avg", "min", "max", "distinct", "days", "days_since", "first", "last",
  "nth", "gap_avg", "gap_min", "gap_max", "expected_next"];
const PROPERTY_MUST = new Set(["sum", "min", "max", "avg", "distinct"]);
const PROPERTY_MAY = new Set(["first", "last", "nth"]);
const GROUPS = new Set(["rfm", "value", "invited", "score"]);
const UNITS = ["minute", "hour", "day", "week", "month", "quarter", "year"];
const SLIDING = new Set(["minute", "hour", "day", "week"]);
const DEPTH_MAX = 64; // the engine refuses what is nested deeper
const CALENDAR = new Set(["day", "week", "month", "quarter", "year"]);

export const EVER = Object.freeze({ kind: "ever" });

/** Thrown inside when the tokens are none that clicks can show; never leaves this file. */
class Unknown extends Error {}

class Parser {
  constructor(text) {
    this.text = text;
    const all = lexExpression(text);
    this.tokens = all.filter((token) => token.kind !== "comment");
    this.comments = all.filter((token) => token.kind === "comment");
    this.at = 0;
    this.depth = 0;
  }

  token(ahead = 0) {
    return this.tokens[this.at + ahead] ?? { kind: "end", value: "", start: this.text.length, end: this.text.length };
  }

  isKind(kind, ahead = 0) {
    return this.token(ahead).kind === kind;
  }

  isWord(word, ahead = 0) {
    const token = this.token(ahead);
    return token.kind === "word" && token.value.toLowerCase() === word;
  }

  take(kind) {
    const token = this.token();
    if (token.kind !== kind) throw new Unknown();
    this.at++;
    return token.value;
  }

  takeWord(word) {
    if (!this.isWord(word)) throw new Unknown();
    this.at++;
  }

  passWord(word) {
    if (!this.isWord(word)) return false;
    this.at++;
    return true;
  }

  passKind(kind) {
    if (!this.isKind(kind)) return false;
    this.at++;
    return true;
  }

  /** A name that is no reserved word. */
  takeName() {
    const token = this.token();
    if (token.kind !== "name" && (token.kind !== "word" || isReserved(token.value))) throw new Unknown();
    this.at++;
    return token.value;
  }

  takeCount() {
    const value = this.take("number");
    if (!/^[1-9]\d*$/.test(value)) throw new Unknown();
    return Number(value);
  }

  takeUnit(allowed) {
    const word = this.take("word").toLowerCase();
    const unit = UNITS.find((name) => word === name || word === `${name}s`);
    if (unit === undefined || !allowed.has(unit)) throw new Unknown();
    return unit;
  }

  takeLiteral() {
    const token = this.token();
    this.at++;
    if (token.kind === "string") return { type: "text", value: token.value };
    if (token.kind === "number") return { type: "number", value: token.value };
    const word = token.kind === "word" ? token.value.toLowerCase() : "";
    if (word === "true" || word === "false") return { type: "bool", value: word };
    throw new Unknown();
  }

  takeList() {
    this.take("open");
    const values = [];
    do values.push(this.takeLiteral());
    while (this.passKind("comma"));
    this.take("close");
    return values;
  }

  takeWindow() {
    if (this.passWord("ever")) return EVER;
    if (this.passWord("today")) return { kind: "this", unit: "day" };
    if (this.passWord("yesterday")) return { kind: "previous", unit: "day" };
    if (this.passWord("this")) return { kind: "this", unit: this.takeUnit(CALENDAR) };
    if (this.passWord("previous")) return { kind: "previous", unit: this.takeUnit(CALENDAR) };
    if (this.passWord("last")) {
      const count = this.takeCount();
      if (this.passWord("calendar")) return { kind: "calendar", count, unit: this.takeUnit(CALENDAR) };
      return { kind: "last", count, unit: this.takeUnit(SLIDING) };
    }
    if (this.passWord("between")) {
      const from = this.take("string");
      this.takeWord("and");
      return { kind: "between", from, to: this.take("string") };
    }
    for (const kind of ["on", "since", "before"])
      if (this.passWord(kind)) return { kind, from: this.take("string") };
    this.takeWord("from");
    const count = this.takeCount();
    const unit = this.takeUnit(SLIDING);
    this.takeWord("ago");
    this.takeWord("to");
    const endCount = this.takeCount();
    const endUnit = this.takeUnit(SLIDING);
    this.takeWord("ago");
    return { kind: "ago", count, unit, endCount, endUnit };
  }

  // ---- Leaves ----

  /** What is asked of a field or an aggregate, into the leaf. */
  takeAsked(leaf) {
    if (this.isKind("compare")) {
      leaf.op = this.take("compare");
      leaf.values = [this.takeLiteral()];
      return;
    }
    const no = this.passWord("not") ? "not " : "";
    if (this.passWord("between")) {
      leaf.op = `${no}between`;
      const low = this.takeLiteral();
      this.takeWord("and");
      leaf.values = [low, this.takeLiteral()];
    } else if (this.passWord("in")) {
      this.takeIn(leaf, no);
    } else if (this.passWord("starts")) {
      this.takeWord("with");
      leaf.op = `${no}starts with`;
      leaf.values = [this.takeLiteral()];
    } else if (this.passWord("contains") || this.passWord("under")) {
      leaf.op = `${no}${this.token(-1).value.toLowerCase()}`;
      leaf.values = [this.takeLiteral()];
    } else if (no === "" && this.passWord("is")) {
      leaf.op = this.passWord("not") ? "not missing" : "missing";
      this.takeWord("missing");
    } else {
      throw new Unknown();
    }
  }

  takeIn(leaf, no) {
    if (this.isKind("open")) {
      leaf.op = `${no}in`;
      leaf.values = this.takeList();
    } else if (no !== "") {
      throw new Unknown();
    } else if (this.passWord("next")) {
      const count = this.takeCount();
      const unit = this.takeUnit(new Set(["day", "week"]));
      leaf.op = "next";
      leaf.days = unit === "week" ? count * 7 : count;
    } else {
      leaf.op = "window";
      leaf.inWindow = this.takeWindow();
    }
  }

  takeTags(leaf) {
    this.takeWord("has");
    const has = ["any", "all", "none"].find((word) => this.passWord(word));
    const values = has === undefined ? [this.takeLiteral()] : this.takeList();
    if (values.some((value) => value.type !== "text")) throw new Unknown();
    return { kind: "tags", not: false, item: leaf.item, name: leaf.name, has: has ?? "any", values: values.map((value) => value.value) };
  }

  /** A name, item.name, or rfm.name. */
  takeField() {
    const leaf = makeField();
    const token = this.token();
    if (this.isWord("item")) {
      this.at++;
      leaf.item = true;
      leaf.name = "id";
      if (this.passKind("dot")) {
        if (!this.isKind("word") && !this.isKind("name")) throw new Unknown();
        leaf.name = this.take(this.token().kind);
      }
    } else {
      leaf.name = this.takeName();
      if (token.kind === "word" && GROUPS.has(token.value) && this.isKind("dot")) {
        const isJoined = this.token().start === token.end && this.token(1).start === token.end + 1;
        if (!isJoined) throw new Unknown();
        this.at++;
        leaf.name += `.${this.take("word")}`;
      }
    }
    if (this.isWord("has")) return this.takeTags(leaf);
    if (this.isAtEndOfLeaf()) {
      leaf.op = "=";
      leaf.values = [{ type: "bool", value: "true" }];
      return leaf;
    }
    this.takeAsked(leaf);
    return leaf;
  }

  takeWhere() {
    return this.passWord("where") ? this.parseGroup() : null;
  }

  takeEvents(measure) {
    const leaf = makeEvents(measure);
    this.at++;
    this.take("open");
    const isName = this.isKind("name", 1) || (this.isKind("word", 1) && !isReserved(this.token(1).value));
    if (measure === "count" && this.isWord("distinct") && isName) {
      this.at++;
      leaf.measure = "distinct";
    }
    if (measure === "nth") {
      leaf.nth = this.takeCount();
      this.take("comma");
    }
    leaf.event = this.takeName();
    if (PROPERTY_MUST.has(leaf.measure) || (PROPERTY_MAY.has(leaf.measure) && this.isKind("dot"))) {
      this.take("dot");
      if (!this.isKind("word") && !this.isKind("name")) throw new Unknown();
      leaf.property = this.take(this.token().kind);
    }
    leaf.where = this.takeWhere();
    if (this.passKind("comma")) leaf.window = this.takeWindow();
    this.take("close");
    if (measure !== "did") this.takeAsked(leaf);
    return leaf;
  }

  takeSequence() {
    const leaf = { kind: "sequence", not: false, steps: [], within: null, strict: false, reach: 0, window: EVER };
    this.at++;
    this.take("open");
    do leaf.steps.push({ event: this.takeName(), where: this.takeWhere() });
    while (this.passKind("arrow"));
    while (this.passKind("comma")) {
      if (this.isWord("within") && this.isKind("number", 1)) {
        this.at++;
        leaf.within = { count: this.takeCount(), unit: this.takeUnit(SLIDING) };
      } else if (this.passWord("strict")) {
        leaf.strict = true;
      } else if (this.passWord("loose")) {
        leaf.strict = false;
      } else if (this.passWord("reach")) {
        leaf.reach = this.takeCount();
      } else {
        leaf.window = this.takeWindow();
      }
    }
    this.take("close");
    return leaf;
  }

  takeLeaf() {
    const token = this.token();
    const isCall = token.kind === "word" && this.isKind("open", 1);
    const word = isCall ? token.value.toLowerCase() : "";
    if (word === "sequence") return this.takeSequence();
    if (word === "in_segment") {
      this.at += 2;
      const leaf = { kind: "segment", not: false, name: this.take("string") };
      this.take("close");
      return leaf;
    }
    if (word === "sample") {
      this.at += 2;
      const percent = this.take("number");
      this.take("percent");
      this.take("comma");
      const leaf = { kind: "sample", not: false, percent, seed: this.take("string") };
      this.take("close");
      return leaf;
    }
    if (MEASURES.includes(word) && word !== "distinct") return this.takeEvents(word);
    return this.takeField();
  }

  // ---- Where conditions end ----

  isAtEndOfLeaf() {
    return ["end", "close", "comma", "arrow"].includes(this.token().kind) || this.isWord("and") || this.isWord("or");
  }

  /** Behind a condition that is not known: to the `and`, `or`, `)`, `,` or `->` that ends it. */
  passLeaf() {
    let depth = 0;
    let betweens = 0;
    for (;; this.at++) {
      const token = this.token();
      if (token.kind === "error" || (token.kind === "end" && depth > 0)) throw new Unknown();
      if (token.kind === "end") return;
      if (token.kind === "open") depth++;
      if (token.kind === "close" && depth-- === 0) return;
      if (depth > 0) continue;
      if (token.kind === "comma" || token.kind === "arrow" || this.isWord("or")) return;
      if (this.isWord("between")) betweens++;
      if (this.isWord("and") && betweens-- === 0) return;
      betweens = Math.max(betweens, 0);
    }
  }

  textLeaf(begin) {
    this.at = begin;
    this.passLeaf();
    if (this.at === begin) throw new Unknown();
    return { kind: "text", not: false, text: this.text.slice(this.tokens[begin].start, this.tokens[this.at - 1].end), isJoined: false };
  }

  /** Is the ( the beginning of a calculation, such as (a + b) > 3? */
  opensCalculation() {
    let depth = 0;
    let ahead = 0;
    do {
      if (this.isKind("open", ahead)) depth++;
      if (this.isKind("close", ahead)) depth--;
      if (this.isKind("end", ahead) || this.isKind("error", ahead)) throw new Unknown();
      ahead++;
    } while (depth > 0);
    if (["compare", "plus", "minus", "star", "slash"].includes(this.token(ahead).kind)) return true;
    if (this.isKind("number", ahead)) return true;
    if (this.isWord("not", ahead)) ahead++;
    return ["between", "in", "is"].some((word) => this.isWord(word, ahead));
  }

  // ---- Groups ----

  parseOne() {
    if (++this.depth > DEPTH_MAX) throw new Unknown();
    const isNot = this.passWord("not");
    const node = isNot ? this.parseOne() : this.parsePlain();
    if (isNot) node.not = !node.not;
    this.depth--;
    return node;
  }

  parsePlain() {
    const begin = this.at;
    if (this.isKind("open") && !this.opensCalculation()) {
      this.at++;
      const group = this.parseGroup();
      this.take("close");
      return group;
    }
    const depth = this.depth;
    let leaf;
    try {
      leaf = this.takeLeaf();
      if (!this.isAtEndOfLeaf()) throw new Unknown();
    } catch (error) {
      if (!(error instanceof Unknown)) throw error;
      this.depth = depth;
      leaf = this.textLeaf(begin);
    }
    leaf.from = this.tokens[begin].start;
    return leaf;
  }

  parseAnd() {
    const children = [this.parseOne()];
    while (this.passWord("and")) children.push(this.parseOne());
    return children;
  }

  /** Conditions joined by `or` of conditions joined by `and`: as one group. */
  parseGroup() {
    const parts = [this.parseAnd()];
    while (this.passWord("or")) parts.push(this.parseAnd());
    if (parts.length === 1) return makeGroup("and", parts[0]);
    return makeGroup("or", parts.map((part) => (part.length === 1 ? part[0] : makeGroup("and", part))));
  }
}

export function makeGroup(join = "and", children = []) {
  return { kind: "group", join, not: false, children };
}

export function makeField(name = "", item = false) {
  return { kind: "field", not: false, item, name, op: "=", values: [], inWindow: EVER, days: 7 };
}

export function makeEvents(measure = "did", event = "") {
  return { kind: "events", not: false, measure, event, property: "", nth: 1, where: null, window: EVER, op: ">=", values: [], inWindow: EVER, days: 7 };
}

export function makeText(text) {
  return { kind: "text", not: false, text, isJoined: isJoined(text) };
}

/** Would `and` beside it change what it means? */
export function isJoined(text) {
  try {
    const parser = new Parser(text);
    const group = parser.parseGroup();
    return parser.isKind("end") && (group.children.length > 1 || parser.tokens[0]?.value.toLowerCase() === "not");
  } catch (error) {
    if (error instanceof Unknown) return false;
    throw error;
  }
}

/** Each comment goes to the top-level condition that it stands behind, or to the first. */
function giveNotes(root, parser) {
  for (const comment of parser.comments) {
    let index = 0;
    while (index + 1 < root.children.length && firstPlace(root.children[index + 1]) < comment.start) index++;
    const child = root.children[index];
    if (child !== undefined && comment.value !== "") (child.notes ??= []).push(comment.value);
  }
}

function firstPlace(node) {
  return node.kind === "group" ? firstPlace(node.children[0]) : node.from;
}

/** Places belong to one text and are no part of the model. */
function dropPlaces(node) {
  delete node.from;
  for (const child of node.children ?? []) dropPlaces(child);
  if (node.where) dropPlaces(node.where);
  for (const step of node.steps ?? []) if (step.where) dropPlaces(step.where);
  return node;
}

/** The root group of any text at all; `isWhole` is false if it had to stay one block of text. */
export function parseExpression(text) {
  const parser = new Parser(text);
  if (parser.tokens.length === 0) return { root: makeGroup(), isWhole: true };
  try {
    const root = parser.parseGroup();
    if (!parser.isKind("end")) throw new Unknown();
    giveNotes(root, parser);
    const isEverybody = root.children.length === 1 && root.children[0].kind === "text" && root.children[0].text.toLowerCase() === "true" && !root.children[0].not;
    if (isEverybody) root.children = [];
    return { root: dropPlaces(root), isWhole: true };
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
    return { root: makeGroup("and", [{ kind: "text", not: false, text, isJoined: false }]), isWhole: false };
  }
}
