// feed.js -- what one person would see now, and why; side by side under the weights in force and under others.
//
// Nothing is changed by looking: the other weights go with the question and are forgotten with the answer.
import { Latest, isAborted } from "../part/api.js";
import { debounce, h, icon, replace } from "../part/dom.js";
import { cell, number, percent } from "../part/format.js";
import { emptyState, failure, pageHead, skeleton, tookNote } from "../part/pieces.js";
import { fieldLabel } from "../part/schema.js";
import { goTo, linkTo } from "../part/state.js";
import { known, t } from "../part/texts.js";
import { anybody } from "./user.js";

const MODELS = ["ials", "ease", "knn", "rp3"]; // of those that are not trained no weight says anything
const KEPT = new Set(["declared", "short_share"]); // no weights of features: a question cannot bring others
const SHOWN_FIELDS = 3;
const COUNTS = [10, 20, 50];

export function render(context) {
  const id = context.path[0] ?? "";
  const input = h("input", { type: "search", value: id, placeholder: t("user.placeholder"), "aria-label": t("user.placeholder"), autocomplete: "off", spellcheck: "false" });
  const form = h("form", { class: "row", role: "search", onsubmit: (event) => { event.preventDefault(); if (input.value.trim() !== "") goTo(["feed", input.value.trim()]); } },
    input, h("button", { type: "submit", class: "primary" }, icon("search"), t("feed.show")), h("button", { type: "button", onclick: () => anybody(context, "feed") }, icon("dice"), t("user.anybody")));
  return [pageHead(t("feed.title"), t("feed.lead"), form), id === "" ? emptyState(t("feed.none"), t("feed.noneText")) : new FeedView(context, id).element];
}

class FeedView {
  constructor(context, id) {
    this.context = context;
    this.id = id;
    const says = (name) => !MODELS.includes(name) || context.schema.models.includes(name);
    this.now = Object.fromEntries(Object.entries(context.schema.feed.scores ?? {}).filter(([name]) => says(name)));
    this.weights = Object.keys(this.now).filter((name) => !KEPT.has(name));
    this.other = { ...this.now };
    this.count = COUNTS[0];
    this.filter = "";
    this.seed = 1;
    this.fields = this.shownFields();
    this.asking = new Latest(context.signal);
    this.left = h("div", { class: "feed-list" });
    this.right = h("div", { class: "feed-list" });
    this.summary = h("p", { class: "soft", role: "status" });
    this.askSoon = debounce(150, () => this.ask());
    this.element = this.draw();
    this.ask();
  }

  /** A title and two things to tell items apart by. */
  shownFields() {
    const fields = this.context.schema.itemFields;
    const title = fields.find((field) => /title|name|标题|名称/i.test(field.name));
    return [title, ...fields.filter((field) => field !== title && field.type !== "time")].filter((field) => field !== undefined).slice(0, SHOWN_FIELDS + 1);
  }

  draw() {
    return [
      h("div", { class: "row controls" },
        h("label", { class: "field" }, h("span", {}, t("feed.count")), h("select", { onchange: (event) => { this.count = Number(event.target.value); this.ask(); } }, COUNTS.map((count) => h("option", { value: String(count) }, number(count))))),
        h("label", { class: "field grow" }, h("span", {}, t("feed.filter")), h("input", { type: "text", class: "code", placeholder: "category = 'tea' and price < 200", spellcheck: "false", oninput: (event) => { this.filter = event.target.value.trim(); this.askSoon(); } })),
        h("a", { class: "button", href: linkTo(["user", this.id]) }, icon("person"), t("feed.portrait"))),
      this.summary,
      h("div", { class: "feed-columns" },
        h("section", { class: "card", "aria-labelledby": "feed-now" },  h("div", { class: "card-head" }, h("h2", { id: "feed-now" }, t("feed.now"))), h("p", { class: "soft" }, t("feed.nowNote")), h("dl", { class: "weights read" }, Object.keys(this.now).map((name) => h("div", {}, h("dt", {}, known("weight", name)), h("dd", {}, number(this.now[name], 2))))), this.left),
        h("section", { class: "card", "aria-labelledby": "feed-other" }, h("div", { class: "card-head" }, h("h2", { id: "feed-other" }, t("feed.other")), h("button", { type: "button", class: "quiet small", onclick: () => this.reset() }, t("feed.reset"))), h("p", { class: "soft" }, t("feed.otherNote")), this.sliders(), this.right)),
    ];
  }

  sliders() {
    this.knobs = this.weights.map((name) => {
      const shown = h("output", {}, number(this.other[name], 2));
      const input = h("input", { type: "range", min: "0", max: String(Math.max(4, this.now[name] * 2)), step: "0.05", value: String(this.other[name]), oninput: () => {
        this.other[name] = Number(input.value);
        shown.textContent = number(this.other[name], 2);
        this.askSoon();
      } });
      return { name, input, shown, element: h("label", { class: "knob" }, h("span", {}, known("weight", name)), input, shown) };
    });
    return h("div", { class: "weights" }, this.knobs.map((knob) => knob.element));
  }

  reset() {
    this.other = { ...this.now };
    for (const { name, input, shown } of this.knobs) {
      input.value = String(this.now[name]);
      shown.textContent = number(this.now[name], 2);
    }
    this.ask();
  }

  question(scores) {
    return { user: this.id, count: this.count, seed: this.seed, fields: this.fields.map((field) => field.name), ...(this.filter === "" ? {} : { filter: this.filter }), ...(scores === null ? {} : { scores }) };
  }

  changed() {
    return Object.fromEntries(this.weights.filter((name) => this.other[name] !== this.now[name]).map((name) => [name, this.other[name]]));
  }

  async ask() {
    for (const place of [this.left, this.right]) {
      place.setAttribute("aria-busy", "true");
      if (place.childElementCount === 0) replace(place, skeleton(8));
    }
    try {
      const other = this.changed();
      const first = await this.asking.ask("feed.get", this.question(null));
      const second = Object.keys(other).length === 0 ? first : await this.asking.ask("feed.get", this.question(other));
      this.show(first, second, Object.keys(other).length > 0);
    } catch (error) {
      if (isAborted(error)) return;
      replace(this.summary);
      replace(this.left, failure(error, () => this.ask()));
      replace(this.right);
    }
    for (const place of [this.left, this.right]) place.removeAttribute("aria-busy");
  }

  show(first, second, isOther) {
    const places = new Map(first.items.map((item, index) => [item.id, index]));
    const same = second.items.filter((item) => places.has(item.id)).length;
    this.summary.textContent = isOther ? t("feed.summary", { same, all: second.items.length, moved: second.items.filter((item, index) => places.has(item.id) && places.get(item.id) !== index).length }) : t("feed.summarySame");
    replace(this.left, this.items(first, () => null));
    replace(this.right, this.items(second, (item, index) => this.moved(places.get(item.id), index)));
  }

  moved(before, index) {
    if (before === undefined) return h("span", { class: "badge new" }, t("feed.newHere"));
    if (before === index) return h("span", { class: "move" }, "=");
    return h("span", { class: ["move", before > index ? "up" : "down"], title: t("feed.movedFrom", { n: before + 1 }) }, `${before > index ? "↑" : "↓"}${Math.abs(before - index)}`);
  }

  items(answer, mark) {
    if (answer.items.length === 0) return emptyState(t("feed.empty"), t("feed.emptyText"));
    const most = Math.max(1e-9, ...answer.items.map((item) => item.score));
    return [h("ol", { class: "feed-items" }, answer.items.map((item, index) => this.item(item, index, most, mark))),
      answer.relaxed.length > 0 ? h("p", { class: "note-line" }, icon("warning"), t("feed.relaxed", { rules: answer.relaxed.map((rule) => known("rule", rule)).join(t("list.join")) })) : null, tookNote(answer.took_us)];
  }

  item(item, index, most, mark) {
    const [title, ...rest] = this.fields;
    const name = title === undefined ? item.id : item.fields?.[title.name] ?? item.id;
    return h("li", {}, h("span", { class: "place" }, String(index + 1)), h("div", { class: "feed-body" },
      h("div", { class: "feed-title" }, h("b", {}, String(name)), mark(item, index)),
      h("p", { class: "soft" }, h("span", { class: "code" }, item.id), rest.map((field) => (item.fields?.[field.name] === null || item.fields?.[field.name] === undefined ? null : ` · ${cell(item.fields[field.name], field.type)}`))),
      h("div", { class: "reasons", "aria-hidden": "true" }, item.reasons.filter((reason) => reason.share > 0).map((reason) => h("i", { class: `reason-${reason.kind}`, style: { width: `${(100 * reason.share * Math.max(0, item.score)) / most}%` } }))),
      h("ul", { class: "chips" }, item.reasons.slice(0, 4).map((reason) => h("li", { class: ["chip", `tint-${reason.kind}`], title: reason.of ? fieldLabel(reason.of) : "" }, reasonText(reason), h("b", {}, ` ${percent(reason.share)}`))))));
  }
}

function reasonText(reason) {
  const kind = known("reason", reason.kind);
  return reason.name ? `${kind} ${reason.name}` : kind;
}

