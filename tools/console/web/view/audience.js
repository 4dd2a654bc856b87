// audience.js -- the first view: describe people by clicking or by writing, see how many there are at every moment, what
// each condition takes away, and who they are.
//
//   clicks  --.                         .--> count (at once)  --> list
//             +-- one model, one text --+
//   text    --'                         '--> waterfall (when it rests)
import { Latest, isAborted } from "../part/api.js";
import { Builder } from "../part/builder.js";
import { announce, debounce, h, icon, replace } from "../part/dom.js";
import { Editor, expressionView } from "../part/editor.js";
import { microseconds, number, percent } from "../part/format.js";
import { List } from "../part/list.js";
import { ask, pageHead } from "../part/pieces.js";
import { rpc } from "../part/api.js";
import { forgetSchema, loadSchema } from "../part/schema.js";
import { audience, linkTo, setAudience, whereOf } from "../part/state.js";
import { t } from "../part/texts.js";
import { toast } from "../part/dom.js";
import { parseExpression } from "../model/expression_parse.js";
import { printNode, printRoot } from "../model/expression_print.js";

const COUNT_WAIT_MS = 40;  // a key's time: the count follows while one types
const REST_MS = 300;       // the waterfall and the list follow when one pauses
const FAULT_MS = 400;      // half a word is a fault only when one stops there

export function render(context) {
  return new AudienceView(context).element;
}

class AudienceView {
  constructor(context) {
    this.context = context;
    this.schema = context.schema;
    this.counting = new Latest(context.signal);
    this.falling = new Latest(context.signal);
    this.text = audience();
    this.root = parseExpression(this.text).root;
    this.editor = new Editor({ text: this.text, schema: this.schema, label: t("editor.label"), onInput: (text) => this.written(text) });
    this.builder = new Builder({ schema: this.schema, root: this.root, onChange: (root) => this.clicked(root) });
    this.number = h("strong", { class: "big-number", "data-testid": "count" }, "–");
    this.share = h("span", { class: "soft" });
    this.meter = h("i");
    this.took = h("span", { class: "soft took" });
    this.fall = h("div", { class: "waterfall" });
    this.list = new List({ schema: this.schema, signal: context.signal });
    this.countSoon = debounce(COUNT_WAIT_MS, () => this.count());
    this.restSoon = debounce(REST_MS, () => this.rest());
    this.faultSoon = debounce(FAULT_MS, (error) => this.showError(error));
    context.signal.addEventListener("abort", () => { this.countSoon.cancel(); this.restSoon.cancel(); this.faultSoon.cancel(); });
    this.element = this.draw();
    this.count();
    this.rest();
  }

  draw() {
    return [
      pageHead(t("audience.title"), t("audience.lead")),
      h("div", { class: "audience-grid" },
        h("div", { class: "audience-main" },
          h("section", { class: "card" }, h("div", { class: "card-head" }, h("h2", {}, t("audience.byClicking")), this.segmentChip()), this.builder.element),
          h("section", { class: "card" }, h("h2", {}, t("audience.asText")), this.editor.element)),
        h("aside", { class: "audience-side" }, h("section", { class: "card result", "aria-labelledby": "count-title" },
          h("h2", { id: "count-title" }, t("audience.count")),
          h("div", { class: "count-line" }, this.number, h("span", {}, t("people"))), h("div", { class: "meter", "aria-hidden": "true" }, this.meter), h("div", { class: "row spread" }, this.share, this.took),
          h("div", { class: "actions" },
            h("a", { class: "button primary", href: "#/insight", onclick: (event) => { event.currentTarget.href = linkTo(["insight"]); } }, icon("chart"), t("audience.insight")),
            h("button", { type: "button", onclick: () => this.save() }, icon("save"), t("audience.save")),
            this.list.exportButton())),
        h("section", { class: "card" }, h("h2", {}, t("waterfall.title")), this.fall))),
      this.list.element,
    ];
  }

  /** When the audience is one saved segment alone: open what it says, to change it. */
  segmentChip() {
    const only = this.root.children.length === 1 ? this.root.children[0] : null;
    if (only?.kind !== "segment") return null;
    return h("button", { type: "button", class: "quiet small", onclick: async () => {
      const segment = await rpc("segment.get", { name: only.name }, this.context.signal);
      setAudience(segment.where);
      this.context.again();
    } }, icon("layers"), t("audience.unfold"));
  }

  // ---- One model behind both ----

  written(text) {
    this.text = text;
    this.root = parseExpression(text).root;
    this.builder.setRoot(this.root);
    this.changed();
  }

  clicked(root) {
    this.root = root;
    this.text = printRoot(root);
    this.editor.text = this.text;
    this.changed();
  }

  changed() {
    setAudience(this.text);
    this.faultSoon.cancel();
    this.element[1]?.classList.add("stale");
    this.countSoon();
    this.restSoon();
  }

  // ---- What the engine says ----

  async count() {
    const begin = performance.now();
    try {
      const answer = await this.counting.ask("audience.count", { where: whereOf(this.text) });
      const share = answer.total === 0 ? 0 : answer.count / answer.total;
      this.number.textContent = number(answer.count);
      this.number.classList.remove("unknown");
      this.share.textContent = t("audience.of", { share: percent(share), total: number(answer.total) });
      this.took.textContent = t("took", { time: microseconds(answer.took_us) });
      this.took.title = t("audience.roundTrip", { time: microseconds((performance.now() - begin) * 1000) });
      this.meter.style.width = `${Math.max(answer.count > 0 ? 0.6 : 0, 100 * share)}%`;
      this.total = answer.count;
      this.editor.showError(null);
      announce(t("audience.announce", { count: number(answer.count) }));
    } catch (error) {
      if (isAborted(error)) return;
      this.faultSoon(error);
      return;
    }
    this.element[1]?.classList.remove("stale");
  }

  showError(error) {
    this.element[1]?.classList.remove("stale");
    this.number.textContent = "–";
    this.number.classList.add("unknown");
    this.share.textContent = error.status === "network" ? t("error.network") : t("audience.notYet");
    this.took.textContent = "";
    this.meter.style.width = "0";
    this.editor.showError(error);
  }

  async rest() {
    this.list.show(whereOf(this.text));
    if (this.root.children.filter((child) => printNode(child) !== "").length === 0) {
      this.builder.removals.clear();
      replace(this.fall, h("p", { class: "soft" }, t("waterfall.empty")));
      return;
    }
    try {
      const answer = await this.falling.ask("audience.waterfall", { where: whereOf(this.text) });
      replace(this.fall, waterfall(answer));
    } catch (error) {
      if (!isAborted(error)) replace(this.fall, h("p", { class: "soft" }, t("waterfall.none")));
    }
  }

  // ---- Saving ----

  async save() {
    const note = h("input", { type: "text", maxlength: "300", "aria-label": t("segment.note") });
    const only = this.root.children.length === 1 && this.root.children[0].kind === "segment";
    if (only || this.text.trim() === "") return toast(t(only ? "segment.isSaved" : "segment.isEverybody"), "bad");
    const name = await ask({ title: t("segment.saveTitle"), text: t("segment.saveText"), input: { label: t("segment.name") }, action: t("segment.save"), extra: [h("label", { class: "field" }, h("span", {}, t("segment.note")), note)] });
    if (name === null || name === "") return null;
    try {
      const known = this.schema.segments.includes(name);
      if (known && (await ask({ title: t("segment.overwriteTitle", { name }), text: t("segment.overwriteText"), action: t("segment.overwrite") })) === null) return null;
      const answer = await rpc("segment.put", { name, where: this.text, ...(note.value === "" ? {} : { note: note.value }) });
      toast(t("segment.saved", { name, version: answer.version }));
      forgetSchema();
      const fresh = await loadSchema();
      this.schema.segments = fresh.segments;
    } catch (error) {
      toast(error.message, "bad");
    }
    return null;
  }
}

/** What each clause leaves, as steps from everybody down to the audience; what it would bring back if it were given up. */
function waterfall(answer) {
  const isAnd = answer.kind === "and";
  const steps = answer.steps.map((step) => {
    const width = (value) => `${answer.total === 0 ? 0 : (100 * value) / answer.total}%`;
    const before = isAnd ? step.after + step.removed : step.after;
    const changed = isAnd ? step.removed : step.added;
    return h("li", {},
      h("div", { class: "fall-head" }, expressionView(step.clause), h("b", {}, number(step.after))),
      h("div", { class: "fall-bar", "aria-hidden": "true" }, h("i", { class: "kept", style: { width: width(isAnd ? step.after : step.after - changed) } }),
        h("i", { class: isAnd ? "lost" : "gained", style: { width: width(isAnd ? before - step.after : changed) } })),
      h("p", { class: "soft" }, t(isAnd ? "waterfall.removed" : "waterfall.added", { n: number(changed) }),
        answer.steps.length > 1 && step.only > 0 ? ` · ${t(isAnd ? "waterfall.onlyAnd" : "waterfall.onlyOr", { n: number(step.only) })}` : ""));
  });
  return [h("div", { class: "fall-total" }, h("span", {}, t("audience.everybody")), h("b", {}, number(answer.total))), h("ol", {}, steps)];
}

