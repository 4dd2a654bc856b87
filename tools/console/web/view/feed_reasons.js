// feed_reasons.js -- a reason of an item in words.
import { known } from "../part/texts.js";

export function reasonText(reason) {
  const kind = known("reason", reason.kind);
  return reason.name ? `${kind} ${reason.name}` : kind;
}
