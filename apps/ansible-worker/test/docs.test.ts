import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createGitRepository, startGitServer, type GitRepository, type GitServer } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld, type World } from './world.js';

const page = readFileSync(new URL('../../../docs/playbooks.md', import.meta.url), 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\\n\`\`\``, 'g'))].map(([, text = '']) => text);
const HOSTS = ['web1', 'web2', 'db1'];

describe('docs/playbooks.md', () => {
  let world: World;
  let repository: GitRepository;
  let server: GitServer;
  beforeAll(async () => {
    world = await openWorld();
    await world.startWorker({
      SECRET_DEPLOY_TOKEN: 'token-5e81',
      SECRET_VAULT_PASSWORD: 'vault-77c1',
      SECRET_GIT_TOKEN: 'git-20c4',
      SWITCHYARD_GIT_PROTOCOLS: 'http',
    });
    const playbook = `${blocks('yaml')[0] ?? ''}\n`;
    const inventory = `${blocks('ini')[0] ?? ''}\n`;
    await world.file('site.yml', playbook);
    await world.file('hosts.ini', inventory);
    await world.file('with-roles/site.yml', playbook);
    await world.file('with-roles/hosts.ini', inventory);
    await world.file('with-roles/requirements.yml', 'roles: []\n');
    repository = await createGitRepository('plays');
    await repository.commit({ 'ansible/site.yml': playbook, 'ansible/hosts.ini': inventory });
    server = await startGitServer({ path: repository.path, credentials: 'git:git-20c4' });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await repository[Symbol.asyncDispose]();
    await Promise.all(HOSTS.map((host) => rm(`/tmp/playbooks-page-${host}`, { force: true })));
    await world[Symbol.asyncDispose]();
  });

  it('has examples', () => expect(blocks('json').length).toBeGreaterThan(4));

  it.each(blocks('json'))('shows an input with which the playbook of the page ends well: %s', async (example) => {
    const here = example.replace('https://git.example.org/infra/plays.git', server.url);
    const input = JSON.parse(here) as { limit?: string };
    const result = await world.run(input);
    expect(result).toMatchObject({ verdict: 'successful', failedHosts: [] });
    expect(Object.keys(result.hosts).toSorted()).toEqual(
      HOSTS.filter((host) => host.startsWith(input.limit ?? '')).toSorted(),
    );
  });
});
