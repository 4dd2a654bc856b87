// pieces.js -- what several views are made of: cards, states of waiting and of failing, the line that names the audience.
import { fill, rpc } from "./api.js";
import { expressionView } from "./editor.js";
import { h, icon, replace } from "./dom.js";
import { microseconds, number, percent } from "./format.js";
import { pickerButton } from "./picker.js";
import { audience, goTo, linkTo, setAudience, whereOf } from "./state.js";
import { t } from "./texts.js";

export function card(title, ...children) {
  return h("section", { class: "card" }, title === null ? null : h("h2", {}, title), children);
}

export function pageHead(title, lead, ...actions) {
  return h("header", { class: "page-head" }, h("div", {}, h("h1", { tabindex: "-1" }, title), lead ? h("p", { class: "soft lead" }, lead) : null), h("div", { class: "row" }, actions));
}

export function emptyState(title, text, ...actions) {
  return h("div", { class: "empty" }, icon("fish"), h("h3", {}, title), text ? h("p", {}, text) : null, h("div", { class: "row" }, actions));
}

export function skeleton(lines = 4) {
  return h("div", { class: "skeleton", "aria-hidden": "true" }, Array.from({ length: lines }, (_, index) => h("i", { style: { width: `${92 - (index * 17) % 40}%` } })));
}

export function failure(error, again) {
  const isNetwork = error.status === "network";
  return h("div", { class: "failure", role: "alert" }, icon("warning"), h("div", {}, h("strong", {}, isNetwork ? t("error.network") : t("error.title")),
    h("p", {}, isNetwork ? t("error.networkText") : error.message || String(error)), error.hint ? h("p", { class: "soft" }, error.hint) : null),
  again === undefined ? null : h("button", { type: "button", onclick: again }, t("error.again")));
}

/** A place that fills itself. */
export function loaded(load, lines = 4) {
  const place = h("div", { class: "loaded" });
  fill(place, load, { skeleton: () => skeleton(lines), failure });
  place.again = (next = load) => fill(place, next, { skeleton: () => skeleton(lines), failure });
  return place;
}

/** The audience that a view is about, with its count, and ways to take another. */
export function audienceBar(context, schema, onChange) {
  const text = audience();
  const count = h("span", { class: "bar-count" });
  rpc("audience.count", { where: whereOf(text) }, context.signal).then((answer) => replace(count, h("b", {}, number(answer.count)), ` ${t("people")} `, h("span", { class: "soft" }, percent(answer.total === 0 ? 0 : answer.count / answer.total))), () => {});
  const choose = pickerButton({
    label: t("bar.choose"), text: () => "", placeholder: t("bar.choose"),
    groups: [{ label: "", options: [{ value: "", label: t("audience.everybody") }] }, { label: t("add.segments"), options: schema.segments.map((name) => ({ value: name, label: name })) }].filter((group) => group.options.length > 0),
    onPick: (name) => { setAudience(name === "" ? "" : `in_segment('${name.replaceAll("'", "''")}')`); onChange(); },
  });
  return h("div", { class: "audience-bar" }, h("div", { class: "bar-what" }, icon("people"), h("span", { class: "sr-only" }, t("bar.about")), expressionView(text)), count,
    h("div", { class: "row" }, choose, h("a", { class: "button", href: linkTo(["audience"]) }, t("bar.edit"))));
}

/** Horizontal bars in a table: the name, the bar, its number. rows: [{label, value, share, text, note, onclick}] */
export function barTable(heads, rows, { caption }) {
  const most = Math.max(1e-9, ...rows.map((row) => row.value));
  return h("div", { class: "table-wrap", role: "region", tabindex: "0", "aria-label": caption }, h("table", { class: "table bars" }, h("caption", { class: "sr-only" }, caption),
    h("thead", {}, h("tr", {}, heads.map((head, index) => h("th", { scope: "col", class: index === 0 ? "" : "num" }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" },
      row.onclick ? h("button", { type: "button", class: "link", onclick: row.onclick }, row.label) : row.label,
      h("span", { class: "bar", "aria-hidden": "true" }, h("i", { style: { width: `${(100 * row.value) / most}%` } }))),
    row.cells.map((cell) => h("td", { class: "num" }, cell)))))));
}

export function stat(label, value, note = null) {
  return h("div", { class: "stat" }, h("dt", {}, label), h("dd", {}, value, note ? h("small", {}, note) : null));
}

export function tookNote(us) {
  return h("span", { class: "soft took" }, t("took", { time: microseconds(us) }));
}

/** Ask before what cannot be undone; resolves to what was typed, true, or null. */
export function ask({ title, text, input = null, action, danger = false, extra = [] }) {
  return new Promise((resolve) => {
    const field = input === null ? null : h("input", { type: input.type ?? "text", value: input.value ?? "", required: true, maxlength: "64", autocomplete: "off", "aria-label": input.label });
    let answer = null;
    const dialog = h("dialog", { "aria-label": title, onclose: () => { dialog.remove(); resolve(answer); } },
      h("form", { method: "dialog", onsubmit: () => { answer = field === null ? true : field.value.trim(); } }, h("h2", {}, title), text ? h("p", {}, text) : null,
        field === null ? null : h("label", { class: "field" }, h("span", {}, input.label), field), extra,
        h("div", { class: "row" }, h("button", { type: "button", onclick: () => dialog.close() }, t("cancel")), h("button", { type: "submit", class: danger ? "danger" : "primary" }, action))));
    document.body.append(dialog);
    dialog.showModal();
    field?.select();
  });
}

export function openAudience(text) {
  goTo(["audience"], { q: text });
}
