// segments.js -- saved audiences: how many are in each now, what each meant before, and where it is used.
import { rpc } from "../part/api.js";
import { h, icon, replace, toast } from "../part/dom.js";
import { expressionView } from "../part/editor.js";
import { ago, number, percent, time } from "../part/format.js";
import { ask, emptyState, loaded, openAudience, pageHead } from "../part/pieces.js";
import { forgetSchema } from "../part/schema.js";
import { linkTo } from "../part/state.js";
import { t } from "../part/texts.js";
import { clausesOf } from "../model/clauses.js";
import { printText } from "../model/expression_print.js";

export function render(context) {
  const search = h("input", { type: "search", placeholder: t("segments.search"), "aria-label": t("segments.search"), oninput: () => filter() });
  const place = loaded(async () => {
    const [answer, people] = await Promise.all([rpc("segment.list", {}, context.signal), rpc("audience.count", { where: "true" }, context.signal)]);
    if (answer.segments.length === 0) return emptyState(t("segments.none"), t("segments.noneText"), h("a", { class: "button primary", href: "#/audience" }, t("segments.make")));
    return h("ul", { class: "segment-list" }, answer.segments.map((segment) => row(context, segment, people.count, () => place.again())));
  }, 8);
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    for (const item of place.querySelectorAll(".segment")) item.hidden = !item.dataset.text.includes(wanted);
  };
  return [pageHead(t("segments.title"), t("segments.lead"), search, h("a", { class: "button primary", href: linkTo(["audience"], { q: "" }) }, icon("plus"), t("segments.new"))), place];
}

function row(context, segment, total, again) {
  const details = h("div", { class: "segment-details", hidden: true });
  const toggle = h("button", { type: "button", class: "small", "aria-expanded": "false", onclick: () => {
    const opens = details.hidden;
    details.hidden = !opens;
    toggle.setAttribute("aria-expanded", String(opens));
    if (opens) replace(details, loaded(() => history(context, segment.name, again), 4));
  } }, icon("history"), t("segments.history"));
  return h("li", { class: "card segment", "data-text": `${segment.name} ${segment.note ?? ""} ${segment.where}`.toLowerCase() },
    h("div", { class: "segment-head" },
      h("div", {}, h("h2", {}, segment.name), segment.note ? h("p", {}, segment.note) : null, expressionView(segment.where)),
      h("div", { class: "segment-count" }, segment.problem ? h("span", { class: "badge bad", title: segment.problem }, t("segments.problem")) : [h("b", {}, number(segment.count)), h("span", { class: "soft" }, percent(total === 0 ? 0 : segment.count / total))])),
    h("div", { class: "row spread" }, h("span", { class: "soft", title: time(segment.changed_at) }, t("segments.version", { n: segment.version }), " · ", t("segments.changed", { ago: ago(segment.changed_at) })),
      h("div", { class: "row" },
        h("button", { type: "button", class: "small primary", onclick: () => openAudience(segment.where) }, t("segments.open")),
        h("a", { class: "button small", href: linkTo(["insight"], { q: `in_segment(${printText(segment.name)})` }) }, icon("chart"), t("audience.insight")),
        toggle, h("button", { type: "button", class: "quiet small danger", onclick: () => remove(segment.name, again) }, icon("trash"), t("segments.remove")))),
    details);
}

async function remove(name, again) {
  const sure = await ask({ title: t("segments.removeTitle", { name }), text: t("segments.removeText"), action: t("segments.remove"), danger: true });
  if (sure === null) return;
  try {
    await rpc("segment.remove", { name });
    forgetSchema();
    toast(t("segments.removed", { name }));
    again();
  } catch (error) {
    toast([error.message, error.hint].filter(Boolean).join(" — "), "bad");
  }
}

/** What changed from one text to the next, clause by clause. */
function changes(older, newer) {
  const before = clausesOf(older);
  const after = clausesOf(newer);
  const gone = before.filter((clause) => !after.includes(clause));
  const come = after.filter((clause) => !before.includes(clause));
  if (gone.length === 0 && come.length === 0) return h("p", { class: "soft" }, t("segments.sameClauses"));
  return h("ul", { class: "diff" }, gone.map((clause) => h("li", { class: "gone" }, h("span", { class: "sr-only" }, t("segments.gone")), expressionView(clause))), come.map((clause) => h("li", { class: "come" }, h("span", { class: "sr-only" }, t("segments.come")), expressionView(clause))));
}

async function history(context, name, again) {
  const segment = await rpc("segment.get", { name }, context.signal);
  const versions = [{ version: segment.version, where: segment.where, changed_at: segment.changed_at }, ...segment.earlier];
  const counts = await Promise.all(versions.map((one) => rpc("audience.count", { where: one.where }, context.signal).then((answer) => answer.count, () => null)));
  const restore = async (one) => {
    try {
      const answer = await rpc("segment.put", { name, where: one.where, if_version: segment.version });
      toast(t("segments.restored", { name, version: answer.version }));
      again();
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  return [
    segment.uses.length > 0 ? h("p", { class: "soft" }, t("segments.uses", { names: segment.uses.join(t("list.join")) })) : null,
    segment.used_by.length > 0 ? h("p", { class: "soft" }, t("segments.usedBy", { names: segment.used_by.join(t("list.join")) })) : null,
    h("ol", { class: "timeline" }, versions.map((one, index) => h("li", {},
      h("div", { class: "row spread" }, h("span", {}, h("b", {}, t("segments.version", { n: one.version })), h("span", { class: "soft" }, ` ${time(one.changed_at)} · ${t("segments.nowCount", { n: counts[index] === null ? "–" : number(counts[index]) })}`)),
        index === 0 ? h("span", { class: "badge" }, t("segments.inForce")) : h("div", { class: "row" }, h("button", { type: "button", class: "quiet small", onclick: () => openAudience(one.where) }, t("segments.open")), h("button", { type: "button", class: "small", onclick: () => restore(one) }, t("segments.restore")))),
      index + 1 < versions.length ? changes(versions[index + 1].where, one.where) : expressionView(one.where)))),
  ];
}
