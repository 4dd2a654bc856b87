// expression_lexer.js -- the text of an expression as tokens, with their places.
//
//   会员等级 >= '金卡' -- gold      word 会员等级 | compare >= | string 金卡 | comment gold
//
// The same tokens as engine/query/query_lexer.c makes: what Chinese input methods type for ASCII signs (full-width signs,
// the quotes U+2018 to U+201D, the ideographic comma) means the ASCII sign. Places are those of JavaScript's strings;
// expression_places.js turns the engine's bytes into them. Nothing here throws: what is no token is one of kind "error".

const QUOTES = new Map([
  ["'", 1], ['"', 2], ["\u2018", 3], ["\u2019", 3], ["\u201C", 4], ["\u201D", 4], ["\uFF07", 5], ["\uFF02", 6],
]);
const SIGNS = new Map([
  ["(", "open"], [")", "close"], [",", "comma"], [".", "dot"], ["%", "percent"], ["+", "plus"], ["-", "minus"],
  ["*", "star"], ["/", "slash"],
]);
const RESERVED = new Set(
  ["and", "or", "not", "in", "between", "is", "has", "starts", "contains", "where", "true", "false", "item"]);

/** The ASCII sign that a character stands for; letters stay themselves, they are names. */
function meaningOf(character) {
  const code = character.codePointAt(0);
  if (code < 0x80) return character;
  if (code >= 0xFF01 && code <= 0xFF5E) {
    const ascii = String.fromCharCode(code - 0xFEE0);
    return /[A-Za-z]/.test(ascii) ? character : ascii;
  }
  if (code === 0x2212) return "-";
  if (code === 0x3001) return ",";
  const isBlank = code === 0xA0 || code === 0x202F || code === 0x3000 || code === 0xFEFF || (code >= 0x2000 && code <= 0x200A);
  return isBlank ? " " : character;
}

function isDigit(character) {
  return character !== "" && meaningOf(character) >= "0" && meaningOf(character) <= "9";
}

function isWord(character) {
  if (character === "") return false;
  const code = character.codePointAt(0);
  if (code < 0x80) return /[A-Za-z0-9_]/.test(character);
  if (code <= 0xA0 || meaningOf(character) === " ") return false;
  if (code >= 0x2000 && code <= 0x206F) return false; // general punctuation
  if (code >= 0x2190 && code <= 0x22FF) return false; // arrows, mathematical signs
  if (code >= 0x3000 && code <= 0x301F && code !== 0x3005 && code !== 0x3007) return false; // CJK signs
  if (code >= 0xFF00 && code <= 0xFF5E) return isWord(String.fromCharCode(code - 0xFEE0));
  if (code >= 0xFF5F && code <= 0xFF65) return false;
  return code < 0xFFF0 || code > 0xFFFF;
}

export function isReserved(word) {
  return RESERVED.has(word.toLowerCase());
}

/** Would the name, written bare, be read back as this name? */
export function isBareName(name) {
  if (name === "" || isReserved(name)) return false;
  const characters = [...name];
  return characters.every(isWord) && !isDigit(characters[0]);
}

class Lexer {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.tokens = [];
  }

  /** The whole character at a place, "" behind the end. */
  character(at) {
    return at < this.text.length ? String.fromCodePoint(this.text.codePointAt(at)) : "";
  }

  push(kind, value, end) {
    this.tokens.push({ kind, value, start: this.at, end });
    this.at = end;
  }

  /** Between quotes or backticks; a closer twice stands for one. */
  quoted(kind, closes) {
    let value = "";
    let at = this.at + this.character(this.at).length;
    for (;;) {
      const character = this.character(at);
      if (character === "") return this.push("error", "unclosed", this.text.length);
      const next = at + character.length;
      if (!closes(character)) {
        value += character;
        at = next;
      } else if (this.character(next) === character) {
        value += character;
        at = next + character.length;
      } else {
        return this.push(kind, value, next);
      }
    }
  }

  number() {
    let at = this.at;
    let value = meaningOf(this.character(at));
    let hasPoint = false;
    at += this.character(at).length;
    for (;;) {
      const character = this.character(at);
      const isPoint = character !== "" && meaningOf(character) === "." && !hasPoint && isDigit(this.character(at + character.length));
      if (!isDigit(character) && !isPoint) break;
      hasPoint ||= isPoint;
      value += meaningOf(character);
      at += character.length;
    }
    const behind = this.character(at);
    const runsOn = behind !== "" && (isWord(behind) || meaningOf(behind) === ".");
    this.push(runsOn ? "error" : "number", runsOn ? "number" : normalNumber(value), runsOn ? at + behind.length : at);
  }

  word() {
    let at = this.at;
    while (isWord(this.character(at))) at += this.character(at).length;
    this.push("word", this.text.slice(this.at, at), at);
  }

  sign() {
    const character = this.character(this.at);
    const behind = this.at + character.length;
    const next = meaningOf(this.character(behind) || "\0");
    const both = behind + this.character(behind).length;
    const sign = meaningOf(character);
    if (sign === "-" && next === ">") return this.push("arrow", "->", both);
    if (sign === "\u2192") return this.push("arrow", "->", behind);
    if (sign === "=") return next === ">" || next === "<" ? this.push("error", "sign", both) : this.push("compare", "=", next === "=" ? both : behind);
    if (sign === "!" && next === "=") return this.push("compare", "!=", both);
    if (sign === "<") return next === ">" ? this.push("compare", "!=", both) : this.push("compare", next === "=" ? "<=" : "<", next === "=" ? both : behind);
    if (sign === ">") return this.push("compare", next === "=" ? ">=" : ">", next === "=" ? both : behind);
    if (sign === "\u2260") return this.push("compare", "!=", behind);
    if (sign === "\u2264" || sign === "\u2266") return this.push("compare", "<=", behind);
    if (sign === "\u2265" || sign === "\u2267") return this.push("compare", ">=", behind);
    if (sign === "/" && (next === "/" || next === "*")) return this.push("error", "sign", both);
    return SIGNS.has(sign) ? this.push(SIGNS.get(sign), sign, behind) : this.push("error", "sign", behind);
  }

  next() {
    const character = this.character(this.at);
    const meaning = meaningOf(character);
    if (meaning === " " || character === "\t" || character === "\n" || character === "\r") {
      this.at += character.length;
    } else if (this.text.startsWith("--", this.at)) {
      const line = this.text.indexOf("\n", this.at);
      const end = line < 0 ? this.text.length : line;
      this.push("comment", this.text.slice(this.at + 2, end).trim(), end);
    } else if (QUOTES.has(character)) {
      this.quoted("string", (other) => QUOTES.get(other) === QUOTES.get(character));
    } else if (meaning === "`") {
      this.quoted("name", (other) => meaningOf(other) === "`");
    } else if (isDigit(character) || ((meaning === "-" || meaning === "+") && isDigit(this.character(this.at + character.length)))) {
      this.number();
    } else if (isWord(character)) {
      this.word();
    } else {
      this.sign();
    }
  }
}

/** As the engine keeps a number: no +, no needless zeroes. */
export function normalNumber(text) {
  const match = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) return text;
  const whole = match[2].replace(/^0+(?=\d)/, "");
  const fraction = (match[3] ?? "").replace(/0+$/, "");
  const value = fraction === "" ? whole : `${whole}.${fraction}`;
  return match[1] === "-" && value !== "0" ? `-${value}` : value;
}

/** All tokens, comments among them. */
export function lexExpression(text) {
  const lexer = new Lexer(text);
  while (lexer.at < text.length) lexer.next();
  return lexer.tokens;
}
