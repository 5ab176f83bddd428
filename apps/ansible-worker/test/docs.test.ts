import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld, type World } from './world.js';

const page = readFileSync(new URL('../../../docs/playbooks.md', import.meta.url), 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\\n\`\`\``, 'g'))].map(([, text = '']) => text);
const HOSTS = ['web1', 'web2', 'db1'];

describe('docs/playbooks.md', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
    await world.startWorker({ SECRET_DEPLOY_TOKEN: 'token-5e81', SECRET_VAULT_PASSWORD: 'vault-77c1' });
    await world.file('site.yml', `${blocks('yaml')[0] ?? ''}\n`);
    await world.file('hosts.ini', `${blocks('ini')[0] ?? ''}\n`);
  });
  afterAll(async () => {
    await Promise.all(HOSTS.map((host) => rm(`/tmp/playbooks-page-${host}`, { force: true })));
    await world[Symbol.asyncDispose]();
  });

  it('has examples', () => expect(blocks('json').length).toBeGreaterThan(4));

  it.each(blocks('json'))('shows an input with which the playbook of the page ends well: %s', async (example) => {
    const input = JSON.parse(example) as { limit?: string };
    const result = await world.run(input);
    expect(result).toMatchObject({ verdict: 'successful', failedHosts: [] });
    expect(Object.keys(result.hosts).toSorted()).toEqual(
      HOSTS.filter((host) => host.startsWith(input.limit ?? '')).toSorted(),
    );
  });
});
