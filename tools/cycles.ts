/**
 * Groups of nodes that reach each other (Tarjan's strongly connected components), and nodes that name themselves.
 * Each group is sorted; edges to unknown nodes are left out.
 */
export function findCycles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const cycles: string[][] = [];

  const visit = (node: string): number => {
    const own = index.size;
    let lowest = own;
    index.set(node, own);
    stack.push(node);
    onStack.add(node);
    for (const next of edges.get(node) ?? []) {
      if (!edges.has(next)) continue;
      const seen = index.get(next);
      if (seen === undefined) lowest = Math.min(lowest, visit(next));
      else if (onStack.has(next)) lowest = Math.min(lowest, seen);
    }
    if (lowest === own) close(node);
    return lowest;
  };

  const close = (node: string): void => {
    const group = stack.splice(stack.lastIndexOf(node));
    for (const member of group) onStack.delete(member);
    if (group.length > 1 || (edges.get(node) ?? []).includes(node)) cycles.push(group.toSorted());
  };

  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return cycles;
}
