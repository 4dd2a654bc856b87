// format.js -- numbers, times and shares as people read them, in the language of the page and the zone of the workspace.
import { languageTag, t } from "./texts.js";

let zone = "UTC";
export function setZone(name) {
  zone = name;
}

const cache = new Map();
function cached(key, make) {
  const full = `${languageTag()} ${zone} ${key}`;
  if (!cache.has(full)) cache.set(full, make());
  return cache.get(full);
}

export function number(value, digits = 0) {
  if (value === null || value === undefined) return "–";
  return cached(`n${digits}`, () => new Intl.NumberFormat(languageTag(), { maximumFractionDigits: digits, minimumFractionDigits: 0 })).format(value);
}

/** Large numbers short: 12.3万, 4.5M. */
export function short(value) {
  if (value === null || value === undefined) return "–";
  return cached("short", () => new Intl.NumberFormat(languageTag(), { notation: "compact", maximumFractionDigits: 1 })).format(value);
}

/** A share of 1. Small ones keep two digits. */
export function percent(share) {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  const digits = share !== 0 && Math.abs(share) < 0.1 ? 2 : 1;
  return cached(`p${digits}`, () => new Intl.NumberFormat(languageTag(), { style: "percent", maximumFractionDigits: digits, minimumFractionDigits: digits })).format(share);
}

/** A decimal that came as text, with its own digits and separators of thousands. */
export function decimal(text) {
  if (text === null || text === undefined) return "–";
  const match = /^(-?)(\d+)(\.\d+)?$/.exec(String(text));
  if (match === null) return String(text);
  return `${match[1]}${match[2].replace(/\B(?=(\d{3})+$)/g, ",")}${match[3] ?? ""}`;
}

function zoned(key, options) {
  return cached(key, () => {
    try {
      return new Intl.DateTimeFormat(languageTag(), { ...options, timeZone: zone });
    } catch {
      return new Intl.DateTimeFormat(languageTag(), { ...options, timeZone: "UTC" });
    }
  });
}

export function time(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  return zoned("time", { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(milliseconds);
}

export function clock(milliseconds) {
  return zoned("clock", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(milliseconds);
}

export function clockSeconds(milliseconds) {
  return zoned("seconds", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(milliseconds);
}

export function day(milliseconds) {
  return zoned("day", { year: "numeric", month: "long", day: "numeric", weekday: "short" }).format(milliseconds);
}

/** "2026-11-22" of an instant, in the workspace's zone. */
export function isoDay(milliseconds) {
  return cached("iso", () => new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" })).format(milliseconds);
}

/** "3 days ago" */
export function ago(milliseconds, now = Date.now()) {
  const relative = cached("ago", () => new Intl.RelativeTimeFormat(languageTag(), { numeric: "auto" }));
  const seconds = Math.round((milliseconds - now) / 1000);
  for (const [unit, size] of [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]])
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  return relative.format(seconds, "second");
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return t("duration.seconds", { n: number(seconds) });
  if (seconds < 3600) return t("duration.minutes", { n: number(seconds / 60) });
  if (seconds < 86400) return t("duration.hours", { n: number(seconds / 3600, 1) });
  return t("duration.days", { n: number(seconds / 86400, 1) });
}

export function microseconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1000) return `${number(value)} µs`;
  if (value < 1_000_000) return `${number(value / 1000, value < 10_000 ? 2 : 1)} ms`;
  return `${number(value / 1_000_000, 2)} s`;
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])
    if (value >= size) return `${number(value / size, 1)} ${unit}`;
  return `${number(value)} B`;
}

/** A value of a row as its type is read. */
export function cell(value, type) {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) return value.join(t("list.join"));
  if (typeof value === "boolean") return value ? t("yes") : t("no");
  if (type === "time" && typeof value === "number") return time(value);
  if (type === "int" || typeof value === "number") return number(value, 4);
  return type === "decimal" ? decimal(value) : String(value);
}
