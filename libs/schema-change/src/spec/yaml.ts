import { parse, schemaChangeSchema, type Problem, type SchemaChange } from '@switchyard/contracts';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { Change } from './change.js';
import { normaliseChange } from './normalise.js';

/** A problem with the place in the file where it can be mended. */
export interface SpecProblem extends Problem {
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

/** What reading a file gave: what was written, its normal form, or why there is none. */
export interface ReadChange {
  readonly written: SchemaChange | null;
  readonly change: Change | null;
  readonly problems: readonly SpecProblem[];
}

/** Reads a schema change from YAML (or JSON) and checks all that can be known without a database. Never throws. */
export function readChangeYaml(text: string, file: string): ReadChange {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, strict: true });
  const locate = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const place = (problem: Problem): SpecProblem => ({
    ...problem,
    file,
    ...locate(offsetOf(document, problem.keys)),
  });
  if (document.errors.length) {
    const problems = document.errors.map((error) => ({
      path: '',
      keys: [],
      file,
      message: `YAML: ${error.message}`,
      ...locate(error.pos[0]),
    }));
    return { written: null, change: null, problems };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const message = `YAML: ${error instanceof Error ? error.message : String(error)}`;
    return { written: null, change: null, problems: [place({ path: '', keys: [], message })] };
  }
  const parsed = parse(schemaChangeSchema, value);
  if (!parsed.ok) return { written: null, change: null, problems: parsed.problems.map(place) };
  const normalised = normaliseChange(parsed.value);
  return normalised.ok
    ? { written: parsed.value, change: normalised.value, problems: [] }
    : { written: parsed.value, change: null, problems: normalised.problems.map(place) };
}

/** Where the deepest part of a path that exists begins: its key in a map, its item in a list. */
function offsetOf(document: Document, keys: readonly (string | number)[]): number {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair) break;
      offset = startOf(pair.key, offset);
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      const item = node.items[key];
      if (item === undefined) break;
      offset = startOf(item, offset);
      node = item;
    } else break;
  }
  return offset;
}

const startOf = (node: unknown, fallback = 0): number => (node as Node | null | undefined)?.range?.[0] ?? fallback;
