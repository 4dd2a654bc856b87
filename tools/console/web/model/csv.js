// csv.js -- rows as RFC 4180 writes them, safe to open in a spreadsheet.
//
// The file begins with a byte order mark, by which spreadsheets know UTF-8. A text that a spreadsheet would take for a
// formula (= + - @, tab) gets an apostrophe in front: names come from strangers.

const FORMULA = /^[=+\-@\t\r]/;

function quoted(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function instant(milliseconds, zone) {
  const parts = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" })
    .formatToParts(milliseconds);
  const part = (type) => parts.find((one) => one.type === type).value;
  return `${part("year")}-${part("month")}-${part("day")} ${part("hour")}:${part("minute")}:${part("second")}`;
}

export function csvCell(value, type, zone) {
  if (value === null || value === undefined) return "";
  if (type === "time" && typeof value === "number") return instant(value, zone);
  if (typeof value === "number" || typeof value === "boolean" || type === "decimal" || type === "int") return String(value);
  const text = Array.isArray(value) ? value.join("|") : String(value);
  return quoted(FORMULA.test(text) ? `'${text}` : text);
}

export function csvRow(row, types, zone) {
  return `${row.map((value, index) => csvCell(value, types[index], zone)).join(",")}\r\n`;
}

export function csvHead(names) {
  return `\uFEFF${names.map((name) => quoted(FORMULA.test(name) ? `'${name}` : name)).join(",")}\r\n`;
}
