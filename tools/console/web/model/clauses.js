// clauses.js -- the top-level conditions of an expression, each as text, to compare two versions.
import { parseExpression } from "./expression_parse.js";
import { printNode } from "./expression_print.js";

export function clausesOf(text) {
  const { root } = parseExpression(text);
  if (root.join === "or") return [text.trim()];
  return root.children.map(printNode).filter((clause) => clause !== "");
}
