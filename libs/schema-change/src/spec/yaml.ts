import { parse, schemaChangeSchema, type SchemaChange } from '@switchyard/contracts';
import { readYaml, type FileProblem } from '@switchyard/yaml-file';
import type { Change } from './change.js';
import { normaliseChange } from './normalise.js';

/** What reading a file gave: what was written, its normal form, or why there is none. */
export interface ReadChange {
  readonly written: SchemaChange | null;
  readonly change: Change | null;
  readonly problems: readonly FileProblem[];
}

/** Reads a schema change from YAML (or JSON) and checks all that can be known without a database. Never throws. */
export function readChangeYaml(text: string, file: string): ReadChange {
  const read = readYaml(text, file);
  if (!read.ok) return { written: null, change: null, problems: read.problems };
  const parsed = parse(schemaChangeSchema, read.value);
  if (!parsed.ok) return { written: null, change: null, problems: parsed.problems.map(read.place) };
  const normalised = normaliseChange(parsed.value);
  return normalised.ok
    ? { written: parsed.value, change: normalised.value, problems: [] }
    : { written: parsed.value, change: null, problems: normalised.problems.map(read.place) };
}
