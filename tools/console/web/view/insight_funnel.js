// insight_funnel.js -- how far people come along a few steps, how long it takes them, and who stays behind.
import { rpc } from "../part/api.js";
import { table } from "../part/charts.js";
import { h, icon, replace } from "../part/dom.js";
import { duration, number, percent } from "../part/format.js";
import { card, emptyState, loaded, openAudience, tookNote } from "../part/pieces.js";
import { eventLabel, fieldLabel, valueLabel } from "../part/schema.js";
import { audience, both } from "../part/state.js";
import { t } from "../part/texts.js";
import { printName } from "../model/expression_print.js";

const STEPS_MAX = 8;

export function renderLook(context) {
  const { schema } = context;
  const names = schema.events.map((event) => event.name);
  if (names.length === 0) return emptyState(t("rfm.noEvents"), t("rfm.noEventsText"));
  const usual = ["view", "cart", "purchase"].filter((name) => names.includes(name));
  const state = { steps: usual.length > 1 ? usual : names.slice(0, 3), within: 3, last: 30, by: "" };
  const place = h("div", {});
  const steps = h("div", { class: "steps row" });
  const ask = () => replace(place, loaded(() => look(context, state), 8));
  const drawSteps = () => replace(steps, state.steps.map((name, index) => [
    index === 0 ? null : h("span", { class: "arrow", "aria-hidden": "true" }, "→"),
    h("span", { class: "step" }, h("select", { "aria-label": t("funnel.step", { n: index + 1 }), value: name, onchange: (event) => { state.steps[index] = event.target.value; ask(); } }, names.map((one) => h("option", { value: one }, eventLabel(one)))),
      state.steps.length > 2 ? h("button", { type: "button", class: "quiet square", "aria-label": t("builder.removeStep"), onclick: () => { state.steps.splice(index, 1); drawSteps(); ask(); } }, icon("close")) : null),
  ]), state.steps.length < STEPS_MAX ? h("button", { type: "button", class: "quiet small", onclick: () => { state.steps.push(names[0]); drawSteps(); ask(); } }, icon("plus"), t("builder.addStep")) : null);
  const days = (key, label) => h("label", { class: "field" }, h("span", {}, label), h("input", { type: "number", min: "1", max: "3650", value: String(state[key]), onchange: (event) => { if (event.target.checkValidity() && event.target.value !== "") { state[key] = Number(event.target.value); ask(); } } }));
  drawSteps();
  ask();
  return [h("div", { class: "card controls-card" }, steps, h("div", { class: "row controls" }, days("within", t("funnel.within")), days("last", t("funnel.last")),
    h("label", { class: "field" }, h("span", {}, t("funnel.by")), h("select", { onchange: (event) => { state.by = event.target.value; ask(); } }, h("option", { value: "" }, t("funnel.byNone")),
      schema.categories().filter((field) => field.type !== "tags").map((field) => h("option", { value: field.name }, fieldLabel(field.name))))))), place];
}

async function look(context, state) {
  const sequence = `sequence(${state.steps.map(printName).join(" -> ")}, within ${state.within} day${state.within === 1 ? "" : "s"}, last ${state.last} day${state.last === 1 ? "" : "s"})`;
  const where = audience().trim();
  const answer = await rpc("audience.funnel", { sequence, ...(where === "" ? {} : { among: where }), ...(state.by === "" ? {} : { by: state.by, top: 12 }) }, context.signal);
  if (answer.steps[0].users === 0) return emptyState(t("funnel.nobody"), t("funnel.nobodyText"));
  const first = answer.steps[0].users;
  const step = (one, index) => h("li", { class: "funnel-step" },
    h("div", { class: "funnel-bar" }, h("i", { style: { width: `${(100 * one.users) / first}%` }, "aria-hidden": "true" }), h("span", { class: "funnel-name" }, `${index + 1}. ${eventLabel(state.steps[index])}`)),
    h("div", { class: "funnel-numbers" }, h("b", {}, number(one.users)), h("span", { class: "soft" }, percent(one.of_first)),
      index === 0 ? null : h("span", { class: "soft" }, t("funnel.took", { time: duration(one.from_previous_s) }))),
    h("div", { class: "row" }, h("button", { type: "button", class: "quiet small", onclick: () => openAudience(both(audience(), one.reached)) }, t("funnel.reached")),
      one.dropped === null || one.dropped === undefined ? null : h("button", { type: "button", class: "quiet small", onclick: () => openAudience(both(audience(), one.dropped)) }, t("funnel.dropped", { n: number(one.users - answer.steps[index + 1].users) }))));
  const between = (index) => h("li", { class: "funnel-between", "aria-label": t("funnel.conversion") }, h("span", {}, "↓ ", percent(answer.steps[index + 1].of_previous)));
  return [
    card(t("funnel.title"), h("ol", { class: "funnel" }, answer.steps.map((one, index) => [step(one, index), index + 1 < answer.steps.length ? between(index) : null])),
      h("p", { class: "soft" }, t("funnel.note", { among: number(answer.among) })), tookNote(answer.took_us)),
    answer.by ? byCard(answer, state) : null,
  ];
}

function byCard(answer, state) {
  const row = (name, users) => [name, ...users.map((n) => number(n)), users[0] === 0 ? "–" : percent(users.at(-1) / users[0])];
  const rows = answer.by.values.map((one) => row(valueLabel(answer.by.attribute, one.value), one.users));
  if (answer.by.others.some((n) => n > 0)) rows.push(row(t("funnel.others"), answer.by.others));
  if (answer.by.missing.some((n) => n > 0)) rows.push(row(t("value.none"), answer.by.missing));
  return card(t("funnel.byTitle", { field: fieldLabel(answer.by.attribute) }), table([fieldLabel(answer.by.attribute), ...state.steps.map((one) => eventLabel(one)), t("funnel.whole")], rows,
    { caption: t("funnel.byTitle", { field: fieldLabel(answer.by.attribute) }), numeric: Array.from({ length: state.steps.length + 1 }, (_, index) => index + 1) }));
}
