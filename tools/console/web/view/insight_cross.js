// insight_cross.js -- two qualities against each other, as a heat map; a cell opens the people in it.
import { rpc } from "../part/api.js";
import { axis, figure, table, tip, tooltip } from "../part/charts.js";
import { h, replace } from "../part/dom.js";
import { number, percent, short } from "../part/format.js";
import { card, emptyState, loaded, openAudience, tookNote } from "../part/pieces.js";
import { fieldLabel, valueLabel } from "../part/schema.js";
import { audience, both, whereOf } from "../part/state.js";
import { t } from "../part/texts.js";
import { printField, printText } from "../model/expression_print.js";

export function renderLook(context) {
  const fields = context.schema.categories();
  if (fields.length < 2) return emptyState(t("cross.few"), t("cross.fewText"));
  const wanted = (type, skip) => fields.find((field) => field.type === type && field !== skip);
  const rows = fields.find((field) => field.name === "city") ?? wanted("string") ?? fields[0];
  const columns = wanted("enum") ?? fields.find((field) => field !== rows);
  const state = { rows: rows.name, columns: (columns === rows ? fields[1] : columns).name, by: "row" };
  const place = h("div", {});
  const ask = () => replace(place, loaded(() => look(context, state), 8));
  const select = (key, label) => h("label", { class: "field" }, h("span", {}, label), h("select", { value: state[key], onchange: (event) => { state[key] = event.target.value; ask(); } }, fields.map((field) => h("option", { value: field.name }, fieldLabel(field.name)))));
  ask();
  return [h("div", { class: "row controls" }, select("rows", t("cross.rows")), select("columns", t("cross.columns")),
    h("label", { class: "field" }, h("span", {}, t("cross.by")), h("select", { value: state.by, onchange: (event) => { state.by = event.target.value; ask(); } }, ["row", "column", "all", "count"].map((by) => h("option", { value: by }, t(`cross.by.${by}`)))))), place];
}

async function look(context, state) {
  if (state.rows === state.columns) return emptyState(t("cross.same"), t("cross.sameText"));
  const answer = await rpc("audience.insight", { where: whereOf(audience()), dimensions: [{ cross: [state.rows, state.columns], top: 16 }] }, context.signal);
  const cross = answer.dimensions[0];
  if (cross.rows.length === 0 || cross.columns.length === 0) return emptyState(t("insight.nobody"), t("insight.nobodyText"));
  // Labels of an ordered enum stand in their order, the others with most people first, none last.
  const ordered = (name, values) => {
    const labels = context.schema.userField(name)?.labels;
    return values.map((value, index) => ({ value, index })).sort((a, b) => (a.value === null) - (b.value === null) || (labels === undefined ? a.index - b.index : labels.indexOf(a.value) - labels.indexOf(b.value)));
  };
  const rows = ordered(state.rows, cross.rows);
  const columns = ordered(state.columns, cross.columns);
  const count = (row, column) => cross.counts[row.index][column.index];
  const sum = (list) => list.reduce((total, one) => total + one, 0);
  const rowSums = rows.map((row) => sum(columns.map((column) => count(row, column))));
  const columnSums = columns.map((column) => sum(rows.map((row) => count(row, column))));
  const all = sum(rowSums);
  const of = (r, c) => {
    const value = count(rows[r], columns[c]);
    const whole = { row: rowSums[r], column: columnSums[c], all, count: 1 }[state.by];
    return whole === 0 ? 0 : value / whole;
  };
  const text = (r, c) => (state.by === "count" ? short(count(rows[r], columns[c])) : percent(of(r, c)));
  const cells = rows.flatMap((_, r) => columns.map((__, c) => [c, rows.length - 1 - r, of(r, c), r]));
  const most = Math.max(...cells.map((one) => one[2]), 1e-9);
  const name = (field, one) => valueLabel(field, one.value);
  const option = (colours) => ({
    grid: { left: 8, right: 12, top: 8, bottom: 8, containLabel: true },
    tooltip: tooltip(colours, { formatter: ({ data: [c, , , r] }) => tip(`${name(state.rows, rows[r])} × ${name(state.columns, columns[c])}`, [[t("insight.people"), number(count(rows[r], columns[c]))], [t("cross.ofRow"), percent(rowSums[r] === 0 ? 0 : count(rows[r], columns[c]) / rowSums[r])], [t("cross.ofColumn"), percent(columnSums[c] === 0 ? 0 : count(rows[r], columns[c]) / columnSums[c])]]) }),
    xAxis: { type: "category", position: "top", data: columns.map((one) => name(state.columns, one)), ...axis(colours), axisLine: { show: false }, splitLine: { show: false }, axisLabel: { color: colours.text, interval: 0, width: 84, overflow: "truncate" } },
    yAxis: { type: "category", data: rows.map((one) => name(state.rows, one)).toReversed(), ...axis(colours), axisLine: { show: false }, splitLine: { show: false }, axisLabel: { color: colours.text, width: 120, overflow: "truncate" } },
    visualMap: { show: false, min: 0, max: most, dimension: 2, inRange: { color: [colours.low, colours.high] } },
    series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: colours.surface, borderWidth: 2, borderRadius: 4 }, label: { show: columns.length <= 10 && innerWidth > 560, formatter: ({ data: [c, , , r] }) => text(r, c), color: colours.text }, emphasis: { itemStyle: { borderColor: colours.accent } } }],
  });
  const title = t("cross.title", { rows: fieldLabel(state.rows), columns: fieldLabel(state.columns) });
  return card(null, figure({
    title, option, height: 60 + rows.length * 32, onclick: ({ data: [c, , , r] }) => openAudience(both(both(audience(), condition(context, state.rows, rows[r].value)), condition(context, state.columns, columns[c].value))),
    tableOf: () => table(["", ...columns.map((one) => name(state.columns, one))], rows.map((row, r) => [name(state.rows, row), ...columns.map((_, c) => text(r, c))]), { caption: title, numeric: columns.map((_, index) => index + 1) }),
  }), h("p", { class: "soft" }, t("cross.note")), tookNote(answer.took_us));
}

function condition(context, field, value) {
  const type = context.schema.userField(field)?.type;
  if (value === null) return `${printField(field)} is missing`;
  if (type === "tags") return `${printField(field)} has ${printText(value)}`;
  if (type === "bool") return value === true || value === "true" ? printField(field) : `${printField(field)} = false`;
  return `${printField(field)} = ${printText(String(value))}`;
}
