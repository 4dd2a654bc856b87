// expression_print.js -- the model of an audience as text of the expression language.
//
// A condition that is not finished yet (no value chosen) prints as nothing and is left out, so that what has been clicked
// so far can be counted at any time. What is printed parses back to the same model (expression_parse.js).
import { isBareName } from "./expression_lexer.js";

const DERIVED = /^(rfm|value|invited)\.[a-z_]+$/;
const SCORE = /^score\.(.+)$/u;

export function printName(name) {
  return isBareName(name) ? name : `\`${name.replaceAll("`", "``")}\``;
}

/** Of a user's field; derived ones (rfm.r, score.loyalty) stand bare in spite of their point. */
export function printField(name) {
  const score = SCORE.exec(name);
  return DERIVED.test(name) || (score !== null && isBareName(score[1])) ? name : printName(name);
}

export function printText(text) {
  return `'${text.replaceAll("'", "''")}'`;
}

export function printLiteral(literal) {
  return literal.type === "text" ? printText(literal.value) : literal.value;
}

function plural(count, unit) {
  return `${count} ${unit}${String(count) === "1" ? "" : "s"}`;
}

/** "" for every time there was. */
export function printWindow(window) {
  switch (window.kind) {
  case "last": return `last ${plural(window.count, window.unit)}`;
  case "calendar": return `last ${window.count} calendar ${window.unit}${String(window.count) === "1" ? "" : "s"}`;
  case "this": return window.unit === "day" ? "today" : `this ${window.unit}`;
  case "previous": return window.unit === "day" ? "yesterday" : `previous ${window.unit}`;
  case "between": return `between ${printText(window.from)} and ${printText(window.to)}`;
  case "on":
  case "since":
  case "before": return `${window.kind} ${printText(window.from)}`;
  case "ago": return `from ${plural(window.count, window.unit)} ago to ${plural(window.endCount, window.endUnit)} ago`;
  default: return "";
  }
}

/** Is there something to fill in yet? */
export function isWindowWhole(window) {
  const isCount = (count) => /^[1-9]\d*$/.test(String(count));
  switch (window.kind) {
  case "last":
  case "calendar": return isCount(window.count);
  case "ago": return isCount(window.count) && isCount(window.endCount);
  case "between": return window.from !== "" && window.to !== "";
  case "on":
  case "since":
  case "before": return window.from !== "";
  default: return true;
  }
}

const isGiven = (literal) => literal !== undefined && (literal.type === "text" || literal.value !== "");

/** What stands behind an operand: `>= 5`, `in ('a', 'b')`; null while it is not finished. */
function printAsked(leaf) {
  const values = leaf.values.filter(isGiven);
  switch (leaf.op) {
  case "missing": return "is missing";
  case "not missing": return "is not missing";
  case "in":
  case "not in": return values.length === 0 ? null : `${leaf.op} (${values.map(printLiteral).join(", ")})`;
  case "between":
  case "not between":
    if (!isGiven(leaf.values[0]) || !isGiven(leaf.values[1])) return null;
    return `${leaf.op} ${printLiteral(leaf.values[0])} and ${printLiteral(leaf.values[1])}`;
  case "window": return isWindowWhole(leaf.inWindow) && leaf.inWindow.kind !== "ever" ? `in ${printWindow(leaf.inWindow)}` : null;
  case "next": return /^[1-9]\d*$/.test(String(leaf.days)) ? `in next ${plural(leaf.days, "day")}` : null;
  default:
    if (!isGiven(leaf.values[0])) return null;
    if (leaf.op === "=" && leaf.values[0].type === "bool" && leaf.values[0].value === "true" && leaf.kind === "field") return "";
    return `${leaf.op} ${printLiteral(leaf.values[0])}`;
  }
}

function printWhere(where) {
  const text = where === null ? "" : printExpression(where);
  return text === "" ? "" : ` where ${text}`;
}

/** `purchase.amount where ..., last 30 days`, from behind the ( to the ). */
function printEvents(leaf) {
  const property = leaf.property === "" ? "" : `.${leaf.property === "item" ? "item" : printName(leaf.property)}`;
  const window = printWindow(leaf.window);
  const nth = leaf.measure === "nth" ? `${leaf.nth}, ` : "";
  const distinct = leaf.measure === "distinct" ? "distinct " : "";
  return `(${distinct}${nth}${printName(leaf.event)}${property}${printWhere(leaf.where)}${window === "" ? "" : `, ${window}`})`;
}

const NEEDS_PROPERTY = new Set(["sum", "min", "max", "avg", "distinct"]);

function printEventLeaf(leaf) {
  if (leaf.event === "" || !isWindowWhole(leaf.window)) return "";
  if (NEEDS_PROPERTY.has(leaf.measure) && leaf.property === "") return "";
  const operand = `${leaf.measure === "distinct" ? "count" : leaf.measure}${printEvents(leaf)}`;
  if (leaf.measure === "did") return operand;
  const asked = printAsked(leaf);
  return asked === null ? "" : `${operand} ${asked}`;
}

function printSequence(leaf) {
  if (leaf.steps.length === 0 || leaf.steps.some((step) => step.event === "") || !isWindowWhole(leaf.window)) return "";
  let text = leaf.steps.map((step) => `${printName(step.event)}${printWhere(step.where)}`).join(" -> ");
  if (leaf.within !== null) text += `, within ${plural(leaf.within.count, leaf.within.unit)}`;
  if (leaf.strict) text += ", strict";
  if (leaf.reach > 0) text += `, reach ${leaf.reach}`;
  const window = printWindow(leaf.window);
  return `sequence(${text}${window === "" ? "" : `, ${window}`})`;
}

function printLeaf(leaf) {
  switch (leaf.kind) {
  case "field": {
    if (leaf.name === "") return "";
    const asked = printAsked(leaf);
    if (asked === null) return "";
    const operand = leaf.item ? `item.${printName(leaf.name)}` : printField(leaf.name);
    return asked === "" ? operand : `${operand} ${asked}`;
  }
  case "tags": {
    const values = leaf.values.filter((value) => value !== "");
    if (leaf.name === "" || values.length === 0) return "";
    const operand = leaf.item ? `item.${printName(leaf.name)}` : printField(leaf.name);
    if (leaf.has === "any" && values.length === 1) return `${operand} has ${printText(values[0])}`;
    return `${operand} has ${leaf.has} (${values.map(printText).join(", ")})`;
  }
  case "events": return printEventLeaf(leaf);
  case "sequence": return printSequence(leaf);
  case "segment": return leaf.name === "" ? "" : `in_segment(${printText(leaf.name)})`;
  case "sample": return /^\d+(\.\d{1,4})?$/.test(leaf.percent) ? `sample(${leaf.percent}%, ${printText(leaf.seed)})` : "";
  case "text": return leaf.text.trim() === "" ? "" : leaf.isJoined ? `(${leaf.text})` : leaf.text;
  default: throw new Error(`a leaf of kind ${leaf.kind}`);
  }
}

/** A group inside another stands in parentheses; an empty one prints as nothing. */
export function printNode(node) {
  if (node.kind !== "group") {
    const text = printLeaf(node);
    return text !== "" && node.not ? `not ${text}` : text;
  }
  const text = printExpression(node);
  return text === "" ? "" : `${node.not ? "not " : ""}(${text})`;
}

/** The root group, without parentheses around it. */
export function printExpression(root) {
  return root.children.map(printNode).filter((text) => text !== "").join(` ${root.join} `);
}

/** The same for people: comments kept behind their conditions, one condition a line where one line would be long. */
export function printRoot(root) {
  const parts = root.children
    .map((child) => ({ text: printNode(child), notes: child.notes ?? [] }))
    .filter((part) => part.text !== "");
  const oneLine = parts.map((part) => part.text).join(` ${root.join} `);
  const hasNotes = parts.some((part) => part.notes.length > 0);
  if (!hasNotes && oneLine.length <= 72) return oneLine;
  return parts
    .map((part, index) => `${index === 0 ? "" : `${root.join} `}${part.text}${part.notes.map((note) => ` -- ${note}`).join("\n")}`)
    .join("\n");
}
