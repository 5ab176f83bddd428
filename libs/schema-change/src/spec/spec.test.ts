import { parse, parseOrThrow, schemaChangeSchema, type SchemaChangeGiven } from '@switchyard/contracts';
import { describe, expect, test } from 'vitest';
import { normaliseChange } from './normalise.js';
import { usersNameSplit } from './users-name-split.js';
import { readChangeYaml } from './yaml.js';

type Spec = SchemaChangeGiven['spec'];
const FLAGS = { readFlag: 'r', writeFlag: 'w' };

const normalise = (spec: Partial<Spec>) =>
  normaliseChange(
    parseOrThrow(
      schemaChangeSchema,
      {
        apiVersion: 'switchyard.dev/v1',
        kind: 'SchemaChange',
        metadata: { name: 'x' },
        spec: { database: 'app', table: 'users', ...spec },
      },
      'spec',
    ),
  );
const problems = (spec: Partial<Spec>): string[] => {
  const result = normalise(spec);
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
};
const column = (from = 'a', type = 'text') => ({ type, from });

describe('presets', () => {
  const expand = (preset: NonNullable<Spec['presets']>[number]) => {
    const result = normalise({ presets: [preset], switch: FLAGS });
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const { columns, reverse, drop, target } = result.value;
    return {
      columns: columns.map(({ name, type, from }) => [name, type, from]),
      reverse: reverse.map(({ name, from }) => [name, from]),
      drop,
      target,
    };
  };

  test('a column is split at blanks, or at any other separator', () => {
    expect(expand({ kind: 'split-column', column: 'name', into: ['first', 'last'] })).toEqual({
      columns: [
        ['first', 'text', `split_part(btrim("name"), ' ', 1)`],
        ['last', 'text', `nullif(regexp_replace(btrim("name"), '^\\S+\\s*', ''), '')`],
      ],
      reverse: [['name', `concat_ws(' ', "first", "last")`]],
      drop: ['name'],
      target: null,
    });
    expect(expand({ kind: 'split-column', column: 'A"b', into: ['c', 'd'], separator: "'" }).columns).toEqual([
      ['c', 'text', `split_part("A""b", '''', 1)`],
      ['d', 'text', `case when strpos("A""b", '''') > 0 then substr("A""b", strpos("A""b", '''') + length('''')) end`],
    ]);
  });

  test('rename and type change stand beside the old column', () => {
    expect(expand({ kind: 'rename-column', column: 'mail', to: 'email', type: 'text' })).toMatchObject({
      columns: [['email', 'text', '"mail"']],
      reverse: [['mail', '"email"']],
    });
    expect(
      expand({
        kind: 'change-type',
        column: 'age',
        to: 'age_years',
        type: 'int',
        using: 'age::int',
        back: 'age_years::text',
      }),
    ).toMatchObject({ columns: [['age_years', 'int', 'age::int']], reverse: [['age', 'age_years::text']] });
  });

  test('values are mapped both ways', () => {
    expect(
      expand({
        kind: 'map-values',
        column: 's',
        to: 'code',
        type: 'int',
        map: [
          { from: 'on', to: 1 },
          { from: 'ON', to: 1 },
        ],
      }),
    ).toMatchObject({
      columns: [
        [
          'code',
          'int',
          `case when "s" is null then null else case "s" when 'on' then cast('1' as int) when 'ON' then cast('1' as int) end end`,
        ],
      ],
      reverse: [['s', `case "code" when cast('1' as int) then 'on' end`]],
    });
  });

  test('a table is split', () => {
    const preset = {
      kind: 'split-table',
      into: 'profiles',
      key: 'user_id',
      columns: { bio: 'text', Site: 'text' },
    } as const;
    expect(expand(preset)).toEqual({
      columns: [
        ['bio', 'text', '"bio"'],
        ['Site', 'text', '"Site"'],
      ],
      reverse: [
        ['bio', '"bio"'],
        ['Site', '"Site"'],
      ],
      drop: ['bio', 'Site'],
      target: { table: { schema: 'public', name: 'profiles' }, key: ['user_id'], where: null },
    });
    expect(expand({ ...preset, onlyFilled: true }).target?.where).toBe('"bio" is not null or "Site" is not null');
  });

  test('several presets and columns make one change', () => {
    const result = normalise({
      presets: [
        { kind: 'rename-column', column: 'a', to: 'b', type: 'text' },
        { kind: 'rename-column', column: 'c', to: 'd', type: 'text' },
      ],
      columns: { e: column('a || c') },
      switch: FLAGS,
    });
    expect(result).toMatchObject({
      ok: true,
      value: { drop: ['a', 'c'], columns: [{ name: 'e' }, { name: 'b' }, { name: 'd' }] },
    });
  });

  test('users.name is the change of the documentation, and its surroundings can be set', () => {
    const result = normaliseChange(parseOrThrow(schemaChangeSchema, usersNameSplit({ table: 'crm.people' }), 'preset'));
    expect(result).toMatchObject({
      ok: true,
      value: {
        source: { schema: 'crm', name: 'people' },
        backfill: { by: 'pages', chunkTarget: 25, throttle: { lockWaiters: 0 } },
        gates: { coolDown: 86_400_000 },
        switch: { rollout: [10, 50, 100] },
        approvals: { cutover: { required: 1, onTimeout: 'reject' } },
      },
    });
  });
});

describe('problems', () => {
  test('a spec that makes nothing', () => {
    expect(problems({})).toEqual(['spec: names nothing to make; write `columns`, `target` or `presets`']);
  });

  test('a dropped column without a way back, and without flags', () => {
    expect(problems({ columns: { b: column() }, drop: ['a'] })).toEqual([
      'spec.reverse: needs an expression for "a", which `drop` names: without it nothing can go back after writes were switched',
      'spec.switch: needs readFlag and writeFlag: without them nobody can be told to leave what `drop` names',
    ]);
  });

  test('columns that are made twice, are old ones, or the key', () => {
    expect(
      problems({
        presets: [{ kind: 'rename-column', column: 'a', to: 'b', type: 'text' }],
        columns: { b: column(), a: column('b') },
        switch: FLAGS,
      }),
    ).toEqual([
      'spec.columns.a: "a" is an old column; the new one stands beside it under its own name',
      'spec.presets[0].columns.b: "b" is made twice',
    ]);
    expect(problems({ target: { table: 't', key: 'id', columns: { id: column() } } })).toEqual([
      'spec.target.columns.id: "id" is the key of the new table, which is filled without an expression',
    ]);
  });

  test('a new table that is the old one, is one of two, or stands beside new columns', () => {
    const target = { table: 'public.users', key: 'id', columns: { b: column() } };
    expect(problems({ target })).toEqual([
      'spec.target.table: is the old table itself; write `columns` for new columns in it',
    ]);
    expect(problems({ target: { ...target, table: 't' }, columns: { c: column() } })).toEqual([
      'spec.columns: a change makes new columns or a new table, not both; write two changes',
    ]);
    const split = { kind: 'split-table', into: 'u', key: 'id', columns: { c: 'text' } } as const;
    expect(problems({ target: { ...target, table: 't' }, presets: [split], switch: FLAGS })).toEqual([
      'spec.presets[0].target: only one new table can be made by one change',
    ]);
  });

  test('names that nobody made come with the nearest one', () => {
    expect(
      problems({
        columns: { first_name: column() },
        reverse: { a: 'first_name' },
        drop: ['a'],
        switch: FLAGS,
        notNull: ['frist_name'],
        indexes: [
          { name: 'i', columns: ['a'] },
          { name: 'i', columns: ['first_name'] },
        ],
      }),
    ).toEqual([
      'spec.notNull[0]: "frist_name" is not a new column; did you mean "first_name"?',
      'spec.indexes[0].columns[0]: "a" is dropped at the end, and the index would go with it',
      'spec.indexes[1].name: "i" is used twice',
    ]);
  });

  test('a foreign key to the old table must follow its deletes and key changes', () => {
    const foreignKey = { columns: ['id'], references: 'users', referencedColumns: ['id'] };
    const target = { table: 't', key: 'id', columns: { b: column() } };
    expect(problems({ target, constraints: [{ name: 'f', foreignKey }] })[0]).toContain(
      'spec.constraints[0].foreignKey: refers to public.users, so it needs onDelete: cascade and onUpdate: cascade',
    );
    expect(
      problems({
        target,
        constraints: [{ name: 'f', foreignKey: { ...foreignKey, onDelete: 'cascade', onUpdate: 'cascade' } }],
      }),
    ).toEqual([]);
  });

  test('a table name that SQL would fold, or that is none', () => {
    expect(problems({ table: 'public.Users', columns: { b: column() } })).toEqual([
      'spec.table: SQL reads Users as users; write "Users" in quotes, or lower case',
    ]);
    expect(problems({ table: 'a.b.c', columns: { b: column() } })).toEqual([
      'spec.table: "a.b.c" must be table or schema.table',
    ]);
  });

  test('unknown fields and a rollout that does not rise are refused by the schema', () => {
    const given = usersNameSplit();
    const parsed = parse(schemaChangeSchema, {
      ...given,
      spec: { ...given.spec, collumns: {}, switch: { rollout: [50, 10] } },
    });
    expect(parsed.ok ? [] : parsed.problems.map(({ path, message }) => `${path}: ${message}`).toSorted()).toEqual([
      'spec.collumns: unknown field "collumns"; did you mean "columns"?',
      'spec.switch.rollout: must end with 100',
      'spec.switch.rollout: must rise',
    ]);
  });
});

describe('readChangeYaml', () => {
  const text = `apiVersion: switchyard.dev/v1
kind: SchemaChange
metadata: { name: users-name-split }
spec:
  database: app
  table: public.users
  columns:
    first_name: { type: text, from: "split_part(btrim(name), ' ', 1)" }
  reverse: { name: "concat_ws(' ', first_name)" }
  notNull: [first_name]
  drop: [name]
  switch: { readFlag: r, writeFlag: w }
`;

  test('reads a file', () => {
    const { change, problems: found } = readChangeYaml(text, 'change.yaml');
    expect(found).toEqual([]);
    expect(change).toMatchObject({ name: 'users-name-split', drop: ['name'] });
  });

  test('a problem has its line and column, whichever check found it', () => {
    const at = (yaml: string): string[] =>
      readChangeYaml(yaml, 'f').problems.map(({ line, column: col, path }) => `${line}:${col} ${path}`);
    expect(at(text.replace('notNull: [first_name]', 'notNull: [frist_name]'))).toEqual(['10:13 spec.notNull[0]']);
    expect(at(text.replace('database: app', 'databse: app'))).toContain('5:3 spec.databse');
    expect(at(`${text}\n  switch: {}`)).toHaveLength(1);
    expect(at('a: [')).toHaveLength(1);
    expect(at('a: *nowhere')).toHaveLength(1);
  });
});
