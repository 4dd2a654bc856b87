// builder.js -- the side of an audience that is clicked: groups of conditions, drawn from the model and changing it.
//
// The model (model/expression_parse.js) is the only state. A change of structure draws everything anew and puts the focus
// back where it was, by the place of the control in the model (data-place); typing into a value changes the model alone.
import { h, icon, replace } from "./dom.js";
import { Fields } from "./builder_fields.js";
import { eventLabel, fieldLabel } from "./schema.js";
import { openPicker } from "./picker.js";
import { t } from "./texts.js";
import { makeEvents, makeField, makeGroup } from "../model/expression_parse.js";

export class Builder {
  constructor({ schema, root, onChange }) {
    this.schema = schema;
    this.root = root;
    this.onChange = onChange;
    this.removals = new Map();
    this.element = h("div", { class: "builder" });
    this.fields = new Fields(this);
    this.draw();
  }

  setRoot(root) {
    this.root = root;
    this.draw();
  }

  /** Of typing: the drawing is as it should be already. */
  changed() {
    this.onChange(this.root);
  }

  /** Of clicking: draw anew, and stay at the same control. */
  redraw(focus = document.activeElement?.dataset?.place) {
    this.onChange(this.root);
    this.draw();
    if (focus !== undefined) this.element.querySelector(`[data-place="${CSS.escape(focus)}"]`)?.focus();
  }

  draw() {
    replace(this.element, this.group(this.root, "r", null, null));
  }

  // ---- Groups ----

  group(group, place, parent, event) {
    const isRoot = parent === null;
    const rows = group.children.map((child, index) => this.node(child, `${place}.${index}`, group, event, index));
    const list = h("ul", { class: "conditions" }, rows);
    const isEmpty = group.children.length === 0;
    return h("div", { class: ["group", isRoot ? "root" : "", group.not ? "negated" : ""], role: "group", "aria-label": isRoot ? t("builder.conditions") : t("builder.group") },
      isEmpty && isRoot ? null : h("div", { class: "group-head" }, this.joinSwitch(group, place),
        isRoot ? null : this.notSwitch(group, place), isRoot ? null : this.removeButton(group, parent, place)),
      isEmpty && isRoot && event === null ? h("p", { class: "empty-line" }, t("builder.empty")) : list,
      this.addBar(group, place, event));
  }

  joinSwitch(group, place) {
    if (group.children.length < 2) return null;
    const choice = (join) => h("button", {
      type: "button", class: "small", "aria-pressed": String(group.join === join), "data-place": `${place}.${join}`,
      onclick: () => { group.join = join; this.redraw(); },
    }, t(`builder.${join}`));
    return h("div", { class: "segmented", role: "group", "aria-label": t("builder.join") }, choice("and"), choice("or"));
  }

  notSwitch(node, place) {
    return h("button", {
      type: "button", class: "small not", "aria-pressed": String(node.not), "data-place": `${place}.not`, title: t("builder.notHelp"),
      onclick: () => { node.not = !node.not; this.redraw(); },
    }, t("builder.not"));
  }

  removeButton(node, parent, place) {
    return h("button", {
      type: "button", class: "quiet square remove", "aria-label": t("builder.remove"), title: t("builder.remove"), "data-place": `${place}.remove`,
      onclick: () => {
        const index = parent.children.indexOf(node);
        parent.children.splice(index, 1);
        const holder = place.slice(0, place.lastIndexOf("."));
        this.redraw(parent.children.length === 0 ? `${holder}.add` : `${holder}.${Math.max(0, index - 1)}.remove`);
      },
    }, icon("close"));
  }

  addBar(group, place, event) {
    const button = h("button", {
      type: "button", class: ["add", group.children.length === 0 && event === null ? "primary" : ""], "aria-haspopup": "dialog", "aria-expanded": "false", "data-place": `${place}.add`,
      onclick: () => openPicker({ anchor: button, label: t("builder.add"), groups: event === null ? this.userChoices() : this.eventChoices(event), onPick: (value) => this.add(group, place, value) }),
    }, icon("plus"), event === null ? t("builder.add") : t("builder.addWhere"));
    const groupButton = h("button", {
      type: "button", class: "quiet", "data-place": `${place}.addGroup`, onclick: () => { group.children.push(makeGroup("or")); this.redraw(`${place}.${group.children.length - 1}.add`); },
    }, icon("group"), t("builder.addGroup"));
    return h("div", { class: "add-bar" }, button, event === null ? groupButton : null);
  }

  // ---- What can be added ----

  fieldOption(field) {
    const label = fieldLabel(field.name);
    return { value: `field:${field.name}`, label, hint: t(`type.${field.type}`), note: label === field.name ? "" : field.name };
  }

  userChoices() {
    const { schema } = this;
    return [
      { label: t("add.behaviour"), options: schema.events.map((event) => ({ value: `event:${event.name}`, label: eventLabel(event.name), note: eventLabel(event.name) === event.name ? "" : event.name, hint: t("add.event") })) },
      { label: t("add.attributes"), options: schema.userFields.map((field) => this.fieldOption(field)) },
      { label: t("add.tags"), options: schema.tagSets.map((name) => ({ value: `tags:${name}`, label: fieldLabel(name), note: fieldLabel(name) === name ? "" : name, hint: t("type.tags") })) },
      { label: t("add.scores"), options: schema.derived.map((field) => this.fieldOption(field)) },
      { label: t("add.segments"), options: schema.segments.map((name) => ({ value: `segment:${name}`, label: name, hint: t("add.segment") })) },
      { label: t("add.other"), options: [
        { value: "other:sequence", label: t("add.sequence"), note: t("add.sequenceNote") },
        { value: "other:sample", label: t("add.sample"), note: t("add.sampleNote") },
        { value: "other:text", label: t("add.text"), note: t("add.textNote") },
      ] },
    ].filter((group) => group.options.length > 0);
  }

  eventChoices(event) {
    const { schema } = this;
    return [
      { label: t("add.item"), options: [
        ...schema.itemFields.map((field) => ({ value: `item:${field.name}`, label: fieldLabel(field.name), hint: t(`type.${field.type}`), note: fieldLabel(field.name) === field.name ? "" : field.name })),
        ...schema.itemTagSets.map((name) => ({ value: `itemTags:${name}`, label: fieldLabel(name), hint: t("type.tags") })),
        { value: "item:id", label: t("add.itemId"), hint: t("type.string") },
      ] },
      { label: t("add.eventItself"), options: schema.properties(event).map((field) => ({ value: `field:${field.name}`, label: fieldLabel(field.name), hint: t(`type.${field.type}`) })) },
      { label: t("add.other"), options: [{ value: "other:text", label: t("add.text"), note: t("add.textNote") }] },
    ];
  }

  add(group, place, choice) {
    const kind = choice.slice(0, choice.indexOf(":"));
    const name = choice.slice(kind.length + 1);
    const made = {
      field: () => this.fields.fresh(makeField(name), this.schema.userField(name)),
      item: () => this.fields.fresh(makeField(name, true), name === "id" ? { type: "string" } : this.schema.itemFields.find((field) => field.name === name)),
      tags: () => ({ kind: "tags", not: false, item: false, name, has: "any", values: [] }),
      itemTags: () => ({ kind: "tags", not: false, item: true, name, has: "any", values: [] }),
      event: () => ({ ...makeEvents("did", name), window: { kind: "last", count: 30, unit: "day" } }),
      segment: () => ({ kind: "segment", not: false, name }),
      other: () => this.other(name),
    }[kind]();
    group.children.push(made);
    const at = `${place}.${group.children.length - 1}`;
    this.redraw(`${at}.value`);
  }

  other(name) {
    if (name === "sample") return { kind: "sample", not: false, percent: "10", seed: t("add.sampleSeed") };
    if (name === "text") return { kind: "text", not: false, text: "", isJoined: false };
    const names = this.schema.events.map((event) => event.name);
    const steps = ["view", "purchase"].every((one) => names.includes(one)) ? ["view", "purchase"] : names.slice(0, 2);
    return { kind: "sequence", not: false, steps: steps.map((event) => ({ event, where: null })), within: { count: 3, unit: "day" }, strict: false, reach: 0, window: { kind: "last", count: 30, unit: "day" } };
  }

  // ---- Conditions ----

  node(node, place, parent, event, index) {
    const removed = parent === this.root ? this.removals.get(index) : undefined;
    const joined = index > 0 ? h("span", { class: "joint", "aria-hidden": "true" }, t(`builder.joint.${parent.join}`)) : null;
    if (node.kind === "group") return h("li", { class: "condition nested" }, joined, this.group(node, place, parent, event));
    const parts = this.fields.leaf(node, place, event);
    return h("li", { class: ["condition", node.kind, node.not ? "negated" : ""] }, joined,
      h("div", { class: "leaf" }, node.kind === "events" && node.measure === "did" ? null : this.notSwitch(node, place), parts),
      h("div", { class: "leaf-end" }, removed ?? null, this.removeButton(node, parent, place)),
      (node.notes ?? []).map((note) => h("p", { class: "note" }, note)));
  }
}

