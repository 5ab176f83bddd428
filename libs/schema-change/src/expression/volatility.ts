import type { Problem } from '@switchyard/contracts';
import { quoteName, quoteTable, type TableName } from '../identifiers.js';
import { statement, type Statement } from '../sql/statement.js';

/** A function, operator or type that an expression names. */
export interface Named {
  readonly kind: 'function' | 'operator' | 'cast';
  /** Null: found by the search path. */
  readonly schema: string | null;
  readonly name: string;
  /** Number of arguments or operands; null for a cast, and where the call is variadic. */
  readonly args: number | null;
  /**
   * For a function: the columns that are its arguments, when each argument is a column or a constant; null otherwise.
   */
  readonly columns: readonly string[] | null;
}

/** What one expression refers to. */
export interface References {
  readonly columns: readonly string[];
  readonly named: readonly Named[];
}

/** One row of the catalog's answer: an overload that the name may mean. */
export interface Overload {
  readonly kind: Named['kind'];
  readonly schema: string | null;
  readonly name: string;
  readonly args: number;
  readonly variadic: boolean;
  /** `i`, `s` or `v`. */
  readonly volatility: string;
  /** `f`, `a` (aggregate), `w` (window) or `p`. */
  readonly type: string;
  readonly returnsSet: boolean;
}

/** Asks the catalog for every overload of the names. */
export function overloadsOf(named: readonly Named[]): Statement {
  return statement(
    `with wanted as (select distinct * from unnest($1::text[], $2::text[], $3::text[]) as w(kind, schema, name))
    select w.kind, nullif(w.schema, '') as schema, w.name, p.pronargs::int as args, p.provariadic <> 0 as variadic,
    p.provolatile::text as volatility, p.prokind::text as type, p.proretset as "returnsSet"
    from wanted w join pg_proc p on p.proname = w.name join pg_namespace n on n.oid = p.pronamespace
    where w.kind = 'function'
    and (n.nspname = w.schema or w.schema = '' and n.nspname = any(current_schemas(true)))
    union all
    select w.kind, nullif(w.schema, ''), w.name, case when o.oprleft = 0 then 1 else 2 end, false,
    p.provolatile::text, p.prokind::text, p.proretset
    from wanted w join pg_operator o on o.oprname = w.name join pg_namespace n on n.oid = o.oprnamespace
    join pg_proc p on p.oid = o.oprcode
    where w.kind = 'operator'
    and (n.nspname = w.schema or w.schema = '' and n.nspname = any(current_schemas(true)))
    union all
    select w.kind, nullif(w.schema, ''), w.name, 1, false, p.provolatile::text, p.prokind::text, false
    from wanted w
    join pg_type t on t.oid = to_regtype(case when w.schema = '' then '' else quote_ident(w.schema) || '.' end || quote_ident(w.name))
    join lateral (select c.castfunc as fn from pg_cast c where c.casttarget = t.oid and c.castfunc <> 0
    union select t.typinput union select t.typoutput) as f on true
    join pg_proc p on p.oid = f.fn
    where w.kind = 'cast'
    order by 1, 3, 4`,
    [named.map(({ kind }) => kind), named.map(({ schema }) => schema ?? ''), named.map(({ name }) => name)],
  );
}

/** What the catalog says about the names of an expression. */
export interface Volatility {
  /** Names that no overload makes right: the expression is refused. */
  readonly problems: readonly Problem[];
  /** Names with overloads of both sorts; only the probe knows which is meant. */
  readonly undecided: readonly string[];
  /** Stable functions that give one value for text alone, so the probe's refusal (42P17) does not count. */
  readonly exempt: readonly string[];
}

/** Stable only because the output of some types depends on settings; over text they are immutable. */
const TEXT_ONLY = new Set(['concat', 'concat_ws']);
const TEXT_TYPES = /^(text|character varying|varchar|character|char)(\(|$)/;

/** Judges the names of an expression by the overloads that the catalog knows. */
export function judgeVolatility(options: {
  readonly references: References;
  readonly overloads: readonly Overload[];
  /** Type of each column that the expression may use. */
  readonly types: Readonly<Record<string, string>>;
  /** Place of the expression in the spec. */
  readonly at: readonly (string | number)[];
  readonly path: string;
}): Volatility {
  const { references, overloads, types } = options;
  const problems: Problem[] = [];
  const undecided: string[] = [];
  const exempt: string[] = [];
  const say = (message: string): void => {
    problems.push({ path: options.path, keys: [...options.at], message });
  };
  for (const named of references.named) {
    const known = overloads.filter(
      (o) =>
        o.kind === named.kind &&
        o.name === named.name &&
        (named.schema === null || o.schema === named.schema) &&
        (named.args === null ||
          o.variadic ||
          o.args === named.args ||
          (named.kind === 'function' && o.args > named.args)),
    );
    const word = `${named.kind} ${named.name}`;
    if (known.length === 0) {
      // A type without cast functions of its own is checked by the probe; a function that nobody knows is not.
      if (named.kind === 'function') say(`${word} does not exist with ${named.args ?? 'these'} arguments`);
      continue;
    }
    if (known.every(({ type }) => type === 'a')) say(`${word} is an aggregate; an expression sees one row`);
    else if (known.every(({ type }) => type === 'w')) say(`${word} is a window function; an expression sees one row`);
    else if (known.every(({ returnsSet }) => returnsSet)) say(`${word} returns a set; an expression gives one value`);
    else if (known.every(({ volatility }) => volatility !== 'i')) {
      const overText = named.columns?.every((column) => TEXT_TYPES.test(types[column] ?? '')) ?? false;
      if (named.kind === 'function' && TEXT_ONLY.has(named.name) && overText) exempt.push(named.name);
      else {
        say(
          `${word} is not immutable: the same row could give another value tomorrow${TEXT_ONLY.has(named.name) ? '; over plain text columns it is allowed' : ''}`,
        );
      }
    } else if (known.some(({ volatility }) => volatility !== 'i')) undecided.push(word);
  }
  return { problems, undecided, exempt };
}

const PROBE = '_sy_probe';

/**
 * The probe: PostgreSQL itself judges an expression, as the expression of a generated column of an empty copy. Run in
 * a transaction that is rolled back; it locks nothing that others use. SQLSTATE 42P17: not immutable.
 */
export function createProbe(table: TableName): Statement {
  return statement(`create temporary table ${quoteName(PROBE)} (like ${quoteTable(table)}) on commit drop`);
}

/** A probe of columns that stand in no table yet: those of a new table. */
export function createProbeOf(columns: readonly { readonly name: string; readonly type: string }[]): Statement {
  const parts = columns.map(({ name, type }) => `${quoteName(name)} ${type}`);
  return statement(`create temporary table ${quoteName(PROBE)} (${parts.join(', ')}) on commit drop`);
}

/** Adds the new columns to the probe, on which the reverse expressions stand. */
export function addProbeColumns(columns: readonly { readonly name: string; readonly type: string }[]): Statement {
  const parts = columns.map(({ name, type }) => `add column ${quoteName(name)} ${type}`);
  return statement(`alter table ${quoteName(PROBE)} ${parts.join(', ')}`);
}

/** Fails when the expression is not immutable, not scalar, or not of a type that the column takes. */
export function probeImmutable(expression: string, type: string): Statement {
  return statement(
    `alter table ${quoteName(PROBE)} add column "_sy_value" ${type} generated always as (${expression}) stored`,
  );
}

/** Fails when the column does not take the value; says nothing of volatility. */
export function probeAssignable(expression: string, column: string): Statement {
  return statement(
    `insert into ${quoteName(PROBE)} (${quoteName(column)}) select (${expression}) from ${quoteName(PROBE)}`,
  );
}
