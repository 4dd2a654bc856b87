// main.js -- the frame of the page: who is asked, where to go, in which language and light.
import { RpcError, storeToken, storeWorkspace, storedToken, whenDenied, workspace } from "./part/api.js";
import { redrawAll, sweepCharts } from "./part/charts.js";
import { h, icon, replace } from "./part/dom.js";
import { closePicker } from "./part/picker.js";
import { ask, emptyState, failure, skeleton } from "./part/pieces.js";
import { forgetSchema, loadSchema } from "./part/schema.js";
import { goTo, linkTo, route } from "./part/state.js";
import { LANGUAGES, language, setLanguage, t } from "./part/texts.js";

const VIEWS = [
  { name: "audience", icon: "people", load: () => import("./view/audience.js") },
  { name: "insight", icon: "chart", load: () => import("./view/insight.js") },
  { name: "segments", icon: "layers", load: () => import("./view/segments.js") },
  { name: "user", icon: "person", load: () => import("./view/user.js") },
  { name: "feed", icon: "feed", load: () => import("./view/feed.js") },
  { name: "learning", under: "feed", load: () => import("./view/learning.js") },
  { name: "health", icon: "pulse", load: () => import("./view/health.js") },
];
const THEME = "shoal.theme";

let leaving = new AbortController();
let main;

function isDark() {
  const kept = localStorage.getItem(THEME);
  return kept === null ? matchMedia("(prefers-color-scheme: dark)").matches : kept === "dark";
}

function showTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  redrawAll();
}

function turnTheme() {
  localStorage.setItem(THEME, isDark() ? "light" : "dark");
  showTheme();
  drawFrame();
}

function turnLanguage() {
  setLanguage(language() === "zh" ? "en" : "zh");
  drawFrame();
  show();
}

async function askToken() {
  const token = await ask({ title: t("token.title"), text: t("token.text"), input: { label: t("token.label"), type: "password" }, action: t("token.action") });
  if (token === null) return;
  storeToken(token);
  forgetSchema();
  show();
}

async function askWorkspace() {
  const name = await ask({ title: t("workspace.title"), text: t("workspace.text"), input: { label: t("workspace.label"), value: workspace() || "default" }, action: t("workspace.action") });
  if (name === null) return;
  storeWorkspace(name === "default" ? "" : name);
  forgetSchema();
  drawFrame();
  goTo(["audience"], { q: "" });
  show();
}

function navLink(view) {
  const here = VIEWS.find((one) => one.name === route().path[0]) ?? VIEWS[0];
  const isHere = (here.under ?? here.name) === view.name;
  return h("li", {}, h("a", { href: linkTo([view.name]), "aria-current": isHere ? "page" : null }, icon(view.icon), h("span", {}, t(`nav.${view.name}`))));
}

function drawFrame() {
  const other = language() === "zh" ? "en" : "zh";
  const bar = h("header", { class: "top" },
    h("a", { class: "brand", href: linkTo(["audience"]) }, h("img", { src: "mark.svg", alt: "", width: "28", height: "28" }), h("b", {}, "Shoal")),
    h("button", { type: "button", class: "quiet small workspace", onclick: askWorkspace, title: t("workspace.title") }, icon("layers"), h("span", {}, workspace() || "default")),
    h("nav", { "aria-label": t("nav.label") }, h("ul", {}, VIEWS.filter((view) => view.under === undefined).map(navLink))),
    h("div", { class: "tools" },
      storedToken() === "" ? null : h("button", { type: "button", class: "quiet square", "aria-label": t("token.change"), title: t("token.change"), onclick: askToken }, icon("key")),
      h("button", { type: "button", class: "quiet square", "aria-label": isDark() ? t("theme.light") : t("theme.dark"), title: isDark() ? t("theme.light") : t("theme.dark"), onclick: turnTheme }, icon(isDark() ? "sun" : "moon")),
      h("button", { type: "button", class: "quiet small", lang: LANGUAGES[other].tag, onclick: turnLanguage, "aria-label": LANGUAGES[other].name }, icon("globe"), h("span", {}, LANGUAGES[other].name))));
  const skip = h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); main.focus(); } }, t("skip"));
  const frame = document.getElementById("shell");
  main ??= h("main", { id: "main", tabindex: "-1" });
  replace(frame, skip, bar, main);
}

/** What the page says when it cannot even ask for the schema. */
function cannotBegin(error) {
  if (error instanceof RpcError && error.status === "not_found")
    return emptyState(t("start.empty"), t("start.emptyText"), h("code", { class: "block" }, "build/bin/shoal schema guess users.csv > shop.map\nbuild/bin/shoal load --map shop.map"), h("button", { type: "button", onclick: () => { forgetSchema(); show(); } }, t("error.again")));
  return failure(error, () => { forgetSchema(); show(); });
}

let shown = "";
async function show() {
  const { path } = route();
  const view = VIEWS.find((one) => one.name === path[0]) ?? VIEWS[0];
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  closePicker();
  document.title = `${t(`nav.${view.under ?? view.name}`)} · Shoal`;
  for (const link of document.querySelectorAll("header nav a")) {
    const name = /^#\/(\w+)/.exec(link.getAttribute("href"))?.[1];
    link.setAttribute("href", linkTo([name]));
    if (name === (view.under ?? view.name)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shown !== view.name) replace(main, h("div", { class: "view" }, skeleton(8)));
  try {
    const [{ render }, schema] = await Promise.all([view.load(), loadSchema()]);
    if (signal.aborted) return;
    const element = render({ schema, path: path.slice(1), signal, again: show });
    replace(main, h("div", { class: ["view", view.name] }, element));
    if (shown !== "" && shown !== view.name) {
      scrollTo(0, 0);
      main.querySelector("h1")?.focus({ preventScroll: true });
    }
    shown = view.name;
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof RpcError)) console.error(error);
    replace(main, h("div", { class: "view" }, cannotBegin(error)));
  }
  sweepCharts();
}

whenDenied(() => {
  if (document.querySelector("dialog[open]") === null) askToken();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { showTheme(); drawFrame(); });
addEventListener("hashchange", show);
showTheme();
drawFrame();
show();
