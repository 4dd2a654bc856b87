// user.js -- one person: what is known, what was done and when, which segments, and why in or out of one.
import { rpc } from "../part/api.js";
import { h, icon, replace } from "../part/dom.js";
import { expressionView } from "../part/editor.js";
import { ago, cell, clock, day, decimal, isoDay, number, time } from "../part/format.js";
import { pickerButton } from "../part/picker.js";
import { card, emptyState, failure, loaded, pageHead, skeleton } from "../part/pieces.js";
import { eventLabel, fieldLabel, valueLabel } from "../part/schema.js";
import { audience, goTo, linkTo, whereOf } from "../part/state.js";
import { t } from "../part/texts.js";
import { printText } from "../model/expression_print.js";

const EVENTS_STEP = 50;

export function render(context) {
  const id = context.path[0] ?? "";
  const input = h("input", { type: "search", value: id, placeholder: t("user.placeholder"), "aria-label": t("user.placeholder"), autocomplete: "off", spellcheck: "false" });
  const form = h("form", { class: "row", role: "search", onsubmit: (event) => { event.preventDefault(); if (input.value.trim() !== "") goTo(["user", input.value.trim()]); } },
    input, h("button", { type: "submit", class: "primary" }, icon("search"), t("user.find")), h("button", { type: "button", onclick: () => anybody(context) }, icon("dice"), t("user.anybody")));
  return [pageHead(t("user.title"), t("user.lead"), form), id === "" ? emptyState(t("user.none"), t("user.noneText")) : loaded(() => portrait(context, id), 10)];
}

/** Somebody of the audience, another one each time. */
export async function anybody(context, view = "user") {
  const answer = await rpc("audience.sample", { where: whereOf(audience()), count: 1, seed: String(Math.random()) }, context.signal);
  if (answer.ids.length > 0) goTo([view, answer.ids[0]]);
}

async function portrait(context, id) {
  const { schema, signal } = context;
  let user;
  try {
    ({ user } = await rpc("user.get", { id, events: EVENTS_STEP }, signal));
  } catch (error) {
    if (error.status !== "not_found") throw error;
    return emptyState(t("user.unknown", { id }), t("user.unknownText"));
  }
  const title = user.name ?? user.nickname ?? user["昵称"] ?? user["姓名"] ?? user.id;
  return h("div", { class: "portrait" },
    h("div", { class: "portrait-side" },
      h("section", { class: "card" }, h("div", { class: "portrait-head" }, h("span", { class: "avatar", "aria-hidden": "true" }, [...String(title)][0]), h("div", {}, h("h2", {}, String(title)), h("p", { class: "soft code" }, user.id))),
        h("a", { class: "button small", href: linkTo(["feed", user.id]) }, icon("feed"), t("user.feed"))),
      valueCard(user, schema), attributesCard(user, schema), tagsCards(user, schema)),
    h("div", { class: "portrait-main" }, whyCard(context, user), segmentsCard(context, user), eventsCard(context, user)));
}

function valueCard(user, schema) {
  if (!schema.hasRfm || user["value.count"] === undefined) return null;
  const line = (name, value) => [h("dt", {}, fieldLabel(name)), h("dd", {}, value)];
  return card(t("user.value"), h("div", { class: "rfm-line" }, ["rfm.r", "rfm.f", "rfm.m"].map((name) => h("div", { class: "rfm-score" }, h("span", {}, name.slice(-1).toUpperCase()), h("b", {}, user[name] ?? "–"), h("span", { class: "score-bar", "aria-hidden": "true" }, h("i", { style: { width: `${20 * (user[name] ?? 0)}%` } }))))),
    h("dl", { class: "pairs" }, line("lifecycle", valueLabel("lifecycle", user.lifecycle)), user["rfm.segment"] ? line("rfm.segment", valueLabel("rfm.segment", user["rfm.segment"])) : null,
      line("value.amount", decimal(user["value.amount"])), line("value.count", number(user["value.count"])), line("value.last", ago(user["value.last"])), user["value.next"] ? line("value.next", time(user["value.next"])) : null));
}

function attributesCard(user, schema) {
  const given = schema.userFields.filter((field) => user[field.name] !== undefined);
  if (given.length === 0) return null;
  return card(t("user.attributes"), h("dl", { class: "pairs" }, given.map((field) => [h("dt", {}, fieldLabel(field.name)), h("dd", {}, field.type === "enum" || field.type === "bool" ? valueLabel(field.name, user[field.name]) : cell(user[field.name], field.type))])));
}

function tagsCards(user, schema) {
  return schema.tagSets.filter((name) => (user[name] ?? []).length > 0).map((name) => card(fieldLabel(name), h("ul", { class: "chips" }, user[name].map((tag) => h("li", { class: "chip" }, tag)))));
}

// ---- Why in or out ----

function whyCard(context, user) {
  const { schema } = context;
  const here = audience().trim();
  const place = h("div", {});
  const choices = [...(here === "" ? [] : [{ value: here, label: t("user.currentAudience") }]), ...schema.segments.map((name) => ({ value: `in_segment(${printText(name)})`, label: name }))];
  if (choices.length === 0) return card(t("user.why"), h("p", { class: "soft" }, t("user.whyNone")));
  let chosen = choices[0];
  const head = h("span", {});
  const show = () => {
    replace(head, pickerButton({ label: t("user.whyOf"), text: () => chosen.label, groups: [{ label: "", options: choices }], onPick: (_, option) => { chosen = option; show(); } }));
    replace(place, loaded(() => why(context, user.id, chosen.value), 4));
  };
  show();
  return h("section", { class: "card" }, h("div", { class: "card-head" }, h("h2", {}, t("user.why")), head), place);
}

async function why(context, id, where) {
  const answer = await rpc("audience.why", { user: id, where }, context.signal);
  const line = (one) => h("li", { class: one.holds ? "holds" : "fails", style: { "--depth": String(one.depth) } }, icon(one.holds ? "check" : "close"), h("span", { class: "sr-only" }, t(one.holds ? "user.holds" : "user.fails")),
    h("div", {}, one.kind === "clause" ? expressionView(one.clause) : h("b", {}, t(`user.kind.${one.kind}`)), one.kind === "clause" && "found" in one ? h("span", { class: "soft" }, ` ${t("user.found", { value: found(one.found) })}`) : null));
  return [h("p", { class: ["verdict", answer.matches ? "in" : "out"] }, icon(answer.matches ? "check" : "close"), t(answer.matches ? "user.isIn" : "user.isOut")), h("ul", { class: "why" }, answer.lines.map(line))];
}

/** A value that a clause asks about: a time is told by its size. */
function found(value) {
  if (value === null || value === undefined) return t("value.none");
  if (typeof value === "number" && value > 1e12 && value < 4e12) return time(value);
  return typeof value === "number" ? number(value, 4) : cell(value);
}

function segmentsCard(context, user) {
  const { schema } = context;
  if (schema.segments.length === 0) return null;
  return card(t("user.segments"), loaded(async () => {
    const answer = await rpc("segment.of_user", { user: user.id }, context.signal);
    if (answer.segments.length === 0) return h("p", { class: "soft" }, t("user.inNone", { n: schema.segments.length }));
    return h("ul", { class: "chips" }, answer.segments.map((name) => h("li", {}, h("a", { class: "chip", href: linkTo(["audience"], { q: `in_segment(${printText(name)})` }) }, name))));
  }, 2));
}

// ---- Events ----

function eventsCard(context, user) {
  const { schema } = context;
  const state = { type: "", count: EVENTS_STEP, events: user.events ?? [] };
  const place = h("div", { class: "events" });
  const titles = new Map();
  const filter = h("select", { "aria-label": t("user.filter"), onchange: (event) => { state.type = event.target.value; draw(); } }, h("option", { value: "" }, t("user.allEvents")), schema.events.map((event) => h("option", { value: event.name }, eventLabel(event.name))));
  const more = async () => {
    state.count *= 4;
    const answer = await rpc("user.get", { id: user.id, fields: [], events: Math.min(10000, state.count) }, context.signal);
    state.events = answer.user.events;
    await nameItems();
    draw();
  };
  /** The items' titles, if they have an attribute that looks like one. */
  const nameItems = async () => {
    const field = schema.itemFields.find((one) => /title|name|标题|名称/i.test(one.name));
    const ids = [...new Set(state.events.map((event) => event.item).filter((item) => item !== undefined && !titles.has(item)))];
    if (field === undefined || ids.length === 0) return;
    const answer = await rpc("item.get", { ids, fields: [field.name] }, context.signal);
    answer.items.forEach((item, index) => titles.set(ids[index], item?.[field.name] ?? ""));
  };
  const line = (event) => {
    const rest = Object.entries(event).filter(([name]) => !["type", "time", "item", "amount"].includes(name));
    return h("li", {}, h("time", { datetime: new Date(event.time).toISOString() }, clock(event.time)), h("span", { class: ["event-type", `kind-${schema.events.findIndex((one) => one.name === event.type) % 8}`] }, eventLabel(event.type)),
      h("div", {}, event.item === undefined ? null : h("span", {}, titles.get(event.item) || event.item), event.amount === undefined ? null : h("b", {}, ` ${decimal(event.amount)}`), rest.length === 0 ? null : h("span", { class: "soft" }, ` ${rest.map(([name, value]) => `${fieldLabel(name)} ${cell(value)}`).join(" · ")}`)));
  };
  const draw = () => {
    const shown = state.events.filter((event) => state.type === "" || event.type === state.type);
    if (shown.length === 0) return replace(place, h("p", { class: "soft" }, t("user.noEvents")));
    const days = groupBy(shown, (event) => isoDay(event.time));
    return replace(place, [...days.values()].map((events) => h("section", {}, h("h3", {}, day(events[0].time), h("span", { class: "soft" }, ` ${ago(events[0].time)}`)), h("ol", { class: "event-list" }, events.map(line)))),
      state.events.length >= state.count && state.count < 10000 ? h("button", { type: "button", onclick: more }, t("user.more")) : null);
  };
  replace(place, skeleton(4));
  nameItems().then(draw, (error) => replace(place, failure(error)));
  return h("section", { class: "card" }, h("div", { class: "card-head" }, h("h2", {}, t("user.events")), filter), place);
}

function groupBy(list, key) {
  const groups = new Map();
  for (const one of list) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return groups;
}
