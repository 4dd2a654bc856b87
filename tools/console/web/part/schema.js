// schema.js -- what the workspace knows: fields of users, event types, items, segments; and the values that occur.
import { rpc } from "./api.js";
import { setZone } from "./format.js";
import { known, t } from "./texts.js";
import { printName } from "../model/expression_print.js";

const CELLS = ["重要价值", "重要发展", "重要保持", "重要挽留", "一般价值", "一般发展", "一般保持", "一般挽留"];
const NAMES = ["Champions", "Loyal", "Potential Loyalists", "New Customers", "Promising", "Need Attention", "Cannot Lose Them", "At Risk",
  "About To Sleep", "Hibernating", "Lost"];
const STAGES = ["new", "won back", "active", "cooling", "dormant", "lost"];

// With a plan of RFM; PROTOCOL.md lists them.
const RFM_FIELDS = [
  { name: "lifecycle", type: "enum", labels: STAGES }, { name: "rfm.segment", type: "enum", labels: CELLS }, { name: "rfm.name", type: "enum", labels: NAMES },
  { name: "rfm.r", type: "int" }, { name: "rfm.f", type: "int" }, { name: "rfm.m", type: "int" }, { name: "rfm.score", type: "int" },
  { name: "value.amount", type: "decimal" }, { name: "value.count", type: "int" }, { name: "value.average", type: "decimal" },
  { name: "value.first", type: "time" }, { name: "value.last", type: "time" }, { name: "value.interval", type: "decimal" }, { name: "value.next", type: "time" },
];
const EVENT_FIELDS = [{ name: "amount", type: "decimal" }, { name: "time", type: "time" }, { name: "hour", type: "int" }, { name: "weekday", type: "int" }];
const VALUES_MAX = 300;

export class Schema {
  constructor(schema, plan, segments, scores, models) {
    this.raw = schema;
    this.zone = schema.zone ?? "UTC";
    this.userFields = schema.users?.attributes ?? [];
    this.tagSets = (schema.users?.tag_sets ?? []).map((set) => set.name);
    this.itemFields = schema.items?.attributes ?? [];
    this.itemTagSets = (schema.items?.tag_sets ?? []).map((set) => set.name);
    this.events = schema.events ?? [];
    this.feed = schema.feed ?? {};
    this.hasRfm = plan !== null;
    this.plan = plan;
    this.derived = [...(this.hasRfm ? RFM_FIELDS : []), ...scores.map((name) => ({ name: `score.${name}`, type: "decimal" }))];
    this.segments = segments;
    this.models = models;
    this.values = new Map();
  }

  /** A field of users by name: {name, type, labels}, type "tags" for a tag set; undefined if there is none. */
  userField(name) {
    if (this.tagSets.includes(name)) return { name, type: "tags" };
    return this.userFields.find((field) => field.name === name) ?? this.derived.find((field) => field.name === name);
  }

  event(name) {
    return this.events.find((event) => event.name === name);
  }

  properties(name) {
    const event = this.event(name);
    return event === undefined ? [] : [...EVENT_FIELDS.slice(0, 1).map((field) => ({ ...field, scale: event.amount_scale })), ...event.properties, ...EVENT_FIELDS.slice(1)];
  }

  /** A field inside `where`: of the event itself, or of its item. */
  eventField(event, name, isItem) {
    if (isItem) {
      if (this.itemTagSets.includes(name)) return { name, type: "tags" };
      return name === "id" ? { name, type: "string" } : this.itemFields.find((field) => field.name === name);
    }
    return this.properties(event).find((field) => field.name === name);
  }

  /** The values that occur, most users first: [{value, count}]. */
  valuesOf(key, dimension) {
    if (!this.values.has(key)) {
      const asked = rpc("audience.insight", { where: "true", dimensions: [dimension] })
        .then(({ dimensions: [answer] }) => (answer.values ?? []).map((one) => ({ value: one.value, count: one.count ?? one.users })));
      asked.catch(() => this.values.delete(key));
      this.values.set(key, asked);
    }
    return this.values.get(key);
  }

  userValues(name) {
    return this.valuesOf(`user ${name}`, { of: name, top: VALUES_MAX });
  }

  eventValues(event, name, isItem) {
    return this.valuesOf(`event ${event} ${isItem} ${name}`, { events: printName(event), of: isItem ? `item.${name}` : name, top: VALUES_MAX });
  }

  /** Dimensions of an insight: what has values, or numbers. */
  dimensions() {
    const own = [...this.userFields, ...this.tagSets.map((name) => ({ name, type: "tags" }))];
    return own.filter((field) => field.name !== "id");
  }

  /** Dimensions with few values, for crossing. */
  categories() {
    return this.dimensions().filter((field) => ["enum", "string", "bool", "tags"].includes(field.type));
  }
}

let current = null;
let loading = null;

/** What the server has now; asked once, until `forgetSchema`. */
export function loadSchema() {
  loading ??= (async () => {
    const hello = await rpc("hello", { version: 1 });
    const schema = await rpc("schema.get");
    const plan = await rpc("rfm.get").then((answer) => answer.plan ?? null, () => null);
    const segments = await rpc("segment.list", { counts: false }).then((answer) => answer.segments.map((segment) => segment.name), () => []);
    const scores = await rpc("score.list").then((answer) => answer.scores.map((score) => score.name), () => []);
    const models = await rpc("model.list").then((answer) => answer.models.filter((model) => model.table !== undefined && model.table !== null).map((model) => model.name), () => []);
    current = new Schema(schema, plan, segments, scores, models);
    current.server = hello;
    setZone(current.zone);
    return current;
  })();
  loading.catch(() => { loading = null; });
  return loading;
}

export function schemaNow() {
  return current;
}

export function forgetSchema() {
  loading = null;
}

/** A field's name for people: what the shop calls it; what the engine calls it in the reader's language. */
export function fieldLabel(name) {
  return known("field", name);
}

export function eventLabel(name) {
  return known("event", name);
}

/** A value of a derived enum, such as a stage of life, in the reader's language. */
export function valueLabel(field, value) {
  if (value === true || value === "true") return t("yes");
  if (value === false || value === "false") return t("no");
  if (value === null || value === undefined) return t("value.none");
  return known(`value.${field}`, value);
}

