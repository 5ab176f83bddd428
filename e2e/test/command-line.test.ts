import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlag } from '@switchyard/store';
import { waitFor } from '@switchyard/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandLine } from '../src/checkout.js';
import { openGate } from '../src/open-gate.js';
import { processesOfRun } from '../src/processes-of-run.js';
import { openSharedStack } from '../src/shared-stack.js';
import type { OpenStack } from '../src/stack.js';

const FOLDER = 'command-line';
let checkout: CommandLine;
let stack: OpenStack;

const play = (task: string, hosts = 'localhost'): string =>
  `- hosts: ${hosts}\n  connection: local\n  gather_facts: false\n  tasks:\n    - ${task}\n`;
const runbook = (steps: string): string =>
  `apiVersion: switchyard.dev/v1\nkind: Runbook\nmetadata: { name: test }\nsteps:\n${steps}`;

beforeAll(async () => {
  ({ checkout, stack } = await openSharedStack(FOLDER));
  const files: Record<string, string> = {
    'good.yml': play("raw: 'true'"),
    'bad.yml': play("raw: 'false'"),
    'broken.yml': '- hosts: [\n',
    'nobody.yml': play("raw: 'true'", 'nobody'),
    'slow.yml': play('raw: sleep 120'),
    'hosts.ini': 'a ansible_connection=local\nb ansible_connection=local\n',
    'mended.yml':
      '- hosts: all\n  gather_facts: false\n  tasks:\n    - raw: test {{ inventory_hostname }} = a || test -e {{ playbook_dir }}/mended\n',
    'stack/main.tf':
      'resource "terraform_data" "x" {\n  input = "hello"\n}\noutput "word" {\n  value = terraform_data.x.output\n}\n',
    'broken-stack/main.tf': 'resource "terraform_data" {\n',
    'empty-stack/readme.txt': 'no configuration here\n',
    'changelog.yaml':
      'databaseChangeLog:\n  - changeSet:\n      id: wrong\n      author: test\n      changes:\n        - sql: { sql: select no_such_column from nowhere }\n',
    'approval.yaml': runbook(
      `  - { id: go, uses: approval, with: { title: Go on? } }\n  - { id: run, uses: ansible, needs: [go], with: { playbook: ${FOLDER}/good.yml } }\n`,
    ),
    'held.yaml': runbook(
      `  - { id: shaky, uses: ansible, onFailure: hold, with: { playbook: ${FOLDER}/shaky.yml, retry: { attempts: 1 } } }\n`,
    ),
    'cycle.yaml': runbook(
      '  - { id: a, uses: wait, needs: [b], with: { for: 1s } }\n  - { id: b, uses: wait, needs: [a], with: { for: 1s } }\n',
    ),
    'undefined.yaml': runbook("  - { id: a, uses: ansible, with: { playbook: '${{ inputs.book }}' } }\n"),
    'wrong-type.yaml': runbook('  - { id: a, uses: wait, with: { for: soon } }\n'),
    'shaky.yml': play('fail: { msg: the mend is missing }'),
  };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(checkout.folder, name, '..'), { recursive: true });
    await writeFile(join(checkout.folder, name), content);
  }
});
afterAll(() => stack.close());

describe('the gateway of the stack', () => {
  const FLAG = 'command-line.seen';
  const OFF = {
    kind: 'boolean' as const,
    variants: { off: false },
    defaultVariant: 'off',
    rollout: null,
    rules: [],
    isEnabled: true,
  };

  it('answers where status says that it is', async () => {
    const { value } = await checkout.json(['status']);
    const { gateway } = value as { readonly gateway: { readonly url: string; readonly state: string } };
    expect(gateway.state).toBe('running');
    await setFlag(stack.store.knex, {
      key: FLAG,
      run: { runId: 'none', workflowId: 'none' },
      definition: OFF,
      reason: 'a test',
    });
    const { flags } = (await (await fetch(`${gateway.url}/flags/v1/flags`)).json()) as { flags: object[] };
    expect(flags).toContainEqual(expect.objectContaining({ key: FLAG }));
    expect(await checkout.json(['flags', 'list'])).toMatchObject({ code: 0, value: flags });
  });
});

describe('bad input', () => {
  /** What is typed, the code that it fails with, the exit code, and a word that its message must hold. */
  const cases: readonly (readonly [string, string, number, string])[] = [
    ['run ansible missing.yml --wait', 'NotFound', 2, 'missing.yml'],
    ['run ansible good.yml -i nowhere.ini --wait', 'AnsibleInventoryInvalid', 2, 'nowhere.ini'],
    ['run ansible nobody.yml -i hosts.ini --wait', 'AnsibleNoHostsMatched', 2, 'nobody'],
    ['run ansible broken.yml --wait', 'AnsiblePlaybookInvalid', 2, 'broken.yml'],
    ['run ansible ../../../../etc/passwd --wait', 'PathRefused', 2, 'SWITCHYARD_PROJECT_ROOTS'],
    ['run ansible', 'InvalidInput', 2, 'playbook'],
    ['run ansible bad.yml --attempts 1 --wait', 'AnsibleHostsFailed', 1, 'localhost'],
    ['run terraform broken-stack --wait', 'TerraformConfigInvalid', 2, 'main.tf'],
    ['run terraform empty-stack --wait', 'NotFound', 2, 'empty-stack'],
    ['run terraform stack --workspace ../x --wait', 'InvalidInput', 2, 'workspace'],
    ['run migration -d app --changelog changelog.yaml --wait', 'MigrationFailed', 1, 'wrong'],
    ['run migration -d nothere --changelog changelog.yaml --wait', 'NotFound', 2, 'nothere'],
    ['run migration -d app', 'InvalidInput', 2, 'changelogFile'],
    ['run runbook cycle.yaml', 'InvalidInput', 2, 'cycle.yaml:'],
    ['run runbook undefined.yaml', 'InvalidInput', 2, 'book'],
    ['run runbook wrong-type.yaml', 'InvalidInput', 2, 'soon'],
    ['run runbook nowhere.yaml', 'NotFound', 2, 'nowhere.yaml'],
    ['run workflow Greet --task-queue ansible-que', 'NotFound', 2, 'did you mean "ansible-queue"?'],
    ['run workflow AnsibleWorkflo', 'InvalidInput', 2, 'AnsibleWorkflow'],
    ['runs show no-such-run', 'NotFound', 2, 'no-such-run'],
    ['approve no-such-run --yes', 'NotFound', 2, 'no-such-run'],
  ];

  it.each(cases)('%s fails with %s and exit code %i', async (command, code, exit, word) => {
    const {
      code: seen,
      value,
      stderr,
    } = await checkout.json<{ error?: { code: string; message: string } }>(command.split(' '));
    expect(value.error?.code, JSON.stringify(value) + stderr).toBe(code);
    expect(value.error?.message).toContain(word);
    expect(seen).toBe(exit);
  });
});

describe('a run from the command line', () => {
  it('is followed to its end, listed, shown and told event by event', async () => {
    const run = await checkout.json<{ ok: boolean; runId: string; result: { verdict: string; hosts: object } }>([
      'run',
      'ansible',
      'good.yml',
      '-i',
      'hosts.ini',
      '-l',
      'a',
      '--id',
      'listed',
      '--wait',
    ]);
    // The play is for localhost, which the inventory does not name: implicit localhost never matches a limit.
    expect([run.code, run.value.runId]).toEqual([2, 'listed']);
    const all = await checkout.json<{ ok: boolean; result: { verdict: string } }>([
      'run',
      'ansible',
      'good.yml',
      '--id',
      'shown',
      '--wait',
    ]);
    expect(all.value, all.stderr).toMatchObject({ ok: true, result: { verdict: 'successful' } });
    const listed = await waitFor(
      async () => {
        const { value } = await checkout.json<{ runId: string; status: string }[]>(['runs', 'list']);
        return value.find((candidate) => candidate.runId === 'shown');
      },
      { intervalMs: 250, what: 'the run in the list' },
    );
    expect(listed).toMatchObject({ status: 'COMPLETED', kind: 'ansible' });
    const shown = await checkout.json<{ view: { state: string; steps: object[] }; outcome: { ok: boolean } }>([
      'runs',
      'show',
      'shown',
    ]);
    expect(shown.value).toMatchObject({ view: { state: 'done', progress: 100 }, outcome: { ok: true } });
    const logs = await checkout.cli(['runs', 'logs', 'shown', '--json']);
    const events = logs.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { seq: number; type: string });
    expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1));
    expect(events.at(0)?.type).toBe('run_started');
    expect(events.at(-1)?.type).toBe('run_finished');
  });

  it('joins a run of the same id, and refuses an id that was used up', async () => {
    expect((await checkout.json(['run', 'ansible', 'good.yml', '--id', 'once', '--wait'])).code).toBe(0);
    const again = await checkout.json<{ error: { message: string } }>(['run', 'ansible', 'good.yml', '--id', 'once']);
    expect(again.code).toBe(2);
    expect(again.value.error.message).toContain('run "once" exists and is completed');
  });

  it('waits for a second person, refuses the starter, and binds the approval to what was shown', async () => {
    const { value } = await checkout.json<{ runId: string }>(['run', 'runbook', 'approval.yaml', '--as', 'ann']);
    const { evidence } = await openGate(stack.client, value.runId);
    expect((await checkout.json(['runs', 'show', value.runId])).value).toMatchObject({
      openGates: [{ gate: { evidence } }],
    });
    expect((await checkout.json(['approve', value.runId])).code).toBe(2);
    expect(
      (await checkout.json(['approve', value.runId, '--as', 'bob', '--evidence', `sha256:${'0'.repeat(64)}`])).code,
    ).toBe(3);
    const own = await checkout.json<{ error: { message: string } }>([
      'approve',
      value.runId,
      '--as',
      'ann',
      '--evidence',
      evidence,
    ]);
    expect(own.value.error.message).toContain('may not approve');
    expect(
      (await checkout.json(['approve', value.runId, '--as', 'bob', '--evidence', evidence, '--reason', 'fine'])).code,
    ).toBe(0);
    expect((await checkout.json(['runs', 'watch', value.runId])).code).toBe(0);
    const { rows } = await stack.store.knex.raw<{ rows: { by: string; decision: string }[] }>(
      'select by, decision from switchyard.decisions where run_id = ?',
      [value.runId],
    );
    expect(rows).toEqual([{ by: 'bob', decision: 'approve' }]);
  });

  it('is rejected with exit code 4, and aborted with 5 and nothing left running', async () => {
    const rejected = await checkout.json<{ runId: string }>(['run', 'runbook', 'approval.yaml']);
    await openGate(stack.client, rejected.value.runId);
    expect((await checkout.cli(['reject', rejected.value.runId, '--reason', 'not today', '--as', 'bob'])).code).toBe(0);
    expect((await checkout.json(['runs', 'watch', rejected.value.runId])).code).toBe(4);
    const slow = await checkout.json<{ runId: string }>(['run', 'ansible', 'slow.yml']);
    await waitFor(
      async () =>
        (await checkout.cli(['runs', 'logs', slow.value.runId])).stdout.includes('ansible') ? true : undefined,
      { intervalMs: 250, what: 'the playbook to start' },
    );
    expect((await checkout.json(['abort', slow.value.runId, '--reason', 'enough'])).code).toBe(0);
    expect((await checkout.json(['runs', 'watch', slow.value.runId])).code).toBe(5);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends with the job that started it when that job is told to by %s',
    async (signal) => {
      const id = `job-${signal.toLowerCase()}`;
      const job = checkout.start(['run', 'ansible', 'slow.yml', '--id', id, '--cancel-on-interrupt', '--json']);
      let output = '';
      job.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
      const ended = new Promise<number | null>((resolve) => job.once('close', resolve));
      await waitFor(async () => ((await processesOfRun(id)).length > 0 ? true : undefined), {
        what: 'the playbook to start',
      });
      job.kill(signal);
      expect(await ended).toBe(5);
      expect(JSON.parse(output)).toMatchObject({ runId: id, ok: false, error: { code: 'Cancelled' } });
      expect(await processesOfRun(id)).toEqual([]);
    },
  );

  it('is taken up again on its failed hosts, and both runs say so', async () => {
    const first = ['run', 'ansible', 'mended.yml', '-i', 'hosts.ini', '--attempts', '1', '--id', 'half', '--wait'];
    expect((await checkout.json(first)).code).toBe(1);
    await writeFile(join(checkout.folder, 'mended'), '');
    const second = ['runs', 'retry', 'half', '--hosts', 'failed', '--id', 'other-half', '--wait'];
    const retried = await checkout.json<{ result: { hosts: object } }>(second);
    expect(retried.code, retried.stderr).toBe(0);
    expect(Object.keys(retried.value.result.hosts)).toEqual(['b']);
    expect((await checkout.json(['runs', 'show', 'half'])).value).toMatchObject({ retriedBy: ['other-half'] });
    expect((await checkout.json(['runs', 'show', 'other-half'])).value).toMatchObject({ retryOf: ['half'] });
    const { stdout } = await checkout.cli(['runs', 'show', 'half']);
    expect(stdout).toContain('taken up by other-half');
    // Nothing is left that failed.
    expect((await checkout.json(['runs', 'retry', 'other-half', '--wait'])).code).toBe(2);
  });

  it('parks a failed step for a person, who mends it and retries', async () => {
    const held = await checkout.json<{ runId: string }>(['run', 'runbook', 'held.yaml']);
    await waitFor(
      async () => {
        const { value: shown } = await checkout.json<{ view: { waitingFor: { kind: string } | null } }>([
          'runs',
          'show',
          held.value.runId,
        ]);
        return shown.view?.waitingFor?.kind === 'person' ? true : undefined;
      },
      { intervalMs: 250, what: 'the hold' },
    );
    await writeFile(join(checkout.folder, 'shaky.yml'), play("raw: 'true'"));
    expect((await checkout.json(['retry', held.value.runId, 'other'])).code).toBe(3);
    expect((await checkout.json(['retry', held.value.runId, 'shaky'])).code).toBe(0);
    expect((await checkout.json(['runs', 'watch', held.value.runId])).code).toBe(0);
  });
});

describe('the command line itself', () => {
  it('prints one JSON document and nothing else with --json', async () => {
    for (const command of [
      ['version'],
      ['status'],
      ['doctor'],
      ['runs', 'list'],
      ['runbook', 'schema'],
      ['runbook', 'validate', 'approval.yaml'],
    ]) {
      const { stdout } = await checkout.cli([...command, '--json']);
      expect(stdout.trim().split('\n')).toHaveLength(1);
      expect(() => JSON.parse(stdout) as unknown).not.toThrow();
    }
  });

  it('ends with 2 for words that it does not know, and says what was meant', async () => {
    const { code, stderr } = await checkout.cli(['staus']);
    expect(code).toBe(2);
    expect(stderr).toContain('Did you mean status?');
  });
});
