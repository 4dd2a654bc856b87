// picker.js -- a list to choose from, with a search line: one of them, or several with check marks.
//
// Keys: type to search, arrows to move, Enter to choose, Escape to close and return to the button. The list is a listbox
// that the search line controls, so screen readers say what is under the cursor. Long lists show the first hundred.
import { freshId, h, icon, replace } from "./dom.js";
import { t } from "./texts.js";

const SHOWN_MAX = 100;
let open = null;

export function closePicker() {
  open?.close();
}

/** groups: [{label, options: [{value, label, hint, note}]}], or a function that promises them. */
export function openPicker({ anchor, label, groups, multiple = false, selected = [], allowNew = null, onPick }) {
  closePicker();
  const picker = new Picker({ anchor, label, multiple, selected: new Set(selected), allowNew, onPick });
  open = picker;
  picker.start(groups);
  return picker;
}

class Picker {
  constructor(given) {
    Object.assign(this, given);
    this.groups = [];
    this.shown = [];
    this.index = 0;
    this.listId = freshId("list");
    this.input = h("input", {
      type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": this.listId, "aria-autocomplete": "list", "aria-label": this.label,
      placeholder: this.allowNew === null ? t("picker.search") : t("picker.searchOrNew"), autocomplete: "off", spellcheck: "false",
      oninput: () => this.draw(), onkeydown: (event) => this.key(event),
    });
    this.list = h("div", { class: "picker-list", role: "listbox", id: this.listId, "aria-label": this.label, "aria-multiselectable": this.multiple ? "true" : null });
    this.element = h("div", { class: "picker", role: "dialog", "aria-label": this.label },
      h("div", { class: "picker-head" }, icon("search"), this.input), this.list,
      this.multiple ? h("div", { class: "picker-foot" }, h("button", { type: "button", class: "primary small", onclick: () => this.close() }, t("picker.done"))) : null);
    this.outside = (event) => {
      if (!this.element.contains(event.target) && !this.anchor.contains(event.target)) this.close(false);
    };
    this.move = () => this.place();
  }

  async start(groups) {
    document.body.append(this.element);
    this.anchor.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", this.outside, true);
    addEventListener("resize", this.move);
    addEventListener("scroll", this.move, true);
    this.place();
    this.input.focus({ preventScroll: true });
    if (typeof groups === "function") replace(this.list, h("p", { class: "empty small" }, t("loading")));
    try {
      this.groups = typeof groups === "function" ? await groups() : groups;
    } catch {
      this.groups = [];
    }
    if (open === this) this.draw();
  }

  /** Below the button, or above it where there is no room; a sheet at the bottom of a narrow window. */
  place() {
    if (innerWidth < 560) {
      this.element.classList.add("sheet");
      return;
    }
    this.element.classList.remove("sheet");
    const box = this.anchor.getBoundingClientRect();
    const width = Math.max(320, Math.min(box.width, 440));
    const height = Math.min(420, this.element.offsetHeight || 420);
    const below = innerHeight - box.bottom - 12;
    const top = below >= height || below >= box.top ? box.bottom + 6 : Math.max(8, box.top - height - 6);
    this.element.style.width = `${width}px`;
    this.element.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
    this.element.style.top = `${top}px`;
    this.element.style.maxHeight = `${Math.max(220, Math.min(420, innerHeight - top - 8))}px`;
  }

  matching() {
    const words = this.input.value.trim().toLowerCase().split(/\s+/).filter((word) => word !== "");
    const fits = (option) => words.every((word) => `${option.label} ${option.value} ${option.hint ?? ""}`.toLowerCase().includes(word));
    const groups = this.groups.map((group) => ({ ...group, options: group.options.filter(fits) })).filter((group) => group.options.length > 0);
    const typed = this.input.value.trim();
    const isKnown = this.groups.some((group) => group.options.some((option) => option.value === typed));
    if (this.allowNew !== null && typed !== "" && !isKnown)
      groups.unshift({ label: "", options: [{ value: typed, label: t("picker.use", { value: typed }), isNew: true }] });
    return groups;
  }

  draw() {
    const groups = this.matching();
    let left = SHOWN_MAX;
    this.shown = [];
    const parts = [];
    for (const group of groups) {
      if (left <= 0) break;
      const options = group.options.slice(0, left);
      left -= options.length;
      const headId = freshId("head");
      parts.push(h("div", { role: "group", "aria-labelledby": group.label ? headId : null },
        group.label ? h("div", { class: "picker-group", id: headId }, group.label) : null, options.map((option) => this.option(option))));
    }
    const total = groups.reduce((sum, group) => sum + group.options.length, 0);
    if (total === 0) parts.push(h("p", { class: "empty small" }, t("picker.nothing")));
    if (total > SHOWN_MAX) parts.push(h("p", { class: "empty small" }, t("picker.more", { n: total - SHOWN_MAX })));
    replace(this.list, parts);
    this.index = Math.min(this.index, Math.max(0, this.shown.length - 1));
    if (this.input.value !== "") this.index = 0;
    this.mark();
    this.place();
  }

  option(option) {
    const index = this.shown.length;
    const isChosen = this.selected.has(option.value);
    const element = h("div", {
      class: "picker-option", role: "option", id: freshId("option"), "aria-selected": String(isChosen),
      // The focus stays in the search line.
      onpointerdown: (event) => event.preventDefault(), onclick: () => this.choose(index), onpointermove: () => this.at(index),
    }, this.multiple ? h("span", { class: "tick" }, isChosen ? icon("check") : null) : null,
    h("span", { class: "picker-label" }, option.label, option.note ? h("small", {}, option.note) : null),
    option.hint ? h("span", { class: "picker-hint" }, option.hint) : null);
    this.shown.push({ option, element });
    return element;
  }

  at(index) {
    if (this.index === index) return;
    this.index = index;
    this.mark(false);
  }

  mark(scrolls = true) {
    this.shown.forEach(({ element }, index) => element.classList.toggle("current", index === this.index));
    const current = this.shown[this.index];
    if (current === undefined) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    this.input.setAttribute("aria-activedescendant", current.element.id);
    if (scrolls) current.element.scrollIntoView({ block: "nearest" });
  }

  choose(index) {
    const chosen = this.shown[index]?.option;
    if (chosen === undefined) return;
    if (!this.multiple) {
      this.close();
      this.onPick(chosen.value, chosen);
      return;
    }
    if (this.selected.has(chosen.value)) this.selected.delete(chosen.value);
    else this.selected.add(chosen.value);
    if (chosen.isNew) {
      this.groups = [{ label: "", options: [{ value: chosen.value, label: chosen.value }] }, ...this.groups];
      this.input.value = "";
    }
    const kept = this.index;
    this.onPick([...this.selected]);
    this.draw();
    this.index = Math.min(kept, this.shown.length - 1);
    this.mark();
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      this.index = Math.max(0, Math.min(this.shown.length - 1, this.index + step));
      this.mark();
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      this.choose(this.index);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
    } else if (event.key === "Tab") {
      this.close();
    } else if (event.key === "Backspace" && this.multiple && this.input.value === "" && this.selected.size > 0) {
      this.selected.delete([...this.selected].at(-1));
      this.onPick([...this.selected]);
      this.draw();
    }
  }

  close(returnsFocus = true) {
    if (open !== this) return;
    open = null;
    this.element.remove();
    document.removeEventListener("pointerdown", this.outside, true);
    removeEventListener("resize", this.move);
    removeEventListener("scroll", this.move, true);
    this.anchor.setAttribute("aria-expanded", "false");
    if (returnsFocus && this.anchor.isConnected) this.anchor.focus();
  }
}

/** A button that opens a picker; `text()` says what is chosen. */
export function pickerButton({ label, text, placeholder = "", ...rest }) {
  const shown = text();
  const button = h("button", {
    type: "button", class: ["pick", shown === "" ? "unset" : ""], "aria-haspopup": "dialog", "aria-expanded": "false", "aria-label": `${label}${shown === "" ? "" : `: ${shown}`}`, title: shown,
    onclick: () => (button.getAttribute("aria-expanded") === "true" ? closePicker() : openPicker({ anchor: button, label, ...rest })),
  }, h("span", {}, shown === "" ? placeholder : shown), icon("down"));
  return button;
}
