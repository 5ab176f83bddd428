import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { Problem } from '@switchyard/contracts';

/** A problem with the place in the file where it can be mended. */
export interface FileProblem extends Problem {
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

/** A file as plain data, with the way from a problem of it to its line and column. */
export type YamlFile =
  | {
      readonly ok: true;
      readonly value: unknown;
      readonly place: (problem: Problem) => FileProblem;
    }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** Reads YAML 1.2 (or JSON). Never throws. */
export function readYaml(text: string, fileName: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, strict: true });
  const locate = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (document.errors.length) {
    const problems = document.errors.map((error) => ({
      path: '',
      keys: [],
      file: fileName,
      message: `YAML: ${error.message}`,
      ...locate(error.pos[0]),
    }));
    return { ok: false, problems };
  }
  const place = (problem: Problem): FileProblem => ({
    ...problem,
    file: fileName,
    ...locate(offsetOf(document, problem.keys)),
  });
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: 100 }), place };
  } catch (error) {
    const message = `YAML: ${error instanceof Error ? error.message : String(error)}`;
    return { ok: false, problems: [place({ path: '', keys: [], message })] };
  }
}

/** `file:line:column: steps[1].needs[0]: message`, as editors and people expect it. A warning says that it is one. */
export function formatProblem(problem: FileProblem & { readonly level?: 'error' | 'warning' }): string {
  const { file, line, column, level, path, message } = problem;
  const kind = level === 'warning' ? 'warning: ' : '';
  return `${file}:${line}:${column}: ${kind}${path ? `${path}: ` : ''}${message}`;
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
