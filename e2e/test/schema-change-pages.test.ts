import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repositoryFile, type CommandLine } from '../src/checkout.js';
import { openGate } from '../src/open-gate.js';
import { openSharedStack } from '../src/shared-stack.js';
import type { OpenStack } from '../src/stack.js';

let checkout: CommandLine;
let stack: OpenStack;
let change = '';

beforeAll(async () => {
  ({ checkout, stack } = await openSharedStack('schema-change-pages'));
  const shim = join(checkout.folder, 'switchyard');
  await writeFile(
    shim,
    `#!/bin/sh\nSWITCHYARD_ROOT='${checkout.root}' exec '${process.execPath}' '${checkout.root}/apps/cli/dist/main.js' "$@"\n`,
  );
  await chmod(shim, 0o755);
});
afterAll(() => stack.close());

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

/** Runs a block as a person would type it; every command has to succeed. */
async function type(block: string): Promise<void> {
  const gated = /schema-change (?:gates|approve) (\S+)/.exec(block)?.[1];
  if (gated !== undefined) await openGate(stack.client, gated);
  await promisify(execFile)('/bin/sh', ['-e', '-c', block], { cwd: checkout.folder });
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
    if (language === 'yaml') await writeFile(join(checkout.folder, 'people.yaml'), (change = shortened(text)));
    if (language === 'sh') await type(text);
  }
  expect(await columns()).toBe('id,first_name,last_name');
});

it('abort.md leads back to the table as it was', async () => {
  await stack.app.knex.raw('drop table public.people');
  for (const { language, text } of await blocksOf('plan.md')) if (language === 'sql') await stack.app.knex.raw(text);
  expect(change).not.toBe('');
  await type('./switchyard schema-change start --file people.yaml --id people-2 --as olga');
  await openGate(stack.client, 'people-2');
  expect(await columns()).toBe('id,name,first_name,last_name');
  for (const { language, text } of await blocksOf('abort.md')) if (language === 'sh') await type(text);
  expect((await checkout.cli(['runs', 'watch', 'people-2'])).code).toBe(5);
  expect(await columns()).toBe('id,name');
});
