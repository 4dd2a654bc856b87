// feed.js -- what one person would see now, and why; two configurations side by side.
//
// A side is a scene (rules under a name) and weights. The left one begins as what the person really sees; the right one takes
// another scene, other weights or both. Nothing is changed by looking: what is moved goes with the question and is forgotten with
// the answer, and no feed of this page is remembered to learn from.
import { Latest, isAborted, rpc } from "../part/api.js";
import { debounce, h, icon, replace } from "../part/dom.js";
import { cell, number, percent } from "../part/format.js";
import { emptyState, failure, pageHead, skeleton, tookNote } from "../part/pieces.js";
import { fieldLabel } from "../part/schema.js";
import { goTo, linkTo } from "../part/state.js";
import { known, t } from "../part/texts.js";
import { WhyItem } from "./feed_why.js";
import { reasonText } from "./feed_reasons.js";
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
  return [pageHead(t("feed.title"), t("feed.lead"), form), feedTabs("feed", id), id === "" ? emptyState(t("feed.none"), t("feed.noneText")) : new FeedView(context, id).element];
}

/** One person's feed, or what all feeds learn. */
export function feedTabs(here, id = "") {
  return h("nav", { class: "tabs", "aria-label": t("feed.looks") }, [["feed", ["feed", ...(id === "" ? [] : [id])]], ["learning", ["learning"]]].map(([name, path]) =>
    h("a", { href: linkTo(path), "aria-current": name === here ? "page" : null }, t(`feed.tab.${name}`))));
}

/** One of the two columns. */
class Side {
  constructor(view, name) {
    this.view = view;
    this.name = name;
    this.scene = "";
    this.scores = {}; // those that are not as in force
    this.list = h("div", { class: "feed-list" });
    this.rules = h("div", { class: "scene-rules" });
    this.scenes = h("div", {});
  }

  /** What is asked with, besides what both sides share. */
  question() {
    return { ...(this.scene === "" ? {} : { scene: this.scene }), ...(Object.keys(this.scores).length === 0 ? {} : { scores: this.scores }) };
  }

  offerScenes(scenes) {
    if (scenes.length === 0) return;
    const select = h("select", { "aria-label": t("feed.sceneOf", { side: t(`feed.${this.name}`) }), value: this.scene, onchange: () => { this.scene = select.value; this.showRules(); this.view.ask(); } },
      h("option", { value: "" }, t("feed.noScene")), scenes.map((scene) => h("option", { value: scene }, scene)));
    replace(this.scenes, h("label", { class: "field" }, h("span", {}, t("feed.scene")), select));
  }

  async showRules() {
    replace(this.rules);
    if (this.scene === "") return;
    try {
      const { name, rules } = await rpc("scene.get", { name: this.scene }, this.view.context.signal);
      if (name !== this.scene) return;
      replace(this.rules, h("details", {}, h("summary", {}, t("feed.sceneRules", { n: number(Object.keys(rules).length) })),
        h("dl", { class: "pairs" }, Object.entries(rules).map(([key, value]) => h("div", {}, h("dt", {}, known("scene", key)), h("dd", { class: "code" }, typeof value === "object" ? JSON.stringify(value) : String(value)))))));
    } catch (error) {
      if (!isAborted(error)) replace(this.rules, failure(error));
    }
  }
}

class FeedView {
  constructor(context, id) {
    this.context = context;
    this.id = id;
    const says = (name) => !MODELS.includes(name) || context.schema.models.includes(name);
    this.now = Object.fromEntries(Object.entries(context.schema.feed.scores ?? {}).filter(([name]) => says(name)));
    this.weights = Object.keys(this.now).filter((name) => !KEPT.has(name));
    this.count = COUNTS[0];
    this.filter = "";
    this.seed = 1;
    this.fields = this.shownFields();
    this.asking = new Latest(context.signal);
    this.left = new Side(this, "now");
    this.right = new Side(this, "other");
    this.summary = h("p", { class: "soft", role: "status" });
    this.why = new WhyItem(this);
    this.askSoon = debounce(150, () => this.ask());
    this.element = this.draw();
    this.ask();
    this.loadScenes();
  }

  async loadScenes() {
    const answer = await rpc("scene.list", {}, this.context.signal).catch(() => ({ scenes: [] }));
    const names = answer.scenes.map((scene) => scene.name).filter((name) => name !== "default");
    for (const side of [this.left, this.right]) side.offerScenes(names);
  }

  /** A title and two things to tell items apart by. */
  shownFields() {
    const fields = this.context.schema.itemFields;
    const title = fields.find((field) => /title|name|标题|名称/i.test(field.name));
    return [title, ...fields.filter((field) => field !== title && field.type !== "time")].filter((field) => field !== undefined).slice(0, SHOWN_FIELDS + 1);
  }

  draw() {
    const head = (side, tool = null) => h("div", { class: "card-head" }, h("h2", { id: `feed-${side.name}` }, t(`feed.${side.name}`)), tool);
    return [
      h("div", { class: "row controls" },
        h("label", { class: "field" }, h("span", {}, t("feed.count")), h("select", { onchange: (event) => { this.count = Number(event.target.value); this.ask(); } }, COUNTS.map((count) => h("option", { value: String(count) }, number(count))))),
        h("label", { class: "field grow" }, h("span", {}, t("feed.filter")), h("input", { type: "text", class: "code", placeholder: "category = 'tea' and price < 200", spellcheck: "false", oninput: (event) => { this.filter = event.target.value.trim(); this.askSoon(); } })),
        h("a", { class: "button", href: linkTo(["user", this.id]) }, icon("person"), t("feed.portrait"))),
      this.summary,
      h("div", { class: "feed-columns" },
        h("section", { class: "card", "aria-labelledby": "feed-now" }, head(this.left), h("p", { class: "soft" }, t("feed.nowNote")), this.left.scenes,
          h("dl", { class: "weights read" }, Object.keys(this.now).map((name) => h("div", {}, h("dt", {}, known("weight", name)), h("dd", {}, number(this.now[name], 2))))), this.left.rules, this.left.list),
        h("section", { class: "card", "aria-labelledby": "feed-other" }, head(this.right, h("button", { type: "button", class: "quiet small", onclick: () => this.reset() }, t("feed.reset"))), h("p", { class: "soft" }, t("feed.otherNote")), this.right.scenes,
          this.sliders(), this.right.rules, this.right.list)),
      this.why.element,
    ];
  }

  sliders() {
    this.knobs = this.weights.map((name) => {
      const shown = h("output", {}, number(this.now[name], 2));
      const input = h("input", { type: "range", min: "0", max: String(Math.max(4, this.now[name] * 2)), step: "0.05", value: String(this.now[name]), oninput: () => {
        const value = Number(input.value);
        if (value === this.now[name]) delete this.right.scores[name];
        else this.right.scores[name] = value;
        shown.textContent = number(value, 2);
        this.askSoon();
      } });
      return { name, input, shown, element: h("label", { class: "knob" }, h("span", {}, known("weight", name)), input, shown) };
    });
    return h("div", { class: "weights" }, this.knobs.map((knob) => knob.element));
  }

  reset() {
    this.right.scores = {};
    this.right.scene = this.left.scene;
    const select = this.right.scenes.querySelector("select");
    if (select !== null) select.value = this.right.scene;
    for (const { name, input, shown } of this.knobs) {
      input.value = String(this.now[name]);
      shown.textContent = number(this.now[name], 2);
    }
    this.right.showRules();
    this.ask();
  }

  question(side) {
    return { user: this.id, count: this.count, seed: this.seed, fields: this.fields.map((field) => field.name), ...(this.filter === "" ? {} : { filter: this.filter }), ...side.question() };
  }

  async ask() {
    for (const { list } of [this.left, this.right]) {
      list.setAttribute("aria-busy", "true");
      if (list.childElementCount === 0) replace(list, skeleton(8));
    }
    try {
      const isOther = JSON.stringify(this.left.question()) !== JSON.stringify(this.right.question());
      const first = await this.asking.ask("feed.get", { ...this.question(this.left), record: false });
      const second = isOther ? await this.asking.ask("feed.get", { ...this.question(this.right), record: false }) : first;
      this.show(first, second, isOther);
      this.why.again();
    } catch (error) {
      if (isAborted(error)) return;
      replace(this.summary);
      replace(this.left.list, failure(error, () => this.ask()));
      replace(this.right.list);
    }
    for (const { list } of [this.left, this.right]) list.removeAttribute("aria-busy");
  }

  show(first, second, isOther) {
    const places = new Map(first.items.map((item, index) => [item.id, index]));
    const same = second.items.filter((item) => places.has(item.id)).length;
    this.summary.textContent = isOther ? t("feed.summary", { same, all: second.items.length, moved: second.items.filter((item, index) => places.has(item.id) && places.get(item.id) !== index).length }) : t("feed.summarySame");
    replace(this.left.list, this.items(first, () => null));
    replace(this.right.list, this.items(second, (item, index) => this.moved(places.get(item.id), index)));
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

  /** What an item is called. */
  nameOf(item) {
    const [title] = this.fields;
    return String(title === undefined ? item.id : item.fields?.[title.name] ?? item.id);
  }

  item(item, index, most, mark) {
    const rest = this.fields.slice(1);
    const name = this.nameOf(item);
    return h("li", {}, h("span", { class: "place" }, String(index + 1)), h("div", { class: "feed-body" },
      h("div", { class: "feed-title" }, h("b", {}, name), mark(item, index)),
      h("p", { class: "soft" }, h("span", { class: "code" }, item.id), rest.map((field) => (item.fields?.[field.name] === null || item.fields?.[field.name] === undefined ? null : ` · ${cell(item.fields[field.name], field.type)}`)),
        h("button", { type: "button", class: "link why-link", "aria-label": t("why.of", { name }), onclick: () => this.why.show(item.id) }, t("why.short"))),
      h("div", { class: "reasons", "aria-hidden": "true" }, item.reasons.filter((reason) => reason.share > 0).map((reason) => h("i", { class: `reason-${reason.kind}`, style: { width: `${(100 * reason.share * Math.max(0, item.score)) / most}%` } }))),
      h("ul", { class: "chips" }, item.reasons.slice(0, 4).map((reason) => h("li", { class: ["chip", `tint-${reason.kind}`], title: reason.of ? fieldLabel(reason.of) : "" }, reasonText(reason), h("b", {}, ` ${percent(reason.share)}`))))));
  }
}
