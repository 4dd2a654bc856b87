// list.js -- a page of the people found, with columns of one's choice, and all of them as a CSV file.
import { Latest, isAborted, rpc } from "./api.js";
import { csvHead, csvRow } from "../model/csv.js";
import { h, icon, replace, toast } from "./dom.js";
import { cell, number } from "./format.js";
import { openPicker } from "./picker.js";
import { failure, skeleton } from "./pieces.js";
import { fieldLabel, valueLabel } from "./schema.js";
import { linkTo } from "./state.js";
import { t } from "./texts.js";

const PAGE = 25;
const EXPORT_PAGE = 20000;
const COLUMNS = "shoal.columns";

export class List {
  constructor({ schema, signal }) {
    this.schema = schema;
    this.signal = signal;
    this.asking = new Latest(signal);
    this.where = "true";
    this.fields = this.keptFields();
    this.order = "";
    this.desc = false;
    this.pages = [];
    this.at = 0;
    this.place = h("div", { class: "list-place" });
    this.foot = h("div", { class: "row spread list-foot" });
    this.element = h("section", { class: "card list" },
      h("div", { class: "card-head" }, h("h2", {}, t("list.title")), this.columnsButton()), this.place, this.foot);
  }

  keptFields() {
    let kept = null;
    try {
      kept = JSON.parse(localStorage.getItem(COLUMNS));
    } catch {
      kept = null;
    }
    const known = Array.isArray(kept) ? kept.filter((name) => this.schema.userField(name) !== undefined) : [];
    if (known.length > 0) return known;
    const own = this.schema.userFields.filter((field) => field.type !== "time").slice(0, 4).map((field) => field.name);
    return [...own, ...this.schema.tagSets.slice(0, 1), ...(this.schema.hasRfm ? ["lifecycle", "value.amount"] : [])];
  }

  columnsButton() {
    const { schema } = this;
    const option = (field) => ({ value: field.name, label: fieldLabel(field.name), hint: t(`type.${field.type}`) });
    const button = h("button", {
      type: "button", class: "quiet small", "aria-haspopup": "dialog", "aria-expanded": "false",
      onclick: () => openPicker({
        anchor: button, label: t("list.columns"), multiple: true, selected: this.fields,
        groups: [{ label: t("add.attributes"), options: [...schema.userFields, ...schema.tagSets.map((name) => ({ name, type: "tags" }))].map(option) }, { label: t("add.scores"), options: schema.derived.map(option) }].filter((group) => group.options.length > 0),
        onPick: (fields) => {
          this.fields = fields;
          localStorage.setItem(COLUMNS, JSON.stringify(fields));
          this.show(this.where);
        },
      }),
    }, icon("columns"), t("list.columns"));
    return button;
  }

  question(limit) {
    return { where: this.where, limit, fields: this.fields, keep: true, ...(this.order === "" ? {} : { order: this.order, desc: this.desc }) };
  }

  /** The first page of these people. */
  async show(where) {
    this.where = where;
    this.pages = [];
    this.at = 0;
    await this.fetch(this.question(PAGE));
  }

  async fetch(question) {
    this.place.setAttribute("aria-busy", "true");
    if (this.place.childElementCount === 0) replace(this.place, skeleton(8));
    try {
      const answer = await this.asking.ask("audience.list", question);
      this.pages.push({ rows: answer.rows, cursor: answer.cursor });
      this.at = this.pages.length - 1;
      if (answer.count !== undefined) this.count = answer.count;
      this.draw();
    } catch (error) {
      if (isAborted(error)) return;
      const isAboutText = ["syntax", "name", "type", "overflow", "argument"].includes(error.status);
      replace(this.foot);
      replace(this.place, isAboutText ? h("p", { class: "soft" }, t("list.waiting")) : failure(error, () => this.show(this.where)));
    } finally {
      this.place.removeAttribute("aria-busy");
    }
  }

  sortBy(name) {
    if (this.order === name && this.desc) this.order = "";
    else if (this.order === name) this.desc = true;
    else {
      this.order = name;
      this.desc = false;
    }
    this.show(this.where);
  }

  head(name, label) {
    const isOrder = this.order === name;
    const isTags = this.schema.tagSets.includes(name);
    const numeric = ["int", "decimal"].includes(this.schema.userField(name)?.type);
    const inside = isTags ? label : h("button", { type: "button", class: "link", onclick: () => this.sortBy(name) }, label, h("span", { class: "sort", "aria-hidden": "true" }, isOrder ? (this.desc ? "↓" : "↑") : ""));
    return h("th", { scope: "col", class: numeric ? "num" : "", "aria-sort": isOrder ? (this.desc ? "descending" : "ascending") : null }, inside);
  }

  draw() {
    const page = this.pages[this.at];
    if (page.rows.length === 0) {
      replace(this.foot);
      replace(this.place, h("div", { class: "empty" }, icon("fish"), h("h3", {}, t("list.nobody")), h("p", {}, t("list.nobodyText"))));
      return;
    }
    const types = this.fields.map((name) => this.schema.userField(name)?.type);
    const value = (one, index) => {
      if (types[index] === "tags") return h("span", { class: "chips" }, (one ?? []).slice(0, 6).map((tag) => h("span", { class: "chip" }, tag)));
      return types[index] === "enum" || types[index] === "bool" ? (one === null ? "–" : valueLabel(this.fields[index], one)) : cell(one, types[index]);
    };
    replace(this.place, h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": t("list.title") }, h("table", { class: "table people" },
      h("thead", {}, h("tr", {}, this.head("id", t("list.id")), this.fields.map((name) => this.head(name, fieldLabel(name))))),
      h("tbody", {}, page.rows.map((row) => h("tr", {}, h("th", { scope: "row" }, h("a", { href: linkTo(["user", row[0]]) }, row[0])),
        row.slice(1).map((one, index) => h("td", { class: ["int", "decimal"].includes(types[index]) ? "num" : "" }, value(one, index)))))))));
    const first = this.at * PAGE + 1;
    replace(this.foot, h("span", { class: "soft" }, t("list.range", { first: number(first), last: number(first + page.rows.length - 1), count: number(this.count) })),
      h("div", { class: "row" },
        h("button", { type: "button", class: "small", disabled: this.at === 0, onclick: () => { this.at -= 1; this.draw(); } }, icon("left"), t("list.previous")),
        h("button", { type: "button", class: "small", disabled: page.cursor === undefined && this.at === this.pages.length - 1, onclick: () => this.next() }, t("list.next"), icon("right"))));
  }

  next() {
    if (this.at < this.pages.length - 1) {
      this.at += 1;
      this.draw();
    } else {
      this.fetch({ cursor: this.pages[this.at].cursor, limit: PAGE });
    }
  }

  // ---- Export ----

  exportButton() {
    const button = h("button", { type: "button", onclick: () => this.export(button) }, icon("download"), t("export.action"));
    return button;
  }

  /** Page by page, from one frozen audience; a second click gives it up. */
  async export(button) {
    if (this.exporting) {
      this.exporting.abort();
      return;
    }
    const controller = new AbortController();
    this.exporting = controller;
    const types = [...this.fields.map((name) => this.schema.userField(name)?.type)];
    const parts = [csvHead(["id", ...this.fields])];
    let done = 0;
    try {
      let answer = await rpc("audience.list", this.question(EXPORT_PAGE), controller.signal);
      const total = answer.count;
      for (;;) {
        parts.push(answer.rows.map((row) => csvRow(row, ["string", ...types], this.schema.zone)).join(""));
        done += answer.rows.length;
        replace(button, icon("close"), t("export.progress", { done: number(done), total: number(total) }));
        if (answer.cursor === undefined) break;
        answer = await rpc("audience.list", { cursor: answer.cursor, limit: EXPORT_PAGE }, controller.signal);
      }
      this.saveFile(new Blob(parts, { type: "text/csv;charset=utf-8" }));
      toast(t("export.done", { n: number(done) }));
    } catch (error) {
      if (!isAborted(error)) toast(error.message || t("error.network"), "bad");
    } finally {
      this.exporting = null;
      replace(button, icon("download"), t("export.action"));
    }
  }

  saveFile(blob) {
    const url = URL.createObjectURL(blob);
    const link = h("a", { href: url, download: `${t("export.file")}-${new Date().toISOString().slice(0, 10)}.csv` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}
