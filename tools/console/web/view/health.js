// health.js -- how the server is: what it keeps, how busy it is, and how long its answers take, while one looks.
import { rpc } from "../part/api.js";
import { axis, figure, table, tip, tooltip } from "../part/charts.js";
import { h, icon, replace } from "../part/dom.js";
import { bytes, clockSeconds, duration, microseconds, number, percent } from "../part/format.js";
import { card, failure, pageHead, skeleton, stat } from "../part/pieces.js";
import { known, t } from "../part/texts.js";
import { between, quantile } from "../model/latency.js";

const EVERY_MS = 2000;
const KEPT = 150; // five minutes
const LINES = 5;
const SHARES = { p50_us: 0.5, p99_us: 0.99, p999_us: 0.999 };

export function render(context) {
  const view = new HealthView(context);
  view.begin();
  return view.element;
}

class HealthView {
  constructor(context) {
    this.context = context;
    this.samples = [];
    this.what = "p99_us";
    this.head = h("div", { class: "loaded" }, skeleton(3));
    this.charts = h("div", {});
    this.methods = h("div", {});
    this.state = h("span", { class: "badge good", role: "status" });
    this.element = [pageHead(t("health.title"), t("health.lead"), this.state), this.head, this.charts, this.methods];
  }

  begin() {
    const turn = async () => {
      if (this.context.signal.aborted) return;
      if (!document.hidden) await this.sample();
      setTimeout(turn, EVERY_MS);
    };
    turn();
  }

  async sample() {
    try {
      const begin = performance.now();
      const answer = await rpc("stats", { sections: ["server", "latencies"] }, this.context.signal);
      this.samples.push({ at: Date.now(), server: { ...answer.server, methods: answer.latencies }, workspace: answer.workspace, trip_us: (performance.now() - begin) * 1000 });
      if (this.samples.length > KEPT) this.samples.shift();
      replace(this.state, icon("check"), t("health.answers"));
      this.state.className = "badge good";
      this.draw();
    } catch (error) {
      if (this.context.signal.aborted) return;
      replace(this.state, icon("warning"), t("health.silent"));
      this.state.className = "badge bad";
      if (this.samples.length === 0) replace(this.head, failure(error));
    }
  }

  rate(index) {
    if (index < 1) return null;
    const total = (sample) => Object.values(sample.server.methods).reduce((sum, method) => sum + method.requests, 0);
    const [before, now] = [this.samples[index - 1], this.samples[index]];
    return (1000 * (total(now) - total(before))) / Math.max(1, now.at - before.at);
  }

  draw() {
    const { server, workspace, trip_us } = this.samples.at(-1);
    const rate = this.rate(this.samples.length - 1);
    replace(this.head, h("dl", { class: "stats" },
      stat(t("health.users"), number(workspace.users)), stat(t("health.events"), number(workspace.events)), stat(t("health.items"), number(workspace.items)),
      stat(t("health.rate"), rate === null ? "–" : number(rate, 1), t("health.perSecond")), stat(t("health.trip"), microseconds(trip_us)),
      stat(t("health.connections"), number(server.connections)), stat(t("health.uptime"), duration(server.uptime_ms / 1000)), stat(t("health.version"), server.version, t("health.shards", { n: server.shards, io: server.io }))));
    if (this.latency === undefined) this.drawCharts();
    else {
      this.latency.update(this.latencyOption());
      this.load.update(this.loadOption());
    }
    replace(this.memory, this.memoryBars(workspace.memory));
    this.drawMethods(server.methods);
  }

  drawCharts() {
    const tools = h("div", { class: "segmented", role: "group", "aria-label": t("health.latency") }, ["p50_us", "p99_us", "p999_us"].map((what) => this.choice(what)));
    this.latency = figure({ title: t("health.latency"), tools, option: this.latencyOption(), height: 260, tableOf: () => this.methodTable(this.samples.at(-1).server.methods) });
    this.load = figure({ title: t("health.load"), option: this.loadOption(), height: 260, tableOf: () => table([t("health.time"), t("health.perSecond")], this.samples.slice(1).map((sample, index) => [clockSeconds(sample.at), number(this.rate(index + 1), 1)]).slice(-30), { caption: t("health.load"), numeric: [1] }) });
    this.memory = h("div", {});
    replace(this.charts, h("div", { class: "health-grid" }, card(null, this.latency), card(null, this.load), h("section", { class: "card" }, h("h2", {}, t("health.memory")), this.memory)));
  }

  choice(what) {
    return h("button", { type: "button", class: "small", "aria-pressed": String(this.what === what), onclick: (event) => {
      this.what = what;
      for (const other of event.currentTarget.parentElement.children) other.setAttribute("aria-pressed", String(other === event.currentTarget));
      this.latency.update(this.latencyOption());
    } }, t(`health.${what}`));
  }

  /** The methods that are asked most while this page looks. */
  busiest() {
    const first = this.samples[0].server.methods;
    const asked = (name, method) => method.requests - (first[name]?.requests ?? 0);
    return Object.entries(this.samples.at(-1).server.methods).sort((a, b) => asked(...b) - asked(...a) || b[1].requests - a[1].requests).slice(0, LINES).map(([name]) => name);
  }

  /** How long a method took between two looks: no older answer hides what is slow now. null: nobody asked it. */
  took(name, index) {
    if (index < 1) return null;
    const [before, now] = [this.samples[index - 1].server.methods[name], this.samples[index].server.methods[name]];
    return now === undefined ? null : quantile(between(before?.took_us, now.took_us), SHARES[this.what]);
  }

  latencyOption() {
    const names = this.busiest();
    const times = this.samples.map((sample) => clockSeconds(sample.at));
    return (colours) => ({
      animation: false, grid: { left: 8, right: 16, top: 56, bottom: 8, containLabel: true }, legend: { type: "scroll", top: 8, left: 0, textStyle: { color: colours.soft }, pageTextStyle: { color: colours.soft }, itemWidth: 16, itemHeight: 8 },
      tooltip: tooltip(colours, { trigger: "axis", formatter: (points) => tip(times[points[0].dataIndex], points.map((point) => [point.seriesName, microseconds(point.value)])) }),
      xAxis: { type: "category", boundaryGap: false, data: times, ...axis(colours), splitLine: { show: false } },
      yAxis: { type: "log", ...axis(colours), axisLabel: { color: colours.soft, formatter: (value) => microseconds(value) } },
      series: names.map((name) => ({ name, type: "line", showSymbol: this.samples.length < 20, symbolSize: 5, connectNulls: true, data: this.samples.map((_, index) => this.took(name, index)) })),
    });
  }

  loadOption() {
    const times = this.samples.map((sample) => clockSeconds(sample.at));
    return (colours) => ({
      animation: false, grid: { left: 8, right: 16, top: 24, bottom: 8, containLabel: true },
      tooltip: tooltip(colours, { trigger: "axis", formatter: ([point]) => tip(times[point.dataIndex], [[t("health.perSecond"), number(point.value, 1)]]) }),
      xAxis: { type: "category", boundaryGap: false, data: times, ...axis(colours), splitLine: { show: false } }, yAxis: { type: "value", min: 0, minInterval: 1, ...axis(colours) },
      series: [{ type: "line", showSymbol: false, areaStyle: { opacity: 0.12 }, data: this.samples.map((_, index) => this.rate(index)) }],
    });
  }

  memoryBars(memory) {
    const parts = Object.entries(memory).filter(([name, value]) => name !== "total" && value > 0).sort((a, b) => b[1] - a[1]);
    const most = Math.max(1, ...parts.map(([, value]) => value));
    return [h("p", {}, h("b", { class: "number-2" }, bytes(memory.total))), h("ul", { class: "memory" }, parts.slice(0, 9).map(([name, value]) => h("li", {}, h("span", {}, known("memory", name)), h("span", { class: "bar", "aria-hidden": "true" }, h("i", { style: { width: `${(100 * value) / most}%` } })), h("b", {}, bytes(value)))))];
  }

  methodTable(methods) {
    const rows = Object.entries(methods).sort((a, b) => b[1].requests - a[1].requests).map(([name, one]) => [h("code", {}, name), number(one.requests), one.errors === 0 ? "0" : h("span", { class: "badge bad" }, `${number(one.errors)} · ${percent(one.errors / one.requests)}`), microseconds(one.p50_us), microseconds(one.p99_us), microseconds(one.p999_us), microseconds(one.max_us)]);
    return table([t("health.method"), t("health.requests"), t("health.errors"), "p50", "p99", "p99.9", t("health.max")], rows, { caption: t("health.methods"), numeric: [1, 2, 3, 4, 5, 6] });
  }

  drawMethods(methods) {
    if (this.methods.contains(document.activeElement)) return; // somebody is reading it
    replace(this.methods, card(t("health.methods"), h("p", { class: "soft" }, t("health.methodsNote")), this.methodTable(methods)));
  }
}
