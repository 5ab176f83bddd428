import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatProblems, parse } from '../parse.js';
import { ansibleInputSchema } from './ansible.js';
import { migrationInputSchema } from './migration.js';
import { runbookRunSchema } from './runbook.js';
import { terraformInputSchema } from './terraform.js';

const problemsOf = (schema: Parameters<typeof parse>[0], value: unknown): string => {
  const result = parse(schema, value);
  return result.ok ? '' : formatProblems(result.problems);
};

describe('input of AnsibleWorkflow', () => {
  it('may be a bare playbook', () => {
    expect(ansibleInputSchema.parse('apt_update.yml')).toMatchObject({
      playbook: 'apt_update.yml',
      timeout: 900_000,
      retry: { attempts: 3, only: 'failed-hosts' },
    });
  });

  it('may use the spellings of older scripts, but not both spellings of one field', () => {
    expect(ansibleInputSchema.parse({ playbook_path: 'a.yml', inventory_path: 'hosts' })).toMatchObject({
      playbook: 'a.yml',
      inventory: 'hosts',
    });
    expect(problemsOf(ansibleInputSchema, { playbook_path: 'a.yml', playbook: 'b.yml' })).toContain(
      'unknown field "playbook_path"; did you mean "playbook"?',
    );
  });

  it.each([[null], [''], [{}], [{ playbook: '' }], [[]], [7]])('%j is refused', (value) => {
    expect(problemsOf(ansibleInputSchema, value)).not.toBe('');
  });

  it('accepts the documented example as it is written', () => {
    const example = {
      playbook: 'site.yml',
      project: { path: 'infra/ansible' },
      inventory: { groups: { web: { hosts: { web1: { ansible_connection: 'local' } } } } },
      limit: 'web',
      extraVars: { release: '1.4' },
      batchSize: 50,
      maxParallel: 4,
      retry: { attempts: 3, only: 'failed-hosts' },
      timeout: '15m',
    };
    expect(ansibleInputSchema.parse(example)).toMatchObject({ limit: ['web'], timeout: 900_000 });
  });

  it('accepts the examples of docs/inventories.md', () => {
    const page = readFileSync(new URL('../../../../docs/inventories.md', import.meta.url), 'utf8');
    const examples = [...page.matchAll(/^```json\n(.*?)^```/gms)].map(([, text = '']) => JSON.parse(text) as unknown);
    expect(examples).toHaveLength(2);
    for (const example of examples) expect(problemsOf(ansibleInputSchema, example)).toBe('');
  });

  it.each([
    [{ source: 'cmdb', url: 'https://ops:word@cmdb.example.com' }, 'must hold no credentials'],
    [{ source: 'cmdb', url: 'file:///etc/passwd' }, 'url'],
    [{ source: 'cmdb', url: 'https://cmdb.example.com', token: 'in clear' }, 'token'],
    [{ source: 'terraform', outputs: {}, groups: {} }, 'name at least one group'],
    [[], 'inventory'],
  ])('refuses the inventory %j', (inventory, problem) => {
    expect(problemsOf(ansibleInputSchema, { playbook: 'a.yml', inventory })).toContain(problem);
  });

  it('parses what it parsed before to the same value, so that it may travel parsed', () => {
    const once = ansibleInputSchema.parse({ playbook: 'a', timeout: '2m', limit: 'x' });
    expect(ansibleInputSchema.parse(once)).toEqual(once);
  });
});

describe('input of TerraformWorkflow', () => {
  it('accepts the documented example and fills in the policy', () => {
    expect(
      terraformInputSchema.parse({
        stack: { path: 'infra/network' },
        workspace: 'default',
        vars: { env: 'dev' },
        action: 'apply',
        approval: { required: 1, timeout: '1h' },
      }),
    ).toMatchObject({
      approval: { required: 1, timeout: 3_600_000, selfApproval: false },
    });
  });

  it('refuses a workspace or a variable that is no name', () => {
    expect(problemsOf(terraformInputSchema, { stack: { path: 'x' }, workspace: '../other' })).toContain(
      'workspace: must be 1 to 90 letters',
    );
    expect(problemsOf(terraformInputSchema, { stack: { path: 'x' }, vars: { '-auto-approve': 1 } })).toContain('vars');
  });
});

describe('input of DatabaseMigrationWorkflow', () => {
  it('accepts the spellings of older callers', () => {
    expect(
      migrationInputSchema.parse({
        DatabaseURL: 'postgres://app@db/app',
        ChangelogFile: 'c.yaml',
        BackupRequired: true,
      }),
    ).toMatchObject({
      databaseUrl: 'postgres://app@db/app',
      changelogFile: 'c.yaml',
      backupRequired: true,
    });
  });

  it('wants one connection and one source of changes', () => {
    expect(problemsOf(migrationInputSchema, { database: 'app' })).toContain('name one source of changes');
    expect(problemsOf(migrationInputSchema, { database: 'app', databaseUrl: 'x', changelogFile: 'c' })).toContain(
      'name one connection',
    );
    expect(problemsOf(migrationInputSchema, { database: 'app', changelogFile: 'c', onFailure: 'restore' })).toContain(
      'needs `backupRequired: true`',
    );
    expect(
      problemsOf(migrationInputSchema, {
        database: 'app',
        changelogFile: 'c',
        validate: [{ sql: 'select 1', expect: {} }],
      }),
    ).toContain('name at least one of equals');
  });
});

describe('input of RunbookWorkflow', () => {
  it('points into the runbook', () => {
    const runbook = {
      apiVersion: 'switchyard.dev/v1',
      kind: 'Runbook',
      metadata: { name: 'x' },
      steps: [{ id: 'a b', uses: 'ansible' }],
    };
    expect(problemsOf(runbookRunSchema, { runbook })).toContain('runbook.steps[0].id: must start with a letter');
  });
});
