import type { Preset } from '@switchyard/contracts';
import { quoteLiteral, quoteName } from '../identifiers.js';

/** A preset written out; the same fields as the spec has. */
export interface Expansion {
  readonly columns?: Readonly<Record<string, { readonly type: string; readonly from: string }>>;
  readonly target?: {
    readonly table: string;
    readonly key: readonly string[];
    readonly columns: Readonly<Record<string, { readonly type: string; readonly from: string }>>;
    readonly where?: string;
  };
  readonly reverse: Readonly<Record<string, string>>;
  readonly drop: readonly string[];
}

/** Writes a preset out. Pure text: nothing about the table is known yet. */
export function expandPreset(preset: Preset): Expansion {
  if (preset.kind === 'split-column') return splitColumn(preset);
  if (preset.kind === 'rename-column') return renameColumn(preset);
  if (preset.kind === 'change-type') return changeType(preset);
  if (preset.kind === 'map-values') return mapValues(preset);
  return splitTable(preset);
}

type Of<K extends Preset['kind']> = Extract<Preset, { kind: K }>;

const renameColumn = ({ column, to, type }: Of<'rename-column'>): Expansion => ({
  columns: { [to]: { type, from: quoteName(column) } },
  reverse: { [column]: quoteName(to) },
  drop: [column],
});

const changeType = ({ column, to, type, using, back }: Of<'change-type'>): Expansion => ({
  columns: { [to]: { type, from: using } },
  reverse: { [column]: back },
  drop: [column],
});

function splitColumn({ column, into: [head, tail], separator }: Of<'split-column'>): Expansion {
  const old = quoteName(column);
  const sep = quoteLiteral(separator);
  // A blank separates words: runs of blanks count once, and blanks around do not count at all.
  const [first, rest] =
    separator === ' '
      ? [`split_part(btrim(${old}), ' ', 1)`, `nullif(regexp_replace(btrim(${old}), '^\\S+\\s*', ''), '')`]
      : [
          `split_part(${old}, ${sep}, 1)`,
          `case when strpos(${old}, ${sep}) > 0 then substr(${old}, strpos(${old}, ${sep}) + length(${sep})) end`,
        ];
  return {
    columns: { [head]: { type: 'text', from: first }, [tail]: { type: 'text', from: rest } },
    reverse: { [column]: `concat_ws(${sep}, ${quoteName(head)}, ${quoteName(tail)})` },
    drop: [column],
  };
}

function mapValues({ column, to, type, map, otherwise }: Of<'map-values'>): Expansion {
  const arms = map.map(({ from, to: value }) => `when ${quoteLiteral(from)} then ${typed(value, type)}`);
  const rest = otherwise === null ? '' : ` else ${typed(otherwise, type)}`;
  // The first old value of each new one is its way back.
  const back = new Map<string, string>();
  for (const { from, to: value } of map) if (!back.has(String(value))) back.set(String(value), from);
  const backArms = [...back].map(([value, from]) => `when ${typed(value, type)} then ${quoteLiteral(from)}`);
  // No value for no value: a missing old value is not one that the map forgot.
  const old = quoteName(column);
  return {
    columns: {
      [to]: { type, from: `case when ${old} is null then null else case ${old} ${arms.join(' ')}${rest} end end` },
    },
    reverse: { [column]: `case ${quoteName(to)} ${backArms.join(' ')} end` },
    drop: [column],
  };
}

const typed = (value: string | number | boolean, type: string): string =>
  `cast(${quoteLiteral(String(value))} as ${type})`;

function splitTable({ into, key, columns, onlyFilled }: Of<'split-table'>): Expansion {
  const names = Object.keys(columns);
  const own = (name: string): readonly [string, string] => [name, quoteName(name)];
  return {
    target: {
      table: into,
      key: typeof key === 'string' ? [key] : key,
      columns: Object.fromEntries(
        Object.entries(columns).map(([name, type]) => [name, { type, from: quoteName(name) }]),
      ),
      ...(onlyFilled ? { where: names.map((name) => `${quoteName(name)} is not null`).join(' or ') } : {}),
    },
    reverse: Object.fromEntries(names.map(own)),
    drop: names,
  };
}
