/** A step as far as order is concerned. */
export interface GraphStep {
  readonly id: string;
  readonly needs: readonly string[];
}

/** The steps that a step needs, directly or through others; unknown ids and cycles are no trouble. */
export function ancestorsOf(steps: readonly GraphStep[]): ReadonlyMap<string, ReadonlySet<string>> {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const found = new Map<string, ReadonlySet<string>>();
  for (const step of steps) {
    const seen = new Set<string>();
    const open = [...step.needs];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (seen.has(id) || !byId.has(id)) continue;
      seen.add(id);
      open.push(...(byId.get(id)?.needs ?? []));
    }
    found.set(step.id, seen);
  }
  return found;
}

/** One cycle among the needs, from a step back to itself, or undefined. */
export function findCycle(steps: readonly GraphStep[]): readonly string[] | undefined {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (id: string): readonly string[] | undefined => {
    const start = path.indexOf(id);
    if (start >= 0) return [...path.slice(start), id];
    if (done.has(id)) return undefined;
    path.push(id);
    for (const need of byId.get(id)?.needs ?? []) {
      const cycle = byId.has(need) ? visit(need) : undefined;
      if (cycle) return cycle;
    }
    path.pop();
    done.add(id);
    return undefined;
  };
  for (const step of steps) {
    const cycle = visit(step.id);
    if (cycle) return cycle;
  }
  return undefined;
}
