// latency.js -- how long answers took between two looks at a server that counts since its start.
//
// A histogram is a list of [below, count] in ascending order, of what took less than `below` microseconds and not less than the
// edge before; edges where nothing fell are left out.

/** What came between two histograms of one server; `before` may be undefined. After a restart it is what there is now. */
export function between(before, now) {
  const earlier = new Map(before ?? []);
  const counts = now.map(([below, count]) => [below, count - (earlier.get(below) ?? 0)]);
  if (counts.some(([, count]) => count < 0)) return now;
  return counts.filter(([, count]) => count > 0);
}

/** The edge below which a share of them took; null of none. */
export function quantile(counts, share) {
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  if (all === 0) return null;
  let rest = Math.ceil(all * share);
  for (const [below, count] of counts) {
    rest -= count;
    if (rest <= 0) return below;
  }
  return counts.at(-1)[0];
}
