// insight_retention.js -- who comes back: cohorts by when people came first, and after how many days they returned.
import { rpc } from "../part/api.js";
import { axis, figure, heat, table, tip, tooltip } from "../part/charts.js";
import { h, replace } from "../part/dom.js";
import { number, percent } from "../part/format.js";
import { card, emptyState, loaded, tookNote } from "../part/pieces.js";
import { eventLabel } from "../part/schema.js";
import { audience } from "../part/state.js";
import { t } from "../part/texts.js";
import { printName } from "../model/expression_print.js";

export function renderLook(context) {
  const names = context.schema.events.map((event) => event.name);
  if (names.length === 0) return emptyState(t("rfm.noEvents"), t("rfm.noEventsText"));
  const state = { first: names.includes("purchase") ? "purchase" : names[0], back: names.includes("purchase") ? "purchase" : names[0], period: "month", periods: 12 };
  const place = h("div", {});
  const ask = () => replace(place, loaded(() => look(context, state), 10));
  const eventSelect = (key, label) => h("label", { class: "field" }, h("span", {}, label), h("select", { value: state[key], onchange: (event) => { state[key] = event.target.value; ask(); } }, names.map((name) => h("option", { value: name }, eventLabel(name)))));
  ask();
  return [h("div", { class: "row controls" }, eventSelect("first", t("retention.first")), eventSelect("back", t("retention.return")),
    h("label", { class: "field" }, h("span", {}, t("retention.period")), h("select", { value: state.period, onchange: (event) => { state.period = event.target.value; ask(); } }, ["day", "week", "month"].map((one) => h("option", { value: one }, t(`unit.${one}`))))),
    h("label", { class: "field" }, h("span", {}, t("retention.periods")), h("input", { type: "number", min: "2", max: "36", value: String(state.periods), onchange: (event) => { if (event.target.checkValidity()) { state.periods = Number(event.target.value); ask(); } } }))), place];
}

async function look(context, state) {
  const where = audience().trim();
  const answer = await rpc("audience.retention", { first: printName(state.first), return: printName(state.back), period: state.period, periods: state.periods, ...(where === "" ? {} : { among: where }) }, context.signal);
  if (answer.cohorts.every((cohort) => cohort.users === 0)) return emptyState(t("retention.nobody"), t("retention.nobodyText"));
  return [grid(answer, state), h("div", { class: "cards" }, again(answer), active(answer)), h("p", { class: "foot" }, tookNote(answer.took_us))];
}

function periodName(start, period) {
  return period === "month" ? start.slice(0, 7) : start.slice(5);
}

function grid(answer, state) {
  const width = Math.max(...answer.cohorts.map((cohort) => cohort.returned.length));
  const most = Math.max(1e-9, ...answer.cohorts.flatMap((cohort) => cohort.returned.slice(1).map((n) => (cohort.users === 0 ? 0 : n / cohort.users))));
  const title = t("retention.grid");
  const cell = (cohort, k) => {
    const n = cohort.returned[k];
    if (n === undefined) return h("td", { class: "none" });
    const share = cohort.users === 0 ? 0 : n / cohort.users;
    return h("td", { class: "heat", style: heat(k === 0 ? Math.min(share, most) / most * 0.35 : share / most), title: t("people.n", { n: number(n) }) }, cohort.users === 0 ? "–" : percent(share));
  };
  return h("section", { class: "card wide" }, h("h2", {}, title), h("p", { class: "soft" }, t("retention.gridNote", { first: eventLabel(state.first), back: eventLabel(state.back), unit: t(`unit.${state.period}s`) })),
    h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": title }, h("table", { class: "heat-table cohorts" }, h("caption", { class: "sr-only" }, title),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("retention.cohort")), h("th", { scope: "col", class: "num" }, t("insight.people")), Array.from({ length: width }, (_, k) => h("th", { scope: "col" }, k === 0 ? t(`retention.same.${state.period}`) : `+${k}`)))),
      h("tbody", {}, answer.cohorts.map((cohort) => h("tr", {}, h("th", { scope: "row" }, periodName(cohort.start, state.period)), h("td", { class: "num" }, number(cohort.users)), Array.from({ length: width }, (_, k) => cell(cohort, k))))))));
}

/** The share of all that came back within so many days. */
function again(answer) {
  let sum = 0;
  const points = answer.again.days.map((n, index) => {
    sum += n;
    return [index, answer.again.users === 0 ? 0 : sum / answer.again.users];
  });
  if (points.length === 0) return null;
  const option = (colours) => ({
    grid: { left: 8, right: 16, top: 12, bottom: 8, containLabel: true },
    tooltip: tooltip(colours, { trigger: "axis", formatter: ([{ data }]) => tip(t("retention.within", { n: data[0] }), [[t("retention.returned"), percent(data[1])]]) }),
    xAxis: { type: "value", max: points.length - 1, ...axis(colours), splitLine: { show: false } }, yAxis: { type: "value", ...axis(colours), axisLabel: { color: colours.soft, formatter: (value) => percent(value) } },
    series: [{ type: "line", showSymbol: false, data: points, areaStyle: { opacity: 0.12 }, lineStyle: { width: 2 } }],
  });
  return card(null, figure({ title: t("retention.again"), option, height: 240, tableOf: () => table([t("retention.days"), t("retention.returned")], points.filter(([day]) => day < 14 || day % 7 === 0).map(([day, share]) => [String(day), percent(share)]), { caption: t("retention.again"), numeric: [1] }) }));
}

function active(answer) {
  const { active: periods } = answer;
  const names = periods.map((one) => periodName(one.start, answer.period));
  const option = (colours) => ({
    grid: { left: 8, right: 8, top: 36, bottom: 8, containLabel: true }, legend: { top: 0, left: 0, textStyle: { color: colours.soft }, itemWidth: 14, itemHeight: 8 },
    tooltip: tooltip(colours, { trigger: "axis", formatter: ([{ dataIndex }]) => tip(names[dataIndex], [[t("retention.active"), number(periods[dataIndex].users)], [t("retention.stickiness"), percent(periods[dataIndex].stickiness)]]) }),
    xAxis: { type: "category", data: names, ...axis(colours) },
    yAxis: [{ type: "value", ...axis(colours), axisLabel: { color: colours.soft, formatter: (value) => number(value) } }, { type: "value", ...axis(colours), splitLine: { show: false }, axisLabel: { color: colours.soft, formatter: (value) => percent(value) } }],
    series: [{ name: t("retention.active"), type: "bar", barMaxWidth: 28, data: periods.map((one) => one.users), itemStyle: { borderRadius: [3, 3, 0, 0] } }, { name: t("retention.stickiness"), type: "line", yAxisIndex: 1, data: periods.map((one) => one.stickiness), symbolSize: 6 }],
  });
  return card(null, figure({ title: t("retention.activeTitle"), option, height: 240, tableOf: () => table([t("retention.cohort"), t("retention.active"), t("retention.stickiness")], periods.map((one, index) => [names[index], number(one.users), percent(one.stickiness)]), { caption: t("retention.activeTitle"), numeric: [1, 2] }) }));
}
