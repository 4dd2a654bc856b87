// insight_rfm.js -- how recently, how often and for how much these people buy; and the stage of life they are in.
import { rpc } from "../part/api.js";
import { heat } from "../part/charts.js";
import { h, replace, toast } from "../part/dom.js";
import { decimal, number, percent, short, time } from "../part/format.js";
import { barTable, card, emptyState, loaded, openAudience, stat, tookNote } from "../part/pieces.js";
import { eventLabel, forgetSchema, valueLabel } from "../part/schema.js";
import { audience, both, whereOf } from "../part/state.js";
import { t } from "../part/texts.js";
import { printText } from "../model/expression_print.js";

export function renderLook(context) {
  const place = h("div", {});
  const begin = () => replace(place, context.schema.hasRfm ? loaded(() => look(context, begin), 10) : noPlan(context));
  begin();
  return place;
}

/** Nobody has said yet what a purchase is. */
function noPlan(context) {
  const { events } = context.schema;
  const usual = events.find((event) => /purchase|order|buy|购买|下单/i.test(event.name)) ?? events[0];
  if (usual === undefined) return emptyState(t("rfm.noEvents"), t("rfm.noEventsText"));
  const select = h("select", { "aria-label": t("rfm.event"), value: usual.name }, events.map((event) => h("option", { value: event.name }, eventLabel(event.name))));
  const begin = async (event) => {
    event.currentTarget.disabled = true;
    try {
      await rpc("rfm.put", { event: select.value });
      await rpc("rfm.refresh");
      forgetSchema();
      context.again();
    } catch (error) {
      toast(error.message, "bad");
      event.target.disabled = false;
    }
  };
  return emptyState(t("rfm.none"), t("rfm.noneText"), h("label", { class: "row" }, t("rfm.event"), select), h("button", { type: "button", class: "primary", onclick: begin }, t("rfm.begin")));
}

async function look(context, again) {
  const [answer, plan] = await Promise.all([rpc("audience.rfm", { where: whereOf(audience()) }, context.signal), rpc("rfm.get", {}, context.signal)]);
  if (plan.refreshed === null || plan.refreshed === undefined) return refreshBox(plan, again);
  if (answer.count === 0) return emptyState(t("insight.nobody"), t("insight.nobodyText"));
  const { value } = answer;
  return [
    h("dl", { class: "stats" }, stat(t("rfm.people"), number(answer.count)), stat(t("rfm.scored"), number(answer.scored), percent(answer.scored / answer.count)),
      stat(t("rfm.repeat"), value.repeat_percent === null || value.repeat_percent === undefined ? "–" : `${decimal(value.repeat_percent)} %`, t("people.n", { n: number(value.repeat) })), stat(t("rfm.amount"), h("span", { title: decimal(value.amount) }, short(Number(value.amount)))), stat(t("rfm.average"), value.average === null ? "–" : number(Number(value.average), 2))),
    h("div", { class: "cards" }, gridCard(answer, plan), cellsCard(answer), lifecycleCard(answer), namesCard(answer)),
    refreshBox(plan, again), h("p", { class: "foot" }, tookNote(answer.took_us)),
  ];
}

function refreshBox(plan, again) {
  const refresh = async (event) => {
    event.currentTarget.disabled = true;
    try {
      await rpc("rfm.refresh");
      toast(t("rfm.refreshed"));
      again();
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  return h("div", { class: "row spread note-line" }, h("span", { class: "soft" }, t("rfm.plan", { event: eventLabel(plan.plan.event), days: plan.plan.days === 0 ? t("rfm.allTime") : t("rfm.days", { n: number(plan.plan.days) }) }), " ",
    plan.refreshed ? t("rfm.asOf", { time: time(plan.refreshed) }) : t("rfm.notYet")), h("button", { type: "button", class: "small", onclick: refresh }, t("rfm.refresh")));
}

/** Recency down, frequency across: the place of each person in five by five. */
function gridCard(answer, plan) {
  const most = Math.max(1, ...answer.grid.map((cell) => cell.users));
  const scores = plan.plan.scores ?? { r: 5, f: 5 };
  const frequencies = Array.from({ length: scores.f }, (_, index) => index + 1);
  const recencies = Array.from({ length: scores.r }, (_, index) => scores.r - index);
  const cellOf = (r, f) => answer.grid.find((cell) => cell.r === r && cell.f === f) ?? { users: 0, amount: "0" };
  const cell = (r, f) => {
    const one = cellOf(r, f);
    return h("td", {}, h("button", {
      type: "button", class: "heat-cell", style: heat(Math.sqrt(one.users / most)), title: t("rfm.cell", { r, f, users: number(one.users), amount: decimal(one.amount) }),
      "aria-label": t("rfm.cell", { r, f, users: number(one.users), amount: decimal(one.amount) }), onclick: () => openAudience(both(audience(), `rfm.r = ${r} and rfm.f = ${f}`)),
    }, number(one.users), h("small", {}, percent(answer.scored === 0 ? 0 : one.users / answer.scored))));
  };
  return h("section", { class: "card wide" }, h("h2", {}, t("rfm.grid")), h("div", { class: "table-wrap" }, h("table", { class: "heat-table rfm-grid" }, h("caption", { class: "sr-only" }, t("rfm.grid")),
    h("thead", {}, h("tr", {}, h("td", {}), frequencies.map((f) => h("th", { scope: "col" }, `F${f}`)))),
    h("tbody", {}, recencies.map((r) => h("tr", {}, h("th", { scope: "row" }, `R${r}`), frequencies.map((f) => cell(r, f))))))), h("p", { class: "soft" }, t("rfm.gridNote")));
}

function barsOf(title, rows, total, field) {
  return card(title, barTable(["", t("insight.people"), t("insight.share"), t("rfm.money")], rows.map((row) => ({
    label: valueLabel(field, row.name), value: row.users, cells: [number(row.users), percent(total === 0 ? 0 : row.users / total), h("span", { title: decimal(row.amount) }, short(Number(row.amount)))],
    onclick: () => openAudience(both(audience(), `${field} = ${printText(row.name)}`)),
  })), { caption: title }));
}

function cellsCard(answer) {
  return barsOf(t("rfm.cells"), answer.cells.map((cell) => ({ name: cell.segment, users: cell.users, amount: cell.amount })), answer.scored, "rfm.segment");
}

function namesCard(answer) {
  return barsOf(t("rfm.names"), answer.names, answer.scored, "rfm.name");
}

function lifecycleCard(answer) {
  const stages = answer.lifecycle.map((one) => ({ name: one.stage, users: one.users, amount: one.amount }));
  return barsOf(t("rfm.lifecycle"), stages, stages.reduce((sum, one) => sum + one.users, 0), "lifecycle");
}
