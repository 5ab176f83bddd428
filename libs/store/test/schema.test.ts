import { expect, test } from 'vitest';
import { useStoreDatabase } from './support/database.js';

const database = useStoreDatabase();

async function lines(sql: string): Promise<string[]> {
  const { rows } = await database().knex.raw<{ rows: { line: string }[] }>(sql);
  return rows.map((row) => row.line);
}

// A migration shows in review as a change of this file. `vitest run -u` writes it anew.
test('the tables are those of schema.txt', async () => {
  const dump = [
    '-- columns',
    ...(await lines(
      `select format('%s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                case when a.attnotnull then ' not null' else '' end, ' default ' || pg_get_expr(d.adbin, d.adrelid)) as line
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'switchyard'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        order by c.relname, a.attnum`,
    )),
    '-- constraints',
    ...(await lines(
      `select format('%s %s: %s', c.relname, con.conname, pg_get_constraintdef(con.oid)) as line
         from pg_constraint con join pg_class c on c.oid = con.conrelid
        where c.relnamespace = 'switchyard'::regnamespace and not c.relispartition and con.contype <> 'n'
        order by c.relname, con.conname`,
    )),
    '-- indexes',
    ...(await lines(
      `select pg_get_indexdef(i.indexrelid) as line
         from pg_index i join pg_class c on c.oid = i.indrelid
        where c.relnamespace = 'switchyard'::regnamespace and not c.relispartition
        order by c.relname, i.indexrelid::regclass::text`,
    )),
    '-- functions and triggers',
    ...(await lines(
      `select pg_get_functiondef(oid) as line from pg_proc where pronamespace = 'switchyard'::regnamespace order by proname`,
    )),
    ...(await lines(
      `select pg_get_triggerdef(t.oid) as line from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'switchyard'::regnamespace and not t.tgisinternal order by t.tgname`,
    )),
  ];
  await expect(`${dump.join('\n')}\n`).toMatchFileSnapshot('../schema.txt');
});
