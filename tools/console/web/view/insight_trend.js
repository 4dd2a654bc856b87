// insight_trend.js -- what these people did, day by day.
import { rpc } from "../part/api.js";
import { axis, figure, table, tip, tooltip } from "../part/charts.js";
import { h, icon, replace } from "../part/dom.js";
import { number, short } from "../part/format.js";
import { openPicker } from "../part/picker.js";
import { card, emptyState, loaded, stat, tookNote } from "../part/pieces.js";
import { eventLabel } from "../part/schema.js";
import { audience, whereOf } from "../part/state.js";
import { t } from "../part/texts.js";
import { printName } from "../model/expression_print.js";

export function renderLook(context) {
  const names = context.schema.events.map((event) => event.name);
  if (names.length === 0) return emptyState(t("rfm.noEvents"), t("rfm.noEventsText"));
  const usual = ["view", "cart", "purchase"].filter((name) => names.includes(name));
  const state = { events: usual.length > 0 ? usual : names.slice(0, 3), days: 90, what: "users" };
  const place = h("div", {});
  const ask = () => replace(place, state.events.length === 0 ? emptyState(t("trend.choose"), "") : loaded(() => look(context, state), 8));
  const button = h("button", { type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => openPicker({
    anchor: button, label: t("trend.events"), multiple: true, selected: state.events, groups: [{ label: "", options: names.map((name) => ({ value: name, label: eventLabel(name), note: eventLabel(name) === name ? "" : name })) }],
    onPick: (chosen) => { state.events = names.filter((name) => chosen.includes(name)); ask(); },
  }) }, icon("pulse"), t("trend.events"));
  const choices = (key, values, text) => h("div", { class: "segmented", role: "group" }, values.map((value) => h("button", { type: "button", class: "small", "aria-pressed": String(state[key] === value), onclick: (event) => {
    state[key] = value;
    for (const other of event.currentTarget.parentElement.children) other.setAttribute("aria-pressed", String(other === event.currentTarget));
    ask();
  } }, text(value))));
  ask();
  return [h("div", { class: "row controls" }, button, choices("days", [30, 90, 365], (days) => t("trend.days", { n: days })), choices("what", ["users", "events"], (what) => t(what === "users" ? "trend.users" : "trend.times.what"))), place];
}

async function look(context, state) {
  const answer = await rpc("audience.insight", { where: whereOf(audience()), dimensions: state.events.map((name) => ({ events: `${printName(name)}, last ${state.days} calendar days`, per: "day" })) }, context.signal);
  const series = answer.dimensions.map((dimension, index) => ({ name: state.events[index], dimension }));
  if (series.every((one) => one.dimension.count === 0)) return emptyState(t("trend.nothing"), t("trend.nothingText"));
  const days = series[0].dimension.days.map((one) => one.day);
  const value = (one, index) => one.dimension.days[index]?.[state.what] ?? 0;
  const option = (colours) => ({
    grid: { left: 8, right: 16, top: 40, bottom: 8, containLabel: true }, legend: { top: 0, left: 0, textStyle: { color: colours.soft }, itemWidth: 16, itemHeight: 8, icon: "roundRect" },
    tooltip: tooltip(colours, { trigger: "axis", formatter: (points) => tip(days[points[0].dataIndex], points.map((point) => [point.seriesName, number(point.value)])) }),
    xAxis: { type: "category", boundaryGap: false, data: days, ...axis(colours), splitLine: { show: false }, axisLabel: { color: colours.soft, formatter: (day) => day.slice(5) } },
    yAxis: { type: "value", ...axis(colours), axisLabel: { color: colours.soft, formatter: (one) => short(one) } },
    series: series.map((one) => ({ name: eventLabel(one.name), type: "line", showSymbol: false, smooth: 0.2, lineStyle: { width: 2 }, data: days.map((_, index) => value(one, index)) })),
  });
  return [
    h("dl", { class: "stats" }, series.map((one) => stat(eventLabel(one.name), number(one.dimension.users), t("trend.times", { n: number(one.dimension.count) })))),
    card(null, figure({ title: t("trend.title"), option, height: 380, tableOf: () => table([t("trend.day"), ...series.map((one) => eventLabel(one.name))], days.map((day, index) => [day, ...series.map((one) => number(value(one, index)))]), { caption: t("trend.title"), numeric: series.map((_, index) => index + 1) }) })),
    h("p", { class: "foot" }, tookNote(answer.took_us)),
  ];
}
