// editor.js -- the text side of an audience: a text area over its own coloured copy, with the fault marked at its place and
// a list of names that fit under the cursor.
import { freshId, h, replace } from "./dom.js";
import { eventLabel, fieldLabel } from "./schema.js";
import { t } from "./texts.js";
import { lexExpression } from "../model/expression_lexer.js";
import { placeOfByte } from "../model/expression_places.js";
import { printField, printName, printText } from "../model/expression_print.js";

const KEYWORDS = new Set(["and", "or", "not", "in", "between", "is", "has", "any", "all", "none", "missing", "starts", "with", "contains", "under", "where",
  "last", "days", "day", "hours", "hour", "weeks", "week", "minutes", "today", "yesterday", "this", "previous", "month", "quarter", "year", "calendar", "since",
  "before", "after", "on", "from", "to", "ago", "within", "ever", "next", "true", "false", "item", "strict", "loose", "reach", "distinct"]);
const FUNCTIONS = ["did", "count", "sum", "avg", "min", "max", "days", "days_since", "first", "last", "nth", "gap_avg", "gap_min", "gap_max", "expected_next",
  "sequence", "in_segment", "sample"];
const COMPLETIONS_MAX = 8;

function classOf(token, next) {
  if (token.kind === "string") return "x-text";
  if (token.kind === "number") return "x-number";
  if (token.kind === "comment") return "x-comment";
  if (token.kind === "error") return "x-error";
  if (token.kind !== "word") return token.kind === "name" ? "x-name" : "";
  const word = token.value.toLowerCase();
  if (next?.kind === "open" && FUNCTIONS.includes(word)) return "x-function";
  return KEYWORDS.has(word) ? "x-word" : "x-name";
}

/** The text as coloured pieces; [from, to) of the fault is underlined. */
export function coloured(text, fault = null) {
  const pieces = [];
  const cut = (from, to, className) => {
    if (from >= to) return;
    const marks = fault !== null && fault.from < to && fault.to > from;
    if (!marks) return pieces.push(h("span", { class: className }, text.slice(from, to)));
    cut(from, Math.max(from, fault.from), className);
    pieces.push(h("span", { class: [className, "x-fault"] }, text.slice(Math.max(from, fault.from), Math.min(to, fault.to))));
    return cutRest(Math.min(to, fault.to), to, className);
  };
  const cutRest = (from, to, className) => (from < to ? pieces.push(h("span", { class: className }, text.slice(from, to))) : 0);
  let at = 0;
  const tokens = lexExpression(text);
  tokens.forEach((token, index) => {
    cut(at, token.start, "");
    cut(token.start, token.end, classOf(token, tokens[index + 1]));
    at = token.end;
  });
  cut(at, text.length, "");
  return pieces;
}

/** An expression to be read, not written. */
export function expressionView(text, empty = t("audience.everybody")) {
  return text.trim() === "" || text.trim() === "true" ? h("span", { class: "soft" }, empty) : h("code", { class: "expression" }, coloured(text));
}

/** Where an error of the engine stands: at least one character. */
export function faultOf(text, position) {
  if (position === undefined || position === null || position < 0) return null;
  const from = Math.min(placeOfByte(text, position), Math.max(0, text.length));
  const token = lexExpression(text).find((one) => one.start <= from && one.end > from);
  return { from, to: token === undefined ? Math.max(from + 1, text.length) : token.end };
}

export class Editor {
  constructor({ text, schema, onInput, label }) {
    this.schema = schema;
    this.onInput = onInput;
    this.fault = null;
    this.errorId = freshId("error");
    this.listId = freshId("completions");
    this.back = h("pre", { class: "editor-back", "aria-hidden": "true" });
    this.area = h("textarea", {
      class: "editor-area", "aria-label": label, "aria-describedby": this.errorId, "aria-autocomplete": "list", "aria-controls": this.listId, "aria-expanded": "false", role: "combobox",
      spellcheck: "false", autocomplete: "off", autocapitalize: "off", rows: "3", placeholder: t("editor.placeholder"),
      oninput: () => this.changed(), onkeydown: (event) => this.key(event), onscroll: () => this.scrolled(), onblur: () => setTimeout(() => this.closeList(), 150), onclick: () => this.closeList(),
    });
    this.area.value = text;
    this.error = h("div", { class: "editor-error", id: this.errorId, role: "status" });
    this.list = h("ul", { class: "completions", id: this.listId, role: "listbox", "aria-label": t("editor.completions"), hidden: true });
    this.element = h("div", { class: "editor" }, h("div", { class: "editor-box" }, this.back, this.area, this.list), this.error);
    this.draw();
  }

  get text() {
    return this.area.value;
  }

  set text(text) {
    if (this.area.value === text) return;
    this.area.value = text;
    this.fault = null;
    this.draw();
  }

  changed() {
    this.fault = null;
    this.draw();
    this.onInput(this.area.value);
    this.complete();
  }

  scrolled() {
    this.back.scrollTop = this.area.scrollTop;
  }

  draw() {
    replace(this.back, coloured(this.area.value, this.fault), "\n");
    this.area.style.height = "auto";
    this.area.style.height = `${Math.min(320, Math.max(84, this.area.scrollHeight + 2))}px`;
    this.scrolled();
  }

  /** An RpcError, or null. */
  showError(error) {
    this.fault = error === null ? null : faultOf(this.area.value, error.position);
    this.area.setAttribute("aria-invalid", String(error !== null));
    replace(this.error, error === null ? [] : [
      h("p", {}, error.message, this.fault === null ? null : h("span", { class: "soft" }, ` ${t("editor.at", { n: [...this.area.value.slice(0, this.fault.from)].length + 1 })}`)),
      error.hint ? h("p", { class: "hint" }, t("editor.hint", { hint: error.hint })) : null,
      this.fault === null ? null : h("button", { type: "button", class: "quiet small", onclick: () => this.goToFault() }, t("editor.goToFault")),
    ]);
    this.draw();
  }

  goToFault() {
    this.area.focus();
    if (this.fault !== null) this.area.setSelectionRange(this.fault.from, this.fault.to);
  }

  // ---- Names that fit ----

  /** The word that is being written in front of the cursor. */
  wordAtCursor() {
    const place = this.area.selectionStart;
    if (place !== this.area.selectionEnd) return null;
    const token = lexExpression(this.area.value).find((one) => one.start < place && one.end >= place);
    if (token === undefined || (token.kind !== "word" && token.kind !== "name") || token.end !== place) return null;
    return { from: token.start, to: place, word: token.value.toLowerCase() };
  }

  candidates(word) {
    const { schema } = this;
    const all = [
      ...[...schema.userFields, ...schema.derived].map((field) => ({ insert: printField(field.name), label: field.name, note: labelNote(field.name, fieldLabel) || t(`type.${field.type}`) })),
      ...schema.tagSets.map((name) => ({ insert: `${printName(name)} has `, label: name, note: t("type.tags") })),
      ...schema.events.map((event) => ({ insert: printName(event.name), label: event.name, note: labelNote(event.name, eventLabel) || t("add.behaviour") })),
      ...FUNCTIONS.map((name) => ({ insert: `${name}(`, label: `${name}( )`, note: t("editor.function") })),
      ...schema.segments.map((name) => ({ insert: `in_segment(${printText(name)})`, label: name, note: t("add.segment") })),
    ];
    const starts = all.filter((one) => one.label.toLowerCase().startsWith(word) && one.label.toLowerCase() !== word);
    const holds = all.filter((one) => !starts.includes(one) && `${one.label} ${one.note}`.toLowerCase().includes(word) && one.label.toLowerCase() !== word);
    return [...starts, ...holds].slice(0, COMPLETIONS_MAX);
  }

  complete() {
    const at = this.wordAtCursor();
    const found = at === null ? [] : this.candidates(at.word);
    if (found.length === 0) return this.closeList();
    this.found = found;
    this.at = at;
    this.chosen = 0;
    replace(this.list, found.map((one, index) => h("li", {
      role: "option", id: `${this.listId}-${index}`, "aria-selected": String(index === 0), onpointerdown: (event) => { event.preventDefault(); this.take(index); },
    }, h("span", {}, one.label), h("small", {}, one.note))));
    this.list.hidden = false;
    this.area.setAttribute("aria-expanded", "true");
    return this.mark();
  }

  mark() {
    [...this.list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.chosen)));
    this.area.setAttribute("aria-activedescendant", `${this.listId}-${this.chosen}`);
    this.list.children[this.chosen]?.scrollIntoView({ block: "nearest" });
  }

  closeList() {
    this.list.hidden = true;
    this.area.setAttribute("aria-expanded", "false");
    this.area.removeAttribute("aria-activedescendant");
  }

  take(index) {
    this.area.setSelectionRange(this.at.from, this.at.to);
    this.area.setRangeText(this.found[index].insert, this.at.from, this.at.to, "end");
    this.closeList();
    this.fault = null;
    this.draw();
    this.onInput(this.area.value);
    this.area.focus();
  }

  key(event) {
    if (this.list.hidden || event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.chosen = (this.chosen + (event.key === "ArrowDown" ? 1 : this.found.length - 1)) % this.found.length;
      this.mark();
    } else if (event.key === "Tab" || event.key === "Enter") {
      this.take(this.chosen);
    } else if (event.key === "Escape") {
      this.closeList();
    } else {
      return;
    }
    event.preventDefault();
  }
}

function labelNote(name, label) {
  return label(name) === name ? "" : label(name);
}
