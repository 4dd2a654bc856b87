// texts.js -- the words of the page, one dictionary a language (text/chinese.js, text/english.js).
import chinese from "../text/chinese.js";
import english from "../text/english.js";

export const LANGUAGES = { zh: { name: "中文", tag: "zh-CN", words: chinese }, en: { name: "English", tag: "en", words: english } };
const KEY = "shoal.language";

function wanted() {
  const kept = localStorage.getItem(KEY);
  if (kept !== null && kept in LANGUAGES) return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

let current = wanted();

export function language() {
  return current;
}

export function languageTag() {
  return LANGUAGES[current].tag;
}

export function setLanguage(name) {
  current = name;
  localStorage.setItem(KEY, name);
  document.documentElement.lang = languageTag();
}

/** The text of a key, with {name} replaced by values; a key that is not there is a bug and shows itself. */
export function t(key, values = {}) {
  const text = LANGUAGES[current].words[key] ?? `[${key}]`;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** A name that the engine chose (a stage of life, an event type, a reason) in the reader's words, or as it is. */
export function known(group, name) {
  return LANGUAGES[current].words[`${group}.${name}`] ?? name;
}

document.documentElement.lang = languageTag();
