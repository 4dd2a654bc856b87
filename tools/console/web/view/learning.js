// learning.js -- what feeds learn from what they showed, and the tables of items that are trained in the background.
import { rpc } from "../part/api.js";
import { axis, figure, table, tip, tooltip } from "../part/charts.js";
import { h, icon, toast } from "../part/dom.js";
import { ago, bytes, decimal, number, percent } from "../part/format.js";
import { barTable, card, emptyState, loaded, pageHead, stat, tookNote } from "../part/pieces.js";
import { forgetSchema } from "../part/schema.js";
import { known, t } from "../part/texts.js";
import { feedTabs } from "./feed.js";

const GOALS = ["click", "cart", "purchase"];
const LOOK_MS = 1500; // while a training runs

export function render(context) {
  const models = h("div", {});
  const again = () => models.replaceChildren(loaded(() => modelTable(context, again), 4));
  again();
  return [pageHead(t("learning.title"), t("learning.lead")), feedTabs("learning"), loaded(() => learned(context), 8), card(t("models.title"), h("p", { class: "soft" }, t("models.lead")), models)];
}

// ---- From each feed ----

const rate = (one, goal) => (one.shown === 0 ? null : one[goal] / one.shown);

async function learned(context) {
  const answer = await rpc("feed.learning", {}, context.signal);
  if (answer.feeds === 0 && answer.kept === 0)
    return card(null, emptyState(t("learning.off"), t("learning.offText"), h("code", { class: "block" }, "schema.put {\"feed\": {\"learning\": {\"share\": 1}, \"explore_every\": 8}}")));
  return [
    h("dl", { class: "stats" }, stat(t("learning.feeds"), number(answer.feeds), t("learning.items", { n: number(answer.items) })), stat(t("learning.open"), number(answer.open)),
      GOALS.map((goal) => stat(known("event", goal), number(answer.goals[goal].acts), t("learning.ofFirst", { share: percent(answer.goals[goal].rate) }))), stat(t("learning.amount"), decimal(answer.amount))),
    card(t("learning.goals"), h("p", { class: "soft" }, t("learning.goalsNote")), goals(answer)),
    h("div", { class: "two-cards" }, card(t("learning.sources"), sources(answer)), card(null, places(answer))),
    h("p", { class: "foot" }, tookNote(answer.took_us)),
  ];
}

/** Whether each goal's model foresees better than the scores alone: only then it orders feeds. */
function goals(answer) {
  const loss = (value, goal) => (goal.examples === 0 ? "–" : number(value, 4));
  return table([t("learning.goal"), t("learning.acts"), t("learning.examples"), t("learning.lossModel"), t("learning.lossScore"), t("learning.lossRate"), t("learning.inUse")],
    GOALS.map((name) => {
      const goal = answer.goals[name];
      return [known("event", name), number(goal.acts), number(goal.examples), loss(goal.loss, goal), loss(goal.loss_blend, goal), loss(goal.loss_rate, goal),
        h("span", { class: ["badge", goal.used ? "good" : ""] }, t(goal.used ? "learning.used" : goal.examples < 1000 ? "learning.tooFew" : "learning.notBetter"))];
    }), { caption: t("learning.goals"), numeric: [1, 2, 3, 4, 5] });
}

function sources(answer) {
  const rows = Object.entries(answer.sources).sort((a, b) => b[1].shown - a[1].shown);
  if (answer.explored.shown > 0 && answer.sources.explore === undefined) rows.push(["explored", answer.explored]);
  return barTable([t("learning.source"), t("learning.shown"), ...GOALS.map((goal) => known("event", goal))],
    rows.map(([name, one]) => ({ label: name === "explored" ? t("learning.explored") : known("source", name), value: one.shown, cells: [number(one.shown), ...GOALS.map((goal) => percent(rate(one, goal)))] })), { caption: t("learning.sources") });
}

function places(answer) {
  const shown = answer.places.map((one, index) => ({ ...one, place: index + 1 })).filter((one) => one.shown > 0);
  const option = (colours) => ({
    grid: { left: 8, right: 16, top: 40, bottom: 8, containLabel: true }, legend: { top: 0, left: 0, textStyle: { color: colours.soft }, itemWidth: 16, itemHeight: 8, icon: "roundRect" },
    tooltip: tooltip(colours, { trigger: "axis", formatter: (points) => tip(t("learning.place", { n: shown[points[0].dataIndex].place }), [[t("learning.shown"), number(shown[points[0].dataIndex].shown)], ...points.map((point) => [point.seriesName, percent(point.value)])]) }),
    xAxis: { type: "category", data: shown.map((one) => one.place), ...axis(colours), splitLine: { show: false } },
    yAxis: { type: "value", ...axis(colours), axisLabel: { color: colours.soft, formatter: (value) => `${number(100 * value, 1)}%` } },
    series: GOALS.map((goal) => ({ name: known("event", goal), type: "line", showSymbol: shown.length < 3, lineStyle: { width: 2 }, data: shown.map((one) => rate(one, goal)) })),
  });
  return figure({ title: t("learning.places"), option, height: 300, tableOf: () => table([t("learning.placeHead"), t("learning.shown"), ...GOALS.map((goal) => known("event", goal))],
    shown.map((one) => [String(one.place), number(one.shown), ...GOALS.map((goal) => percent(rate(one, goal)))]), { caption: t("learning.places"), numeric: [1, 2, 3, 4] }) });
}

// ---- In the background ----

async function modelTable(context, again) {
  const answer = await rpc("model.list", {}, context.signal);
  if (answer.models.some((model) => model.due)) {
    const timer = setTimeout(() => { if (!context.signal.aborted) again(); }, LOOK_MS);
    context.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  } else {
    forgetSchema(); // a table that came has a weight on the feed's page
  }
  return table([t("models.model"), t("models.state"), t("models.trained"), t("models.items"), t("models.likings"), t("models.memory"), ""], answer.models.map((model) => [
    h("span", {}, h("b", {}, known("weight", model.name)), h("small", { class: "soft under" }, t(`models.${model.name}`))), state(model), model.table ? ago(model.table.trained_at) : "–", number(model.table?.items), number(model.table?.likings), bytes(model.table?.bytes),
    h("button", { type: "button", class: "small", disabled: model.due, onclick: () => train(model.name, again) }, t(model.table ? "models.again" : "models.train")),
  ]), { caption: t("models.title"), numeric: [3, 4, 5], className: "models-table" });
}

function state(model) {
  if (model.due) return h("span", { class: "badge" }, icon("clock"), t("models.due"));
  if (model.fault) return h("span", { class: "badge bad", title: model.fault }, icon("warning"), model.fault);
  if (!model.table) return h("span", { class: "badge" }, t("models.none"));
  return h("span", { class: "badge good" }, icon("check"), model.plan?.every_hours > 0 ? t("models.every", { n: number(model.plan.every_hours) }) : t("models.inUse"));
}

async function train(name, again) {
  try {
    await rpc("model.train", { name });
    again();
  } catch (error) {
    toast(error.message, "bad");
  }
}
