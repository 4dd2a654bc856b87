// insight.js -- what an audience is like: one bar that names the audience, and seven looks at it.
import { h, replace } from "../part/dom.js";
import { audienceBar, pageHead } from "../part/pieces.js";
import { linkTo } from "../part/state.js";
import { t } from "../part/texts.js";

const LOOKS = [
  { name: "profile", load: () => import("./insight_profile.js") },
  { name: "cross", load: () => import("./insight_cross.js") },
  { name: "rfm", load: () => import("./insight_rfm.js") },
  { name: "funnel", load: () => import("./insight_funnel.js") },
  { name: "retention", load: () => import("./insight_retention.js") },
  { name: "overlap", load: () => import("./insight_overlap.js") },
  { name: "trend", load: () => import("./insight_trend.js") },
];

export function render(context) {
  const look = LOOKS.find((one) => one.name === context.path[0]) ?? LOOKS[0];
  const place = h("div", { class: "look" });
  const bar = h("div", {});
  const begin = () => {
    replace(bar, audienceBar(context, context.schema, begin));
    look.load().then(({ renderLook }) => {
      if (!context.signal.aborted) replace(place, renderLook(context));
    });
  };
  begin();
  return [
    pageHead(t("insight.title"), t(`insight.${look.name}.lead`)),
    bar,
    h("nav", { class: "tabs", "aria-label": t("insight.looks") }, LOOKS.map((one) => h("a", { href: linkTo(["insight", one.name]), "aria-current": one === look ? "page" : null }, t(`insight.${one.name}`)))),
    place,
  ];
}

