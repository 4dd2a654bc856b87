// state.js -- where the reader is: the view and the audience, both in the address, so that a link brings somebody else there.
const KEY = "shoal.audience";

function parse() {
  const hash = location.hash.replace(/^#\/?/, "");
  const [path, query = ""] = hash.split("?");
  return { path: path.split("/").filter((part) => part !== "").map(decodeURIComponent), query: new URLSearchParams(query) };
}

/** {path: ["insight", "rfm"], query: URLSearchParams} */
export function route() {
  return parse();
}

/** The audience that all views talk about; "" is everybody. */
export function audience() {
  return parse().query.get("q") ?? sessionStorage.getItem(KEY) ?? "";
}

export function setAudience(text) {
  sessionStorage.setItem(KEY, text);
  const { path, query } = parse();
  if (text === "") query.delete("q");
  else query.set("q", text);
  history.replaceState(null, "", address(path, query));
}

export function address(path, query = new URLSearchParams()) {
  const text = query.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text === "" ? "" : `?${text}`}`;
}

/** A link to a view with the audience in it. */
export function linkTo(path, values = {}) {
  const query = new URLSearchParams();
  const where = values.q ?? audience();
  if (where !== "") query.set("q", where);
  for (const [name, value] of Object.entries(values)) if (name !== "q") query.set(name, value);
  return address(path, query);
}

export function setQuery(name, value) {
  const { path, query } = parse();
  if (value === "") query.delete(name);
  else query.set(name, value);
  history.replaceState(null, "", address(path, query));
}

export function goTo(path, values = {}) {
  if (values.q !== undefined) sessionStorage.setItem(KEY, values.q);
  const target = linkTo(path, values);
  if (location.hash === target) dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = target;
}

/** Two expressions as one. */
export function both(left, right) {
  const needs = (text) => (/\bor\b/i.test(text) ? `(${text})` : text);
  if (left.trim() === "" || left.trim() === "true") return right;
  return `${needs(left)} and ${needs(right)}`;
}

/** What a question takes as `where`. */
export function whereOf(text) {
  return text.trim() === "" ? "true" : text;
}
