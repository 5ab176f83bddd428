import { startPostgres, type StartedPostgres } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ODD_TABLE, ODD_VALUES } from './support/shapes.js';
import { openStreamDatabase } from './support/stream.js';

const TABLE = `"My Schema"."Odd ""Values"""`;
const ROWS = [
  `('2026-01-01 00:00:00.123456+02', '\\x00ff', 1.10, 'NaN', 'infinity', '\\x', '{a,NULL,"b,c",""}', 'null', 'NaN')`,
  `('infinity', '\\x', 'NaN', '123456789012345678901234567890.10', '-infinity', '\\x5c27', '{}', '{"a": null, "b": [1.10, "ü"]}', '-0')`,
  `('1999-12-31 23:59:59.999999+00', '\\xdeadbeef', 0, '-0.00', '2026-03-29 01:59:59.999999+00', null, null, null, '1e-300')`,
  `('4713-01-01 00:00:00+00 BC', '\\x01', 1e20, 'Infinity', null, '\\x00', '{{1,NULL},{NULL,2}}', '[]', 'Infinity')`,
];

describe.each([
  ['the newest PostgreSQL', undefined],
  ['PostgreSQL 15', 15],
] as const)('on %s', (_, major) => {
  let server: StartedPostgres | undefined;
  beforeAll(async () => {
    server = major ? await startPostgres({ major }) : undefined;
  });
  afterAll(() => server?.stop());

  it('values of every kind arrive as they are, by keys of every kind, under names that need quotes', async () => {
    await using db = await openStreamDatabase(ODD_VALUES, ODD_TABLE, server);
    const stream = await db.start();
    for (const row of ROWS) {
      await db.sql(
        `insert into ${TABLE} ("Key At", "key raw", no, n, at, raw, list, doc, "Mixed ""Case""") values ${row}`,
      );
    }
    await db.caughtUp();
    expect(stream.parked).toEqual([]);
    expect(stream.report().rows).toBe(ROWS.length);
    await db.sql(`update ${TABLE} set no = no + 1, n = n + 1, list = array[null, list[1], 'x']`);
    await db.caughtUp();
    await stream.stop();
    expect(await db.parity()).toEqual({ rows: ROWS.length, differing: 0 });
    const [{ same } = { same: 0 }] = await db.sql<{ same: number }>(
      `select count(*)::int as same from ${TABLE} where row(n, at, raw, list, doc, "Mixed ""Case""")::text
        = row("new n", "new at", "new raw", "new list", "new doc", "new Mixed ""Case""")::text`,
    );
    expect(same).toBe(ROWS.length);
  });
});
