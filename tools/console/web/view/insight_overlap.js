// insight_overlap.js -- how audiences cross: every person once, under exactly the sets that hold the person (an UpSet plot).
import { rpc } from "../part/api.js";
import { table } from "../part/charts.js";
import { h, icon, replace } from "../part/dom.js";
import { expressionView } from "../part/editor.js";
import { number, percent } from "../part/format.js";
import { openPicker } from "../part/picker.js";
import { card, emptyState, loaded, openAudience, tookNote } from "../part/pieces.js";
import { audience } from "../part/state.js";
import { t } from "../part/texts.js";
import { printText } from "../model/expression_print.js";

const SETS_MAX = 8;
const SHOWN_MAX = 16;

export function renderLook(context) {
  const segments = context.schema.segments;
  const here = audience().trim();
  const sets = [...(here === "" ? [] : [{ name: t("overlap.current"), where: here }]), ...segments.map((name) => ({ name, where: `in_segment(${printText(name)})` }))];
  // Not the audience twice, when it is one of the segments.
  const distinct = sets.filter((set, index) => sets.findIndex((other) => other.where === set.where) === index);
  if (distinct.length < 2) return emptyState(t("overlap.few"), t("overlap.fewText"), h("a", { class: "button primary", href: "#/audience" }, t("overlap.make")));
  let chosen = distinct.slice(0, 4);
  const place = h("div", {});
  const ask = () => replace(place, chosen.length < 2 ? emptyState(t("overlap.choose"), "") : loaded(() => look(context, chosen), 8));
  const button = h("button", { type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => openPicker({
    anchor: button, label: t("overlap.sets"), multiple: true, selected: chosen.map((set) => set.name), groups: [{ label: "", options: distinct.map((set) => ({ value: set.name, label: set.name })) }],
    onPick: (names) => { chosen = distinct.filter((set) => names.includes(set.name)).slice(0, SETS_MAX); ask(); },
  }) }, icon("layers"), t("overlap.sets"));
  ask();
  return [h("div", { class: "row controls" }, button, h("span", { class: "soft" }, t("overlap.atMost", { n: SETS_MAX }))), place];
}

async function look(context, sets) {
  const answer = await rpc("audience.overlap", { sets: sets.map((set) => set.where), combinations: true }, context.signal);
  const shown = answer.combinations.slice(0, SHOWN_MAX);
  return [upset(answer, sets, shown), matrixCard(answer, sets), h("p", { class: "foot" }, tookNote(answer.took_us))];
}

/** The expression of the people who are in exactly these sets. */
function exactly(sets, members) {
  return sets.map((set, index) => (members.includes(index) ? `(${set.where})` : `not (${set.where})`)).join(" and ");
}

function upset(answer, sets, shown) {
  const most = Math.max(1, ...shown.map((one) => one.count));
  const most_set = Math.max(1, ...answer.counts);
  const column = (one) => {
    const names = one.sets.map((index) => sets[index].name).join(" ∩ ");
    return h("td", { class: "upset-top" }, h("button", { type: "button", class: "upset-bar", title: names, "aria-label": t("overlap.exactly", { sets: names, n: number(one.count) }), onclick: () => openAudience(exactly(sets, one.sets)) },
      h("span", {}, number(one.count)), h("i", { style: { height: `${Math.max(1.5, (100 * one.count) / most)}%` } })));
  };
  const row = (set, index) => h("tr", {}, h("th", { scope: "row" }, h("span", { class: "upset-name" }, h("span", {}, set.name), h("b", {}, number(answer.counts[index]))), h("span", { class: "bar", "aria-hidden": "true" }, h("i", { style: { width: `${(100 * answer.counts[index]) / most_set}%` } }))),
    shown.map((one) => h("td", { class: ["dot", one.sets.includes(index) ? "in" : "", one.sets.length > 1 && index > Math.min(...one.sets) && index <= Math.max(...one.sets) ? "joined" : ""] }, h("i", {}), h("span", { class: "sr-only" }, one.sets.includes(index) ? "●" : "○"))));
  return h("section", { class: "card wide" }, h("h2", {}, t("overlap.title")), h("p", { class: "soft" }, t("overlap.note")),
    h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": t("overlap.title") }, h("table", { class: "upset" }, h("caption", { class: "sr-only" }, t("overlap.title")),
      h("thead", {}, h("tr", {}, h("td", {}), shown.map(column))), h("tbody", {}, sets.map(row)))),
    h("p", { class: "soft" }, t("overlap.none", { n: number(answer.none), share: percent(answer.total === 0 ? 0 : answer.none / answer.total) }), answer.combinations.length > shown.length ? ` ${t("overlap.more", { n: answer.combinations.length - shown.length })}` : ""));
}

function matrixCard(answer, sets) {
  const rows = sets.map((set, i) => [set.name, ...sets.map((_, j) => (i === j ? number(answer.counts[i]) : h("span", { title: number(answer.matrix[i][j]) }, percent(answer.counts[i] === 0 ? 0 : answer.matrix[i][j] / answer.counts[i]))))]);
  return card(t("overlap.matrix"), h("p", { class: "soft" }, t("overlap.matrixNote")), table(["", ...sets.map((set) => set.name)], rows, { caption: t("overlap.matrix"), numeric: sets.map((_, index) => index + 1) }),
    h("details", {}, h("summary", {}, t("overlap.definitions")), h("dl", { class: "definitions" }, sets.map((set) => [h("dt", {}, set.name), h("dd", {}, expressionView(set.where))]))));
}
