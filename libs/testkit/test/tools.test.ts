import { expect, it } from 'vitest';
import { tools } from '../src/index.js';

it('gives the variables that name real programs', async () => {
  const environment = await tools(['ansible', 'liquibase', 'postgres-client']);
  expect(Object.keys(environment).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'SWITCHYARD_ANSIBLE_BIN',
    'SWITCHYARD_LIQUIBASE_HOME',
    'SWITCHYARD_PG_BIN',
  ]);
});
