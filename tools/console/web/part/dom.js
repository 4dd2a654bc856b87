// dom.js -- elements from calls. Text is always set as text: nothing here reads markup, so no name of a user, an item or a
// segment can become part of the page.
//
//   h("button", { class: "quiet", onclick: save, "aria-label": t("segment.save") }, icon("save"), t("segment.save"))

const SVG = "http://www.w3.org/2000/svg";

function give(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) {
    element.addEventListener(name.slice(2), value);
  } else if (name === "class") {
    element.setAttribute("class", Array.isArray(value) ? value.filter(Boolean).join(" ") : value);
  } else if (name === "style") {
    for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
  } else if (name === "value" || name === "checked" || name === "selected" || name === "indeterminate" || name === "disabled") {
    element[name] = value;
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

function append(parent, child) {
  if (Array.isArray(child)) {
    for (const one of child) append(parent, one);
  } else if (child !== null && child !== undefined && child !== false) {
    parent.append(child instanceof Node ? child : String(child));
  }
}

/** An element with attributes, listeners and children; strings become text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  // Of a select the value can only be set when its options are there.
  const { value, ...others } = attributes;
  for (const [name, one] of Object.entries(others)) give(element, name, one);
  append(element, children);
  give(element, "value", value);
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) give(element, name, value);
  append(element, children);
  return element;
}

export function replace(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
  return parent;
}

// Lines of 24 by 24, drawn for this page.
const ICONS = {
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 20c.4-3.6 3-5.5 6.500-5.500s6.100 1.900 6.500 5.500M16 4.600a3.300 3.300 0 0 1 0 6.100M18 14.900c2 .7 3.200 2.500 3.500 5.100",
  chart: "M4 4v16h16M8 16v-5M12.500 16V8M17 16v-7.500",
  layers: "M12 3.500 3.500 8 12 12.500 20.500 8 12 3.500ZM3.500 12 12 16.500l8.500-4.500M3.500 16 12 20.500l8.500-4.500",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.500 20.500c.6-4 3.500-6 7.500-6s6.900 2 7.500 6",
  feed: "M4 5h10v6H4V5ZM17 5.500h3M17 9.500h3M4 15h16M4 19h11",
  pulse: "M2.500 12.500h4l2.500-7 5 13 2.500-6h5",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  group: "M8 4H5v16h3M16 4h3v16h-3",
  save: "M5 4h11l3 3v13H5V4ZM8 4v5h7V4M8 20v-6h8v6",
  download: "M12 4v11M7.500 11 12 15.500 16.500 11M4.500 20h15",
  search: "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM15.500 15.500 20.500 20.500",
  check: "M4.500 12.500 9.500 17.500 19.500 6.500",
  down: "M6 9.500l6 6 6-6",
  right: "M9.500 6l6 6-6 6",
  left: "M14.500 6l-6 6 6 6",
  sun: "M12 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500Z",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM3 12h18M12 3c3 3.200 3 14.800 0 18M12 3c-3 3.200-3 14.800 0 18",
  key: "M14.500 13.500a4.500 4.500 0 1 0-4.200-2.800L4 17v3h3l.5-2H10v-2.500l2.200-2.200c.7.200 1.500.2 2.300.2ZM16 8h.01",
  history: "M4 5v4.500h4.500M4.300 9.500a8.200 8.200 0 1 1-.5 4M12 8v4.500l3 2",
  trash: "M5 7h14M10 4h4M7 7l.7 13h8.600L17 7M10.500 11v5.500M13.500 11v5.500",
  table: "M4 5h16v14H4V5ZM4 10h16M4 14.500h16M10 10v9",
  dice: "M5 5h14v14H5V5ZM9 9h.01M15 15h.01M12 12h.01",
  warning: "M12 4 2.800 20h18.400L12 4ZM12 10v4.500M12 17.300h.01",
  columns: "M4 5h16v14H4V5ZM9.500 5v14M14.500 5v14",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7v5.500l3.500 2",
  fish: "M3 12c2.500-4 6-6 9.500-6 3 0 5.500 1.800 7 4.200L22 8v8l-2.500-2.200C18 16.200 15.500 18 12.500 18 9 18 5.500 16 3 12ZM8 11.500h.01",
};

export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, svg("path", { d: ICONS[name] }));
}

let nextId = 0;
export function freshId(prefix = "id") {
  nextId += 1;
  return `${prefix}-${nextId}`;
}

/** Run it when nothing has asked again for so long. */
export function debounce(milliseconds, run) {
  let timer = 0;
  const later = (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...values), milliseconds);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

let polite;
/** Say it to screen readers when they have nothing better to say. */
export function announce(text) {
  polite ??= document.getElementById("announcer");
  polite.textContent = text;
}

let toastTimer = 0;
/** A short message at the bottom; errors stay longer. */
export function toast(text, kind = "good") {
  const place = document.getElementById("toasts");
  replace(place, h("p", { class: ["toast", kind], role: kind === "bad" ? "alert" : "status" }, icon(kind === "bad" ? "warning" : "check"), text));
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => place.replaceChildren(), kind === "bad" ? 8000 : 3500);
}
