// expression_places.js -- the engine counts bytes of UTF-8, a page counts UTF-16: one into the other.

/** The place in the string that a byte offset means; the end for what lies behind it. */
export function placeOfByte(text, byte) {
  let at = 0;
  for (let bytes = 0; at < text.length;) {
    const code = text.codePointAt(at);
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > byte) break;
    at += code < 0x10000 ? 1 : 2;
  }
  return at;
}
