import { expect, test } from 'vitest';
import { createOrigin, dropOrigins, otherOrigins, releaseOrigin, useOrigin } from '../src/index.js';
import { useDatabase } from './support/database.js';

const database = useDatabase();

test('an origin is made once, held by one session at a time, and goes with its prefix', async () => {
  const { session, open } = database();
  const other = await open();
  await session.run(createOrigin('sy_one_stream'));
  await session.run(createOrigin('sy_one_stream'));
  await session.run(createOrigin('foreign'));
  expect(await session.run(otherOrigins('sy_one_'))).toEqual([{ others: 1 }]);

  await session.run(useOrigin('sy_one_stream'));
  await expect(other.run(useOrigin('sy_one_stream'))).rejects.toMatchObject({ code: '55006' });
  await session.run(releaseOrigin());
  await other.run(useOrigin('sy_one_stream'));
  await other.close();

  await session.run(dropOrigins('sy_one_'));
  await session.run(dropOrigins('foreign'));
  expect(await session.run(otherOrigins('sy_one_'))).toEqual([{ others: 0 }]);
});
