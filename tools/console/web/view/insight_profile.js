// insight_profile.js -- each attribute and tag: how often its values occur here, and how much more often than among the base
// (TGI: 100 is as often).
import { rpc } from "../part/api.js";
import { axis, figure, palette, table, tip, tooltip } from "../part/charts.js";
import { h, icon, replace } from "../part/dom.js";
import { cell, decimal, number, percent, short, time } from "../part/format.js";
import { pickerButton } from "../part/picker.js";
import { card, emptyState, loaded, openAudience, tookNote } from "../part/pieces.js";
import { fieldLabel, valueLabel } from "../part/schema.js";
import { audience, both, whereOf } from "../part/state.js";
import { t } from "../part/texts.js";
import { printField, printLiteral, printText } from "../model/expression_print.js";

const TOP = 12;
const OUTSTANDING = 14;
const DIFFERENT_MAX = 500; // a string with more different values is a name or a number, not a quality;
const DIFFERENT_SHARE = 0.25; // so is one that nearly everybody has for himself
const FEW = 20;

export function renderLook(context) {
  const { schema } = context;
  const state = { base: "", baseLabel: t("audience.everybody"), order: "count" };
  const place = h("div", {});
  const ask = () => replace(place, loaded(async () => {
    const dimensions = schema.dimensions();
    const answer = await rpc("audience.insight", {
      where: whereOf(audience()), ...(state.base === "" ? {} : { base: state.base }),
      dimensions: dimensions.map((field) => (["int", "decimal", "time", "date"].includes(field.type) ? { of: field.name, bins: 16 } : { of: field.name, top: state.order === "index" ? 300 : 60 })),
    }, context.signal);
    if (answer.count === 0) return emptyState(t("insight.nobody"), t("insight.nobodyText"), h("a", { class: "button", href: "#/audience" }, t("bar.edit")));
    return draw(answer, dimensions, state);
  }, 10));
  const basePicker = h("span", {});
  const drawPicker = () => replace(basePicker, pickerButton({
    label: t("insight.base"), text: () => state.baseLabel,
    groups: [{ label: "", options: [{ value: "", label: t("audience.everybody") }] }, { label: t("add.segments"), options: schema.segments.map((name) => ({ value: `in_segment(${printText(name)})`, label: name })) }].filter((group) => group.options.length > 0),
    onPick: (value, option) => { state.base = value; state.baseLabel = option.label; drawPicker(); ask(); },
  }));
  drawPicker();
  const orderButton = (order) => h("button", { type: "button", class: "small", "aria-pressed": String(state.order === order), onclick: (event) => {
    state.order = order;
    for (const other of event.currentTarget.parentElement.children) other.setAttribute("aria-pressed", String(other === event.currentTarget));
    ask();
  } }, t(`insight.order.${order}`));
  ask();
  return [h("div", { class: "row controls" }, h("div", { class: "field" }, h("span", {}, t("insight.base")), basePicker),
    h("div", { class: "field" }, h("span", {}, t("insight.order")), h("div", { class: "segmented", role: "group", "aria-label": t("insight.order") }, orderButton("count"), orderButton("index")))), place];
}

function draw(answer, fields, state) {
  const shown = answer.dimensions.map((dimension, index) => ({ dimension, field: fields[index] }))
    .filter(({ dimension }) => (dimension.kind === "values" ? isQuality(dimension, answer.count) : dimension.count > 0));
  const values = shown.filter(({ dimension }) => dimension.kind === "values");
  const numbers = shown.filter(({ dimension }) => dimension.kind === "numbers");
  return [
    outstanding(values, answer, state),
    h("div", { class: "cards flow" }, values.map(({ dimension, field }) => valuesCard(dimension, field, answer, state)), numbers.map(({ dimension, field }) => numbersCard(dimension, field))),
    h("p", { class: "foot" }, tookNote(answer.took_us)),
  ];
}

function isQuality(dimension, count) {
  const having = count - (dimension.missing ?? 0);
  return dimension.values.length > 0 && (dimension.different <= FEW || (dimension.different <= DIFFERENT_MAX && dimension.different <= having * DIFFERENT_SHARE));
}

/** The values that set these people apart most, across all dimensions. */
function outstanding(values, answer, state) {
  const least = Math.max(5, answer.count * 0.01);
  const all = values.flatMap(({ dimension, field }) => dimension.values.filter((one) => one.index !== null && one.value !== null && (one.count >= least || one.base >= least * 5))
    .map((one) => ({ ...one, label: `${fieldLabel(field.name)} · ${valueLabel(field.name, one.value)}` })));
  const found = all.filter((one) => Math.abs(one.index - 100) >= 5).sort((a, b) => Math.abs(Math.log(Math.max(b.index, 1) / 100)) - Math.abs(Math.log(Math.max(a.index, 1) / 100)))
    .slice(0, OUTSTANDING).sort((a, b) => a.index - b.index);
  if (found.length === 0) return h("p", { class: "note-line" }, icon("check"), t(audience().trim() === "" && state.base === "" ? "insight.isEverybody" : "insight.asBase"));
  const factor = (one) => Math.log2(Math.max(one.index, 1) / 100);
  const option = (colours) => ({
    grid: { left: 8, right: 56, top: 8, bottom: 24, containLabel: true },
    tooltip: tooltip(colours, { formatter: ({ dataIndex }) => tip(found[dataIndex].label, [[t("insight.tgi"), number(found[dataIndex].index, 1)], [t("insight.people"), number(found[dataIndex].count)], [t("insight.share"), percent(found[dataIndex].share)]]) }),
    // By factors: twice as common is as far to the right as half as common is to the left.
    xAxis: { type: "value", min: Math.min(-1, Math.floor(Math.min(...found.map(factor)))), max: Math.max(1, Math.ceil(Math.max(...found.map(factor)))), interval: 1, ...axis(colours), axisLabel: { color: colours.soft, formatter: (value) => number(100 * 2 ** value, 1) } },
    yAxis: { type: "category", data: found.map((one) => one.label), ...axis(colours), axisLabel: { color: colours.text, width: Math.min(210, innerWidth / 3), overflow: "truncate" } },
    series: [{ type: "bar", barMaxWidth: 16, data: found.map((one) => ({ value: factor(one), itemStyle: { color: one.index >= 100 ? palette().series[0] : palette().series[1], borderRadius: 3 }, label: { position: one.index >= 100 ? "right" : "left" } })),
      label: { show: true, color: colours.soft, formatter: ({ dataIndex }) => number(found[dataIndex].index, 0) } }],
  });
  return h("section", { class: "card" }, figure({
    title: t("insight.outstanding"), option, height: 44 + found.length * 27,
    tableOf: () => table([t("insight.value"), t("insight.tgi"), t("insight.people"), t("insight.share")], found.toReversed().map((one) => [one.label, number(one.index, 1), number(one.count), percent(one.share)]), { caption: t("insight.outstanding"), numeric: [1, 2, 3] }),
  }), h("p", { class: "soft" }, t("insight.outstandingNote", { base: state.baseLabel })));
}

function narrowed(field, value) {
  if (value === null) return both(audience(), `${printField(field.name)} is missing`);
  if (field.type === "tags") return both(audience(), `${printField(field.name)} has ${printText(value)}`);
  if (field.type === "bool") return both(audience(), value === true || value === "true" ? printField(field.name) : `not ${printField(field.name)}`);
  return both(audience(), `${printField(field.name)} = ${printLiteral({ type: "text", value: String(value) })}`);
}

function tgiBadge(index) {
  if (index === null) return "–";
  const kind = index >= 110 ? "up" : index <= 90 ? "down" : "";
  return h("span", { class: ["tgi", kind] }, number(index, 0));
}

function valuesCard(dimension, field, answer, state) {
  const rows = [...dimension.values];
  if (state.order === "index") rows.sort((a, b) => (b.index ?? -1) - (a.index ?? -1) || b.count - a.count);
  const shown = rows.filter((row) => row.count > 0 || state.order === "count").slice(0, TOP);
  const most = Math.max(...shown.map((row) => Math.max(row.share, answer.base === 0 ? 0 : row.base / answer.base)), 1e-9);
  const bar = (row) => h("span", { class: "bar", "aria-hidden": "true" }, h("i", { style: { width: `${(100 * row.share) / most}%` } }),
    h("em", { style: { left: `${(100 * (answer.base === 0 ? 0 : row.base / answer.base)) / most}%` } }));
  return card(fieldLabel(field.name), h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": fieldLabel(field.name) }, h("table", { class: "table bars" },
    h("caption", { class: "sr-only" }, fieldLabel(field.name)),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("insight.value")), h("th", { scope: "col", class: "num" }, t("insight.people")), h("th", { scope: "col", class: "num" }, t("insight.share")), h("th", { scope: "col", class: "num", title: t("insight.tgiHelp") }, t("insight.tgi")))),
    h("tbody", {}, shown.map((row) => h("tr", {}, h("th", { scope: "row" }, h("button", { type: "button", class: "link", title: t("insight.narrow"), onclick: () => openAudience(narrowed(field, row.value)) }, valueLabel(field.name, row.value)), bar(row)),
      h("td", { class: "num" }, number(row.count)), h("td", { class: "num" }, percent(row.share)), h("td", { class: "num" }, tgiBadge(row.index))))))),
  h("p", { class: "soft" }, dimension.different > shown.length ? t("insight.more", { n: number(dimension.different - shown.length) }) : "", dimension.missing > 0 ? ` ${t("insight.missing", { n: number(dimension.missing) })}` : ""));
}

function numbersCard(dimension, field) {
  const isTime = field.type === "time";
  const show = (value) => (isTime ? time(value).slice(0, 10) : field.type === "decimal" ? decimal(value) : cell(value, field.type));
  const bins = dimension.histogram;
  const axisText = (value) => (isTime || field.type === "date" ? show(value) : short(Number(value)));
  const median = dimension.percentiles.find(([place]) => place === 50)?.[1];
  const option = (colours) => ({
    grid: { left: 8, right: 12, top: 12, bottom: 8, containLabel: true },
    tooltip: tooltip(colours, { trigger: "axis", formatter: ([{ dataIndex }]) => tip(`${show(bins[dataIndex].from)} – ${show(bins[dataIndex].to)}`, [[t("insight.people"), number(bins[dataIndex].count)]]) }),
    xAxis: { type: "category", data: bins.map((bin) => axisText(bin.from)), ...axis(colours), splitLine: { show: false } },
    yAxis: { type: "value", ...axis(colours), axisLabel: { color: colours.soft, formatter: (value) => short(value) } },
    series: [{ type: "bar", barCategoryGap: "8%", itemStyle: { borderRadius: [3, 3, 0, 0] }, data: bins.map((bin) => bin.count) }],
  });
  return card(null, figure({
    title: fieldLabel(field.name), option, height: 190,
    tableOf: () => table([t("insight.from"), t("insight.to"), t("insight.people")], bins.map((bin) => [show(bin.from), show(bin.to), number(bin.count)]), { caption: fieldLabel(field.name), numeric: [2] }),
  }), h("dl", { class: "stats small" }, [["insight.median", median], ["insight.mean", dimension.mean], ["insight.min", dimension.min], ["insight.max", dimension.max]]
    .filter(([, value]) => value !== undefined && value !== null).map(([key, value]) => h("div", { class: "stat" }, h("dt", {}, t(key)), h("dd", {}, show(value))))),
  dimension.missing > 0 ? h("p", { class: "soft" }, t("insight.missing", { n: number(dimension.missing) })) : null);
}
