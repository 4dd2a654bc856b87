// charts.js -- drawings by ECharts, each with the same numbers as a table beside it.
//
// The library is fetched when the first drawing is made, so that the page itself is there at once. Where it is not
// installed, the tables stand alone and nothing is lost. Tooltips are elements made from text, never markup.
import { h, icon, replace } from "./dom.js";
import { t } from "./texts.js";

let loading = null;
function library() {
  loading ??= import("/vendor/echarts.esm.min.mjs").catch(() => null);
  return loading;
}

export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The colours of the page, as they are now, for a drawing. */
export function palette() {
  return {
    series: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => token(`--series-${number}`)),
    text: token("--text"), soft: token("--text-soft"), line: token("--line"), surface: token("--surface"),
    accent: token("--accent"), good: token("--good"), bad: token("--bad"), low: token("--heat-0"), high: token("--heat-1"),
  };
}

const live = new Set();

function drawing(engine, place, makeOption) {
  const chart = engine.init(place, null, { renderer: "canvas" });
  const draw = () => {
    const colours = palette();
    chart.setOption({
      color: colours.series, animationDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 250,
      textStyle: { fontFamily: token("--font"), color: colours.text }, aria: { enabled: true, label: { enabled: false } },
      ...makeOption(colours),
    }, true);
  };
  draw();
  const observer = new ResizeObserver(() => chart.resize());
  observer.observe(place);
  const one = {
    draw, chart,
    close() {
      observer.disconnect();
      chart.dispose();
      live.delete(one);
    },
  };
  live.add(one);
  return one;
}

/** After the theme changed. */
export function redrawAll() {
  for (const one of live) one.draw();
}

/** Drawings whose place has left the page take their memory with them. */
export function sweepCharts() {
  for (const one of live) if (!one.chart.getDom().isConnected) one.close();
}

/** What a tooltip shows: a title and lines of name and value. */
export function tip(title, lines) {
  return h("div", { class: "tip" }, h("strong", {}, title),
    lines.map(([name, value]) => h("div", {}, h("span", {}, name), h("b", {}, value))));
}

export function tooltip(colours, more = {}) {
  return { backgroundColor: colours.surface, borderColor: colours.line, textStyle: { color: colours.text }, confine: true, ...more };
}

export function axis(colours, more = {}) {
  return {
    axisLine: { lineStyle: { color: colours.line } }, axisTick: { show: false }, axisLabel: { color: colours.soft, hideOverlap: true, alignMinLabel: "left", alignMaxLabel: "right" },
    splitLine: { lineStyle: { color: colours.line } }, nameTextStyle: { color: colours.soft }, ...more,
  };
}

/** A table of plain cells; `heads` and `rows` are arrays of texts or elements. */
export function table(heads, rows, { caption = "", numeric = [], className = "" } = {}) {
  return h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: ["table", className] }, caption === "" ? null : h("caption", { class: "sr-only" }, caption),
      h("thead", {}, h("tr", {}, heads.map((head, index) => h("th", { scope: "col", class: numeric.includes(index) ? "num" : "" }, head)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, index) => h(index === 0 ? "th" : "td",
        { scope: index === 0 ? "row" : null, class: numeric.includes(index) ? "num" : "" }, cell)))))));
}

/**
 * A figure: the drawing, and a switch to its table. `option` makes ECharts' options from the colours; `update(option)` of
 * the answer's handle draws anew. onclick gets ECharts' event.
 */
export function figure({ title, option, tableOf, height = 280, onclick = null, tools = null }) {
  const canvas = h("div", { class: "canvas", role: "img", "aria-label": title, style: { height: `${height}px` } });
  const tablePlace = h("div", { hidden: true });
  let drawn = null;
  let showsTable = false;
  const show = (wantsTable) => {
    showsTable = wantsTable;
    canvas.hidden = wantsTable;
    tablePlace.hidden = !wantsTable;
    button.setAttribute("aria-pressed", String(wantsTable));
    if (wantsTable) replace(tablePlace, tableOf());
  };
  const button = h("button", { type: "button", class: "quiet small", "aria-pressed": "false", onclick: () => show(!showsTable) }, icon("table"), t("chart.table"));
  let current = option;
  library().then((engine) => {
    if (engine === null) {
      show(true);
      button.hidden = true;
      return;
    }
    if (!element.isConnected) return;
    drawn = drawing(engine, canvas, (colours) => current(colours));
    if (onclick !== null) drawn.chart.on("click", onclick);
  });
  const element = h("figure", { class: "figure" }, h("figcaption", {}, h("span", {}, title), h("div", { class: "row" }, tools, button)), canvas, tablePlace);
  element.update = (next) => {
    current = next;
    drawn?.draw();
    if (showsTable) replace(tablePlace, tableOf());
  };
  return element;
}

/** A cell's colour between the two ends of the heat scale; the text on it stays readable. */
export function heat(share) {
  const percent = Math.round(Math.max(0, Math.min(1, share)) * 100);
  return { "--heat": `${percent}%` };
}
