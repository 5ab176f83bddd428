/** Edit distance with adjacent swaps, by rows of a table: names are short, so the plain table is enough. */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array.from({ length: b.length }, () => 0)]);
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let j = 0; j <= b.length; j++) (rows[0] as number[])[j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, at(i - 2, j - 2) + 1);
      (rows[i] as number[])[j] = best;
    }
  }
  return at(a.length, b.length);
}

/** A name that begins with the other one is as near as one mistyped letter: `playbook_path` means `playbook`. */
function nearness(a: string, b: string): number {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= 4 && long.startsWith(short) ? Math.min(1, long.length - short.length) : distance(a, b);
}

const fold = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/**
 * The known name that a mistyped one most likely means, or undefined when none is near (more than a third of it,
 * or three letters, differ). Case, dashes and underscores do not count.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let best: { name: string; score: number } | undefined;
  for (const candidate of known) {
    const score = nearness(fold(name), fold(candidate));
    if (!best || score < best.score) best = { name: candidate, score };
  }
  const limit = Math.max(1, Math.min(3, Math.ceil(name.length / 3)));
  return best && best.score <= limit ? best.name : undefined;
}
