import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RunStatus } from '@switchyard/contracts';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeCheckout, repositoryFile, type Checkout } from '../src/checkout.js';
import { openStack, type OpenStack } from '../src/stack.js';

let checkout: Checkout;
let stack: OpenStack;
let change = '';

beforeAll(async () => {
  checkout = await makeCheckout();
  stack = await openStack(checkout);
  const shim = join(checkout.root, 'switchyard');
  await writeFile(
    shim,
    `#!/bin/sh\nSWITCHYARD_ROOT='${checkout.root}' exec '${process.execPath}' '${checkout.root}/apps/cli/dist/main.js' "$@"\n`,
  );
  await chmod(shim, 0o755);
}, 180_000);
afterAll(async () => {
  await stack.close();
  await checkout.dispose();
}, 60_000);

/** The blocks of a page in their order. */
async function blocksOf(page: string): Promise<{ language: string; text: string }[]> {
  const text = await repositoryFile(`docs/schema-change/${page}`);
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', block = '']) => ({
    language,
    text: block,
  }));
}

/** The times of the page are those of production; nobody watches a test for a day. */
const shortened = (text: string): string =>
  text
    .replace('settle: 30s', 'settle: 200ms')
    .replace(/gates: \{.*\}/, 'gates: { maxLagSeconds: 5, minStableSeconds: 1, coolDown: 1s }');

const untilOpenGate = (runId: string): Promise<true> =>
  waitFor(
    async () => {
      const { value } = await checkout.json<{ status: RunStatus }>(['schema-change', 'status', runId]);
      return value.status.gates.some(({ state }) => state === 'open') ? true : undefined;
    },
    { timeoutMs: 120_000, what: `an open gate of ${runId}` },
  );

/** Runs a block as a person would type it; every command has to succeed. */
async function type(block: string): Promise<void> {
  if (/schema-change (?:gates|approve) (\S+)/.test(block))
    await untilOpenGate(/schema-change (?:gates|approve) (\S+)/.exec(block)?.[1] ?? '');
  await promisify(execFile)('/bin/sh', ['-e', '-c', block], { cwd: checkout.root });
}

const columns = async (): Promise<string> => {
  const { rows } = await stack.app.knex.raw<{ rows: { name: string }[] }>(
    `select attname as name from pg_attribute where attrelid = 'public.people'::regclass and attnum > 0
    and not attisdropped order by attnum`,
  );
  return rows.map(({ name }) => name).join();
};

it('plan.md and watch.md lead from a table to its new shape, word for word', async () => {
  for (const { language, text } of [...(await blocksOf('plan.md')), ...(await blocksOf('watch.md'))]) {
    if (language === 'sql') await stack.app.knex.raw(text);
    if (language === 'yaml') await writeFile(join(checkout.root, 'people.yaml'), (change = shortened(text)));
    if (language === 'sh') await type(text);
  }
  expect(await columns()).toBe('id,first_name,last_name');
});

it('abort.md leads back to the table as it was', async () => {
  await stack.app.knex.raw('drop table public.people');
  for (const { language, text } of await blocksOf('plan.md')) if (language === 'sql') await stack.app.knex.raw(text);
  expect(change).not.toBe('');
  await type('./switchyard schema-change start --file people.yaml --id people-2 --as olga');
  await untilOpenGate('people-2');
  expect(await columns()).toBe('id,name,first_name,last_name');
  for (const { language, text } of await blocksOf('abort.md')) if (language === 'sh') await type(text);
  expect((await checkout.cli(['runs', 'watch', 'people-2'])).code).toBe(5);
  expect(await columns()).toBe('id,name');
});
