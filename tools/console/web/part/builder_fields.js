// builder_fields.js -- one condition as controls: its operator, its values, its window.
import { h, icon, replace } from "./dom.js";
import { number } from "./format.js";
import { openPicker, pickerButton } from "./picker.js";
import { eventLabel, fieldLabel, valueLabel } from "./schema.js";
import { t } from "./texts.js";
import { EVER, isJoined, makeGroup } from "../model/expression_parse.js";

const OPERATORS = {
  string: ["in", "not in", "contains", "not contains", "starts with", "not missing", "missing", "=", "!=", "not starts with", "under", "not under"],
  enum: ["in", "not in", ">=", "<=", "between", "not missing", "missing", "=", "!=", ">", "<", "not between", "under"],
  int: [">=", "<=", "between", "=", "!=", ">", "<", "in", "not in", "not between", "not missing", "missing"],
  decimal: [">=", "<=", "between", "=", "!=", ">", "<", "in", "not in", "not between", "not missing", "missing"],
  time: ["window", "next", ">=", "<", "between", "not missing", "missing", "<=", ">", "=", "!=", "not between", "in", "not in"],
  date: ["window", "next", ">=", "<", "between", "not missing", "missing", "<=", ">", "=", "!=", "not between", "in", "not in"],
  bool: ["=", "!=", "not missing", "missing", "in", "not in"],
};
const MEASURES = ["did", "did not", "count", "sum", "avg", "max", "min", "days", "days_since", "distinct", "first", "last", "nth", "gap_avg", "gap_min", "gap_max", "expected_next"];
const MEASURE_TYPES = { first: "time", last: "time", nth: "time", expected_next: "time", count: "int", days: "int", days_since: "int", distinct: "int" };
const WINDOWS = ["ever", "last", "this day", "previous day", "this week", "this month", "previous month", "this year", "calendar", "since", "before", "between", "on", "ago"];

export class Fields {
  constructor(builder) {
    this.builder = builder;
    this.schema = builder.schema;
  }

  /** The usual operator of a type for a condition that has just been added. */
  fresh(leaf, field) {
    const type = field?.type ?? "string";
    leaf.op = OPERATORS[type][0];
    if (type === "bool") leaf.values = [{ type: "bool", value: "true" }];
    if (leaf.op === "window") leaf.inWindow = { kind: "last", count: 30, unit: "day" };
    return leaf;
  }

  leaf(node, place, event) {
    switch (node.kind) {
    case "field": return this.field(node, place, event);
    case "tags": return this.tags(node, place, event);
    case "events": return this.events(node, place);
    case "sequence": return this.sequence(node, place);
    case "segment": return this.segment(node, place);
    case "sample": return this.sample(node, place);
    default: return this.text(node, place);
    }
  }

  title(text, note = "") {
    return h("span", { class: "leaf-title", title: note === text ? null : note }, text);
  }

  select(place, label, value, options, onPick) {
    return h("select", {
      "aria-label": label, "data-place": place, value, onchange: (event) => { onPick(event.target.value); this.builder.redraw(place); },
    }, options.map(([option, text]) => h("option", { value: option }, text)));
  }

  input(place, label, value, onInput, more = {}) {
    return h("input", { "aria-label": label, "data-place": place, value, oninput: (event) => { onInput(event.target.value); this.builder.changed(); }, ...more });
  }

  // ---- Fields and tags ----

  field(leaf, place, event) {
    const about = event === null ? this.schema.userField(leaf.name) : this.schema.eventField(event, leaf.name, leaf.item);
    const type = about?.type === "tags" ? "string" : about?.type ?? "string";
    const label = leaf.item && leaf.name === "id" ? t("add.itemId") : fieldLabel(leaf.name);
    return [this.title(leaf.item && leaf.name !== "id" ? t("add.ofItem", { name: label }) : label, leaf.name),
      about === undefined ? h("span", { class: "badge bad" }, t("builder.unknownField")) : null,
      this.operator(leaf, place, type), this.operand(leaf, place, { type, about, event, label })];
  }

  operator(leaf, place, type) {
    const usual = OPERATORS[type] ?? OPERATORS.string;
    const shown = usual.includes(leaf.op) ? usual : [...usual, leaf.op];
    return this.select(`${place}.op`, t("builder.operator"), leaf.op, shown.map((op) => [op, t(`op.${type === "time" || type === "date" ? "time." : ""}${op}`)]), (op) => this.setOperator(leaf, op, type));
  }

  setOperator(leaf, op, type) {
    const many = (one) => one === "in" || one === "not in";
    if (!many(op) && many(leaf.op)) leaf.values = leaf.values.slice(0, 1);
    leaf.op = op;
    if (op === "window" && leaf.inWindow.kind === "ever") leaf.inWindow = { kind: "last", count: 30, unit: "day" };
    if (op !== "window") leaf.inWindow = EVER;
    if (op === "missing" || op === "not missing" || op === "window" || op === "next") leaf.values = [];
    if (type === "bool" && leaf.values.length === 0 && (op === "=" || op === "!=")) leaf.values = [{ type: "bool", value: "true" }];
  }

  /** What stands behind the operator. */
  operand(leaf, place, { type, about, event, label }) {
    const { op } = leaf;
    if (op === "missing" || op === "not missing") return null;
    if (op === "window") return this.window(leaf, "inWindow", `${place}.value`);
    if (op === "next") return [this.days(leaf, place), t("unit.days")];
    if (op === "in" || op === "not in") return this.many(leaf, place, { type, about, event, label });
    if (op === "between" || op === "not between")
      return [this.one(leaf, 0, `${place}.value`, type, about, event, label), h("span", { class: "soft" }, t("builder.to")), this.one(leaf, 1, `${place}.value2`, type, about, event, label)];
    return this.one(leaf, 0, `${place}.value`, type, about, event, label);
  }

  days(leaf, place) {
    return this.input(`${place}.value`, t("builder.days"), String(leaf.days), (value) => { leaf.days = value; }, { type: "number", min: "1", inputmode: "numeric" });
  }

  literal(type, value) {
    if (type === "int" || type === "decimal") return { type: "number", value: value.trim() };
    return { type: type === "bool" ? "bool" : "text", value };
  }

  one(leaf, index, place, type, about, event, label) {
    const value = leaf.values[index]?.value ?? "";
    const set = (next) => { leaf.values[index] = this.literal(type, next); };
    if (type === "bool") return this.select(place, label, value, [["true", t("yes")], ["false", t("no")]], set);
    if (about?.type === "enum") {
      const labels = about.labels.map((one) => [one, valueLabel(about.name, one)]);
      return this.select(place, label, value, [["", t("builder.choose")], ...(value === "" || about.labels.includes(value) ? [] : [[value, value]]), ...labels],
        (next) => { if (next === "") leaf.values.splice(index, 1); else set(next); });
    }
    if (type === "time" || type === "date") {
      const isDay = value === "" || /^\d{4}-\d\d-\d\d$/.test(value);
      return this.input(place, label, value, set, { type: isDay ? "date" : "text" });
    }
    if (type === "int" || type === "decimal")
      return this.input(place, label, value, (next) => { if (/^[+-]?\d+(\.\d+)?$/.test(next.trim())) set(next); else leaf.values.splice(index, 1); }, { type: "text", inputmode: "decimal", class: "number", placeholder: "0" });
    if (about !== undefined && (leaf.op === "=" || leaf.op === "!=")) return this.oneOf(leaf, place, about, event, label, set);
    return this.input(place, label, value, (next) => { if (next === "") leaf.values.splice(index, 1); else set(next); }, { type: "text", placeholder: t("builder.value") });
  }

  /** A text that has occurred before, or another. */
  oneOf(leaf, place, about, event, label, set) {
    const button = pickerButton({
      label, text: () => leaf.values[0]?.value ?? "", placeholder: t("builder.choose"), allowNew: true, groups: this.suggestions(about, leaf.name, event, leaf.item),
      onPick: (value) => { set(value); this.builder.redraw(place); },
    });
    button.dataset.place = place;
    return button;
  }

  suggestions(about, name, event, isItem) {
    return async () => {
      if (about?.type === "enum") return [{ label: "", options: about.labels.map((value) => ({ value, label: valueLabel(about.name, value) })) }];
      const values = event === null ? await this.schema.userValues(name) : await this.schema.eventValues(event, name, isItem);
      return [{ label: t("picker.byCount"), options: values.filter((one) => one.value !== null).map((one) => ({ value: String(one.value), label: valueLabel(name, one.value), hint: number(one.count) })) }];
    };
  }

  chips(place, label, values, show, groups, setValues) {
    const button = h("button", {
      type: "button", class: ["pick", "many", values.length === 0 ? "unset" : ""], "aria-haspopup": "dialog", "aria-expanded": "false", "data-place": place,
      "aria-label": values.length === 0 ? `${label}: ${t("builder.choose")}` : `${label}: ${values.map(show).join(t("list.join"))}`,
      onclick: () => openPicker({
        anchor: button, label, groups, multiple: true, selected: values, allowNew: true,
        onPick: (next) => { setValues(next); replace(button, inside(next)); button.classList.toggle("unset", next.length === 0); this.builder.changed(); },
      }),
    });
    const inside = (chosen) => [chosen.length === 0 ? h("span", {}, t("builder.choose")) : chosen.slice(0, 8).map((value) => h("span", { class: "chip" }, show(value))),
      chosen.length > 8 ? h("span", { class: "chip" }, `+${chosen.length - 8}`) : null, icon("down")];
    return replace(button, inside(values));
  }

  many(leaf, place, { type, about, event, label }) {
    const values = leaf.values.map((literal) => literal.value);
    return this.chips(`${place}.value`, label, values, (value) => valueLabel(leaf.name, value), this.suggestions(about, leaf.name, event, leaf.item),
      (next) => { leaf.values = next.map((value) => this.literal(type, value)); });
  }

  tags(leaf, place, event) {
    const label = fieldLabel(leaf.name);
    return [this.title(leaf.item ? t("add.ofItem", { name: label }) : label, leaf.name),
      this.select(`${place}.op`, t("builder.operator"), leaf.has, ["any", "all", "none"].map((has) => [has, t(`has.${has}`)]), (has) => { leaf.has = has; }),
      this.chips(`${place}.value`, label, leaf.values, (value) => value, this.suggestions(undefined, leaf.name, event, leaf.item), (next) => { leaf.values = next; })];
  }

  // ---- What people did ----

  eventPicker(place, current, onPick) {
    const button = pickerButton({
      label: t("builder.event"), text: () => (current === "" ? "" : eventLabel(current)), placeholder: t("builder.choose"),
      groups: [{ label: "", options: this.schema.events.map((event) => ({ value: event.name, label: eventLabel(event.name), note: eventLabel(event.name) === event.name ? "" : event.name })) }],
      onPick: (value) => { onPick(value); this.builder.redraw(place); },
    });
    button.dataset.place = place;
    return button;
  }

  measure(leaf, place) {
    const value = leaf.measure === "did" && leaf.not ? "did not" : leaf.measure;
    return this.select(`${place}.value`, t("builder.measure"), value, MEASURES.map((measure) => [measure, t(`measure.${measure}`)]), (next) => {
      if (leaf.measure === "did") leaf.not = false;
      leaf.measure = next === "did not" ? "did" : next;
      if (next === "did not") leaf.not = true;
      const properties = this.propertyChoices(leaf);
      if (!properties.some(([name]) => name === leaf.property)) leaf.property = properties[0]?.[0] ?? "";
      leaf.values = [];
      this.setOperator(leaf, this.typeOf(leaf) === "time" ? "window" : ">=", "");
    });
  }

  propertyChoices(leaf) {
    const numbers = this.schema.properties(leaf.event).filter((field) => field.type === "int" || field.type === "decimal").filter((field) => field.name !== "hour" && field.name !== "weekday");
    if (["sum", "avg", "min", "max"].includes(leaf.measure)) return numbers.map((field) => [field.name, fieldLabel(field.name)]);
    if (leaf.measure === "distinct") return [["item", t("add.itemId")], ...this.schema.properties(leaf.event).filter((field) => field.type === "string").map((field) => [field.name, fieldLabel(field.name)])];
    return [["", t("measure.ofTime")]];
  }

  typeOf(leaf) {
    if (leaf.property !== "" && ["first", "last", "nth"].includes(leaf.measure)) return this.schema.properties(leaf.event).find((field) => field.name === leaf.property)?.type ?? "string";
    return MEASURE_TYPES[leaf.measure] ?? "decimal";
  }

  events(leaf, place) {
    const properties = this.propertyChoices(leaf);
    const needsProperty = ["sum", "avg", "min", "max", "distinct"].includes(leaf.measure) || leaf.property !== "";
    if (leaf.property !== "" && !properties.some(([name]) => name === leaf.property)) properties.push([leaf.property, fieldLabel(leaf.property)]);
    const type = this.typeOf(leaf);
    return [
      this.window(leaf, "window", `${place}.window`), this.measure(leaf, place),
      this.eventPicker(`${place}.event`, leaf.event, (event) => { leaf.event = event; if (leaf.where !== null) leaf.where = null; }),
      leaf.measure === "nth" ? this.input(`${place}.nth`, t("measure.nthPlace"), String(leaf.nth), (value) => { if (/^[1-9]\d*$/.test(value)) leaf.nth = Number(value); }, { type: "number", min: "1" }) : null,
      needsProperty ? this.select(`${place}.property`, t("builder.property"), leaf.property, properties, (name) => { leaf.property = name; }) : null,
      leaf.measure === "did" ? null : [this.operator(leaf, place, type), this.operand(leaf, place, { type, about: undefined, event: leaf.event, label: t("builder.value") })],
      this.where(leaf, place, leaf.event),
    ];
  }

  /** The conditions on the event itself, or the button that begins them. */
  where(holder, place, event) {
    if (holder.where === null)
      return h("button", { type: "button", class: "quiet small", "data-place": `${place}.where`, disabled: event === "", onclick: () => { holder.where = makeGroup(); this.builder.redraw(`${place}.w.add`); } }, icon("plus"), t("builder.where"));
    return h("div", { class: "where" }, h("div", { class: "where-head" }, h("span", { class: "soft" }, t("builder.whereHead")),
      h("button", { type: "button", class: "quiet small", onclick: () => { holder.where = null; this.builder.redraw(`${place}.where`); } }, icon("close"), t("builder.whereRemove"))),
    this.builder.group(holder.where, `${place}.w`, null, event));
  }

  sequence(leaf, place) {
    const step = (one, index) => h("div", { class: "step" }, h("span", { class: "step-number" }, String(index + 1)),
      this.eventPicker(`${place}.step${index}`, one.event, (event) => { one.event = event; one.where = null; }), this.where(one, `${place}.s${index}`, one.event),
      leaf.steps.length > 1 ? h("button", { type: "button", class: "quiet square", "aria-label": t("builder.removeStep"), onclick: () => { leaf.steps.splice(index, 1); this.builder.redraw(`${place}.value`); } }, icon("close")) : null);
    return [this.window(leaf, "window", `${place}.window`), this.title(t("add.sequence")),
      h("div", { class: "steps" }, leaf.steps.map(step),
        h("button", { type: "button", class: "quiet small", "data-place": `${place}.value`, onclick: () => { leaf.steps.push({ event: this.schema.events[0]?.name ?? "", where: null }); this.builder.redraw(`${place}.step${leaf.steps.length - 1}`); } }, icon("plus"), t("builder.addStep"))),
      h("label", { class: "inline" }, t("builder.within"), this.input(`${place}.within`, t("builder.within"), leaf.within === null ? "" : String(leaf.within.count), (value) => {
        leaf.within = /^[1-9]\d*$/.test(value) ? { count: Number(value), unit: leaf.within?.unit ?? "day" } : null;
      }, { type: "number", min: "1" }), t(`unit.${leaf.within?.unit ?? "day"}s`)),
      h("label", { class: "inline" }, h("input", { type: "checkbox", checked: leaf.strict, onchange: (event) => { leaf.strict = event.target.checked; this.builder.redraw(); } }), t("builder.strict"))];
  }

  // ---- The rest ----

  segment(leaf, place) {
    const button = pickerButton({
      label: t("add.segment"), text: () => leaf.name, placeholder: t("builder.choose"), groups: [{ label: "", options: this.schema.segments.map((name) => ({ value: name, label: name })) }],
      onPick: (name) => { leaf.name = name; this.builder.redraw(`${place}.value`); },
    });
    button.dataset.place = `${place}.value`;
    return [this.title(t("builder.inSegment")), button];
  }

  sample(leaf, place) {
    return [this.title(t("add.sample")), this.input(`${place}.value`, t("builder.percent"), leaf.percent, (value) => { leaf.percent = value.trim(); }, { type: "text", inputmode: "decimal", class: "number" }), "%",
      h("label", { class: "inline" }, t("builder.seed"), this.input(`${place}.seed`, t("builder.seed"), leaf.seed, (value) => { leaf.seed = value; }, { type: "text" }))];
  }

  text(leaf, place) {
    return [h("span", { class: "badge" }, t("builder.text")),
      h("textarea", { class: "code text-block", rows: "1", "aria-label": t("builder.text"), "data-place": `${place}.value`, spellcheck: "false",
        oninput: (event) => { leaf.text = event.target.value; leaf.isJoined = isJoined(leaf.text); this.builder.changed(); }, value: leaf.text })];
  }

  // ---- Windows ----

  /** name: "window", the time of the events, or "inWindow", the time in which a value lies. */
  window(leaf, name, place) {
    const window = leaf[name];
    const key = window.kind === "this" || window.kind === "previous" ? `${window.kind} ${window.unit}` : window.kind;
    const shown = WINDOWS.filter((kind) => name === "window" || kind !== "ever");
    if (!shown.includes(key)) shown.push(key);
    const set = (kind) => { leaf[name] = windowOf(kind, window); };
    return h("span", { class: "window" },
      this.select(place, t("builder.window"), key, shown.map((kind) => [kind, t(`window.${kind}`)]), set), this.windowParts(window, place));
  }

  windowParts(window, place) {
    const count = (name, label) => this.input(`${place}.${name}`, label, String(window[name]), (value) => { window[name] = /^[1-9]\d*$/.test(value) ? Number(value) : value; }, { type: "number", min: "1", inputmode: "numeric" });
    const unit = (name, units) => this.select(`${place}.${name}`, t("builder.unit"), window[name], units.map((one) => [one, t(`unit.${one}s`)]), (value) => { window[name] = value; });
    const date = (name) => this.input(`${place}.${name}`, t("builder.date"), window[name], (value) => { window[name] = value; }, { type: window[name] === "" || /^\d{4}-\d\d-\d\d$/.test(window[name]) ? "date" : "text" });
    const sliding = ["minute", "hour", "day", "week"];
    switch (window.kind) {
    case "last": return [count("count", t("builder.count")), unit("unit", sliding)];
    case "calendar": return [count("count", t("builder.count")), unit("unit", ["day", "week", "month", "quarter", "year"])];
    case "since":
    case "before":
    case "on": return date("from");
    case "between": return [date("from"), h("span", { class: "soft" }, t("builder.to")), date("to")];
    case "ago": return [count("count", t("builder.from")), unit("unit", sliding), h("span", { class: "soft" }, t("builder.agoTo")), count("endCount", t("builder.to")), unit("endUnit", sliding), h("span", { class: "soft" }, t("builder.ago"))];
    default: return null;
    }
  }
}

function windowOf(kind, old) {
  const [first, unit] = kind.split(" ");
  if (unit !== undefined) return { kind: first, unit };
  switch (kind) {
  case "last": return { kind, count: old.count ?? 30, unit: "day" };
  case "calendar": return { kind, count: 3, unit: "month" };
  case "ago": return { kind, count: 60, unit: "day", endCount: 30, endUnit: "day" };
  case "since":
  case "before":
  case "on": return { kind, from: old.from ?? "" };
  case "between": return { kind, from: old.from ?? "", to: old.to ?? "" };
  default: return EVER;
  }
}
