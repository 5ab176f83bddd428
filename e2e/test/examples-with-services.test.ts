import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventRuleStatusSchema } from '@switchyard/contracts';
import { fakeHttp, hostedZone, waitFor, type FakeAnswer, type FakeHttp, type RecordSet } from '@switchyard/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { repositoryFile, type CommandLine } from '../src/checkout.js';
import { blocksOf, edited } from '../src/edited.js';
import { noting, outcomes, RunbookRuns } from '../src/runbook-runs.js';
import { openSharedStack } from '../src/shared-stack.js';
import type { OpenStack } from '../src/stack.js';

let checkout: CommandLine;
let stack: OpenStack;
let runs: RunbookRuns;
/** The services of other companies that the examples call. */
let world: FakeHttp;

const asked = (route: string): FakeHttp['requests'] =>
  world.requests.filter(({ method, path }) => `${method} ${path}` === route);
const PAGE = 'POST /v2/enqueue';
const TICKET = 'POST /rest/api/2/issue';

/** An example, with the addresses of our services in place of those of the world. */
async function example(file: string, places: Readonly<Record<string, string>>): Promise<string> {
  const name = file.split('/').at(-1) ?? file;
  await writeFile(join(checkout.folder, name), edited(await repositoryFile(file), places));
  return name;
}
const services = (): Record<string, string> => ({
  '{ $secret: pagerduty-key }': `{ $secret: pagerduty-key }\n      url: ${world.url}`,
  'https://acme.atlassian.net': world.url,
});

beforeAll(async () => {
  ({ checkout, stack } = await openSharedStack('examples-with-services'));
  runs = new RunbookRuns(checkout, stack);
  for (const name of ['pagerduty-key', 'jira-token', 'slack-bot-token', 'aws-id', 'aws-key'])
    await runs.secret(name, `${name}-5e81`);
}, 240_000);
beforeEach(async () => {
  world = await fakeHttp({
    [PAGE]: ({ json }) => ({
      status: 202,
      body: { status: 'success', message: 'Event processed', dedup_key: (json as { dedup_key: string }).dedup_key },
    }),
    [TICKET]: { status: 201, body: { id: '10001', key: 'OPS-7', self: 'x' } },
    'GET /rest/api/2/search/jql': { body: { issues: [] } },
  });
  return () => world.close();
});
afterAll(() => stack.close());

describe('scale-out', { timeout: 240_000 }, () => {
  const busy = (percent: string): FakeAnswer => ({
    body: {
      status: 'success',
      data: { resultType: 'vector', result: [{ metric: { group: 'db' }, value: [1, percent] }] },
    },
  });
  const ok = async (...words: string[]): Promise<unknown> => {
    const { code, value, stderr } = await checkout.json(words);
    expect(code, JSON.stringify(value) + stderr).toBe(0);
    return value;
  };
  /** Waits until the run of the first firing of a rule has ended well, and takes the rule out of force. */
  const firedWell = async (rule: string): Promise<void> => {
    await waitFor(
      async () => {
        const status = eventRuleStatusSchema.parse(await ok('rules', 'show', rule));
        const state = status.firings[0]?.state;
        expect(state).not.toBe('failed');
        return state === 'succeeded' ? true : undefined;
      },
      { intervalMs: 500, what: 'the run of the rule' },
    );
    await ok('rules', 'delete', rule, '--reason', 'the test is over');
  };
  const playbook = async (): Promise<string> =>
    `${await runs.folder('scale', { 'scale_out.yml': noting('', 'localhost') })}/scale_out.yml`;

  it('is started by the rule of docs/event-rules.md, pages and writes a ticket', async () => {
    await example('examples/runbooks/scale-out.yaml', {
      ...services(),
      'playbooks/scale_out.yml': await playbook(),
    });
    const [rule = ''] = blocksOf(await repositoryFile('docs/event-rules.md'), 'yaml');
    await writeFile(
      join(checkout.folder, 'cpu.yaml'),
      edited(rule, { '../examples/runbooks/': '', 'for: 5m': 'for: 1s' }),
    );
    await ok('rules', 'apply', 'cpu.yaml', '--as', 'ann');
    await ok('rules', 'send-event', 'cpu', '--set', 'host=web1', '--set', 'cpu=91', '--id', 'alert-4711');
    await firedWell('cpu');
    expect(asked(PAGE)[0]?.json).toMatchObject({
      routing_key: 'pagerduty-key-5e81',
      dedup_key: 'scale-out-web1',
      payload: { summary: 'web1 grows: 1 alerts, the last one at 91 %' },
    });
    expect(asked(TICKET)[0]?.json).toMatchObject({ fields: { summary: 'Scale out web1: successful' } });
  });

  it('is started by the example rule that looks at Prometheus', async () => {
    await example('examples/runbooks/scale-out.yaml', { ...services(), 'playbooks/scale_out.yml': await playbook() });
    await example('examples/event-rules/cpu-scale-out.yaml', {
      'http://prometheus.example:9090': world.url,
      'every: 30s': 'every: 1s',
      'for: 5m': 'for: 2s',
      '../runbooks/': '',
    });
    world.on({ 'GET /api/v1/query': busy('97.5') });
    await ok('rules', 'apply', 'cpu-scale-out.yaml', '--as', 'ann');
    await firedWell('cpu-scale-out');
    expect(asked(PAGE)[0]?.json).toMatchObject({ dedup_key: 'scale-out-db' });
    expect(asked(TICKET)).toHaveLength(1);
  });

  it('on load waits for the new hosts to take their share, and resolves the alert', async () => {
    const file = await example('examples/runbooks/scale-out-on-load.yaml', services());
    world.on({ 'GET /api/v1/query': [busy('97'), busy('40')], 'POST /api/v1/query': [busy('97'), busy('40')] });
    await runs.start(file, 'on-load', {
      prometheus_url: world.url,
      cooldown: '10ms',
      playbook: await playbook(),
    });
    expect(Object.values(outcomes(await runs.endOf('on-load')))).toEqual(Array(7).fill('successful'));
    const [alert, resolved] = asked(PAGE).map(({ json }) => json as { event_action: string; dedup_key: string });
    expect([alert?.event_action, resolved?.event_action]).toEqual(['trigger', 'resolve']);
    expect(resolved?.dedup_key).toBe(alert?.dedup_key);
    expect(asked(TICKET)[0]?.json).toMatchObject({ fields: { summary: 'Scaled out at 97 % load' } });
  });
});

describe('azure-to-aws', { timeout: 240_000 }, () => {
  const noted = (name: string): string => `- hosts: localhost
  gather_facts: false
  tasks:
    - raw: echo ${name} >> {{ playbook_dir }}/ran.txt
`;
  const before: RecordSet = { ttl: 300, values: ['192.0.2.1'] };

  /** Starts the move; gives the record sets of the zone, and where the playbooks are. */
  async function move(runId: string): Promise<{ sets: Map<string, RecordSet>; playbooks: string }> {
    const sets = hostedZone(world, new Map([['app.example.com A', before]]));
    world.on({
      'GET /new/healthz': {},
      'POST /slack/chat.postMessage': { body: { ok: true, channel: 'C1', ts: '1.1' } },
    });
    const names = ['azure_shutdown', 'azure_start', 'aws_provision', 'aws_remove'];
    const playbooks = await runs.folder(runId, Object.fromEntries(names.map((name) => [`${name}.yml`, noted(name)])));
    const file = await example('examples/runbooks/azure-to-aws.yaml', {
      "zone: '${{ inputs.zone }}'": `zone: '\${{ inputs.zone }}', endpoint: '${world.url}', accessKeyId: { $secret: aws-id }, secretAccessKey: { $secret: aws-key }`,
      'https://${{ inputs.name }}': world.url,
      '{ $secret: slack-bot-token }': `{ $secret: slack-bot-token }, api: '${world.url}/slack/'`,
      'interval: 10s': 'interval: 10ms',
      'within: 10m': 'within: 1s',
    });
    await runs.start(file, runId, {
      playbooks,
      health_url: `${world.url}/new/healthz`,
      old_addresses: ['192.0.2.1'],
      new_addresses: ['192.0.2.20'],
      slack_channel: 'C1',
    });
    return { sets, playbooks };
  }

  it('changes the name when the new side is well, and tells people', async () => {
    world.on({ 'GET /healthz': {} });
    const { sets, playbooks } = await move('moved');
    expect(Object.values(outcomes(await runs.endOf('moved')))).toEqual(Array(6).fill('successful'));
    expect(sets.get('app.example.com A')).toEqual({ ttl: 60, values: ['192.0.2.20'] });
    expect(await runs.ran(playbooks)).toEqual(['azure_shutdown', 'aws_provision']);
    expect(JSON.stringify(asked('POST /slack/chat.postMessage')[0]?.json)).toContain('served from AWS now');
  });

  it('goes all the way back when the name does not serve', async () => {
    world.on({ 'GET /healthz': { status: 503 } });
    const { sets, playbooks } = await move('moved-back');
    await expect(runs.endOf('moved-back')).rejects.toMatchObject({ cause: { type: 'GateFailed' } });
    expect(sets.get('app.example.com A')?.values).toEqual(before.values);
    expect(await runs.ran(playbooks)).toEqual(['azure_shutdown', 'aws_provision', 'aws_remove', 'azure_start']);
    expect(asked('POST /slack/chat.postMessage')).toEqual([]);
  });
});
