import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import { parse, runbookSchema, type Problem, type Runbook } from '@switchyard/contracts';
import { checkRunbook } from './check/check.js';

/** A problem with the place in the file where it can be mended. */
export interface FileProblem extends Problem {
  readonly level: 'error' | 'warning';
  readonly file: string;
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

export interface ParsedRunbook {
  /** Null when the text is not a runbook at all; it may still have problems when it is one. */
  readonly runbook: Runbook | null;
  readonly problems: readonly FileProblem[];
}

/**
 * Reads a runbook from YAML (or JSON) and checks all of it. Never throws: every problem has its line and column.
 * The runbook may be run when no problem has the level `error`.
 */
export function parseRunbookYaml(text: string, fileName: string): ParsedRunbook {
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
      level: 'error' as const,
      file: fileName,
      message: `YAML: ${error.message}`,
      ...locate(error.pos[0]),
    }));
    return { runbook: null, problems };
  }
  const place = (problem: Problem, level: 'error' | 'warning'): FileProblem => ({
    ...problem,
    level,
    file: fileName,
    ...locate(offsetOf(document, problem.keys)),
  });
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const message = `YAML: ${error instanceof Error ? error.message : String(error)}`;
    return { runbook: null, problems: [place({ path: '', keys: [], message }, 'error')] };
  }
  const parsed = parse(runbookSchema, value);
  if (!parsed.ok) return { runbook: null, problems: parsed.problems.map((problem) => place(problem, 'error')) };
  return {
    runbook: parsed.value,
    problems: checkRunbook(parsed.value).map((problem) => place(problem, problem.level)),
  };
}

/** `file:line:column: steps[1].needs[0]: message`, as editors and people expect it. */
export function formatFileProblem(problem: FileProblem): string {
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
