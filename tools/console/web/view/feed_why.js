// feed_why.js -- why an item is in a feed, or what kept it out: asked of both sides of the page.
import { Latest, isAborted } from "../part/api.js";
import { h, icon, replace } from "../part/dom.js";
import { number, percent } from "../part/format.js";
import { failure } from "../part/pieces.js";
import { fieldLabel } from "../part/schema.js";
import { known, t } from "../part/texts.js";
import { reasonText } from "./feed_reasons.js";

export class WhyItem {
  constructor(feed) {
    this.feed = feed;
    this.id = "";
    this.asking = { left: new Latest(feed.context.signal), right: new Latest(feed.context.signal) };
    this.input = h("input", { type: "search", placeholder: t("why.placeholder"), "aria-label": t("why.placeholder"), autocomplete: "off", spellcheck: "false" });
    this.place = h("div", { class: "feed-columns", "aria-live": "polite" });
    this.heading = h("h2", { id: "feed-why", tabindex: "-1" }, t("why.title"));
    this.element = h("section", { class: "card why-item", "aria-labelledby": "feed-why" }, h("div", { class: "card-head" }, this.heading), h("p", { class: "soft" }, t("why.lead")),
      h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); this.id = this.input.value.trim(); this.again(); } }, this.input, h("button", { type: "submit" }, icon("search"), t("why.ask"))), this.place);
  }

  /** Of this item, and bring it into sight. */
  show(id) {
    this.input.value = id;
    this.id = id;
    this.again();
    this.heading.scrollIntoView({ block: "nearest" });
    this.heading.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }

  /** The same question of what the two sides are now. */
  async again() {
    if (this.id === "") {
      replace(this.place);
      return;
    }
    const { left, right } = this.feed;
    const isOther = JSON.stringify(left.question()) !== JSON.stringify(right.question());
    try {
      const first = await this.asking.left.ask("feed.explain", { ...this.feed.question(left), item: this.id });
      const second = isOther ? await this.asking.right.ask("feed.explain", { ...this.feed.question(right), item: this.id }) : null;
      replace(this.place, this.verdict(first, second === null ? null : "now"), second === null ? null : this.verdict(second, "other"));
    } catch (error) {
      if (!isAborted(error)) replace(this.place, failure(error));
    }
  }

  verdict(answer, side) {
    const values = { place: number(answer.place ?? 0), rank: number(answer.rank ?? 0), n: number(answer.candidates), score: number(answer.score, 3), last: number(answer.last_score, 3), rules: answer.rules.map((rule) => known("rule", rule)).join(t("list.join")) };
    const words = answer.stage === "held" || (answer.stage === "place" && answer.rules.length > 0) ? t(`stage.${answer.stage}.rules`, values) : t(`stage.${answer.stage}`, values);
    const total = answer.reasons.reduce((sum, reason) => sum + Math.abs(reason.value), 0);
    return h("div", { class: "why-side" }, side === null ? null : h("h3", {}, t(`feed.${side}`)),
      h("p", { class: ["verdict", answer.shown ? "in" : "out"] }, icon(answer.shown ? "check" : "close"), h("span", {}, words)),
      answer.stage === "score" ? h("p", { class: "soft" }, t("why.gap", values)) : null,
      answer.reasons.length === 0 ? h("p", { class: "soft" }, t("why.nothing")) : h("table", { class: "table bars" }, h("caption", { class: "sr-only" }, t("why.parts")),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("why.reason")), h("th", { scope: "col", class: "num" }, t("why.points")), h("th", { scope: "col", class: "num" }, t("insight.share")))),
        h("tbody", {}, answer.reasons.map((reason) => h("tr", {}, h("th", { scope: "row" }, reasonText(reason), reason.of && reason.of !== "item" ? h("small", { class: "soft" }, ` ${fieldLabel(reason.of)}`) : null,
          h("span", { class: "bar", "aria-hidden": "true" }, h("i", { class: `reason-${reason.kind}`, style: { width: `${(100 * Math.abs(reason.value)) / Math.max(1e-9, total)}%` } }))), h("td", { class: "num" }, number(reason.value, 3)), h("td", { class: "num" }, percent(reason.share)))))));
  }
}
