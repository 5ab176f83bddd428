import { describe, expect, test } from 'vitest';
import { pluginEventSchema } from '../events/plugin-event.js';
import { Tally } from './tally.js';
import { judge, type ProcessEnd } from './verdict.js';

let seq = 0;
function tallyOf(...events: Record<string, unknown>[]): Tally {
  const tally = new Tally();
  for (const event of events) tally.take(pluginEventSchema.parse({ v: 1, seq: ++seq, ts: 1, ...event }));
  return tally;
}

const ended = (exitCode: number | null, tail: string[] = [], more: Partial<ProcessEnd> = {}): ProcessEnd => ({
  ended: 'exited',
  exitCode,
  signal: null,
  tail,
  ...more,
});

const hosts = (...names: string[]) => ({ ev: 'hosts', names });
const plan = (more: Record<string, unknown> = {}) => ({
  ev: 'plan',
  total: 2,
  plays: [{ name: 'p', pattern: 'all', hosts: 2, tasks: 1 }],
  groups: 'sha256:0',
  reasons: [],
  split: false,
  ...more,
});
const playStart = { ev: 'play_start', play: 'p', play_id: '1', pattern: 'all' };
const task = { task: 't', task_id: '2', action: 'raw' };
const result = (ev: string, host: string, more: Record<string, unknown> = {}) => ({
  ev,
  host,
  ...task,
  res: {},
  ...more,
});
const stats = (byHost: Record<string, Record<string, number>>) => [
  { ev: 'host_stats', hosts: byHost },
  { ev: 'stats', count: Object.keys(byHost).length },
];

describe('a process that came to its end on hosts', () => {
  const begin = [hosts('a', 'b'), plan(), playStart];

  test('0 and clean stats: successful', () => {
    const verdict = judge(ended(0), tallyOf(...begin, ...stats({ a: { ok: 1 }, b: { ok: 1, changed: 1 } })));
    expect(verdict).toMatchObject({
      kind: 'finished',
      outcome: 'successful',
      hosts: { a: { outcome: 'ok' }, b: { changed: 1 } },
    });
  });

  test('0 and clean stats, but no task to start at was found: refused, because nothing ran', () => {
    const facts = { ev: 'task_start', task: 'Gathering Facts', task_id: '1', action: 'gather_facts' };
    const clean = stats({ a: { ok: 1 }, b: { ok: 1 } });
    const asked = { startAtTask: 'typo' };
    expect(judge(ended(0), tallyOf(...begin, facts, ...clean), asked)).toMatchObject({
      kind: 'refused',
      code: 'AnsiblePlaybookInvalid',
    });
    const started = { ev: 'task_start', ...task };
    expect(judge(ended(0), tallyOf(...begin, facts, started, ...clean), asked)).toMatchObject({ kind: 'finished' });
    expect(judge(ended(0), tallyOf(...begin, facts, ...clean))).toMatchObject({ kind: 'finished' });
  });

  test('0 with failed events that the stats call rescued or ignored: successful', () => {
    const verdict = judge(
      ended(0),
      tallyOf(
        ...begin,
        result('failed', 'a'),
        result('failed', 'b', { ignored: true }),
        ...stats({ a: { ok: 1, rescued: 1 }, b: { ok: 1, ignored: 1 } }),
      ),
    );
    expect(verdict).toMatchObject({
      outcome: 'successful',
      hosts: { a: { outcome: 'ok', rescued: 1 }, b: { ignored: 1 } },
    });
  });

  test('0 with failures in the stats: failed, whatever the exit code says', () => {
    expect(judge(ended(0), tallyOf(...begin, ...stats({ a: { failures: 1 }, b: { ok: 1 } })))).toMatchObject({
      outcome: 'failed',
    });
  });

  test('0 with hosts and no task at all: successful, each host ok', () => {
    expect(judge(ended(0), tallyOf(...begin, ...stats({})))).toMatchObject({
      outcome: 'successful',
      hosts: { a: { outcome: 'ok' }, b: { outcome: 'ok' } },
    });
  });

  test('0 with every task skipped on a host: that host is skipped', () => {
    expect(judge(ended(0), tallyOf(...begin, ...stats({ a: { skipped: 2 }, b: { ok: 1 } })))).toMatchObject({
      outcome: 'successful',
      hosts: { a: { outcome: 'skipped' } },
    });
  });

  test('2 with stats: the failed hosts failed', () => {
    expect(
      judge(ended(2), tallyOf(...begin, result('failed', 'a'), ...stats({ a: { failures: 1 }, b: { ok: 1 } }))),
    ).toMatchObject({
      kind: 'finished',
      outcome: 'failed',
      hosts: { a: { outcome: 'failed', failed: 1 }, b: { outcome: 'ok' } },
    });
  });

  test('2 when the play was broken off: hosts that it never got to did not start', () => {
    expect(judge(ended(2), tallyOf(...begin, ...stats({ a: { failures: 1 } })))).toMatchObject({
      hosts: { a: { outcome: 'failed' }, b: { outcome: 'not-started' } },
    });
  });

  test('4 with only unreachable hosts: unreachable', () => {
    expect(judge(ended(4), tallyOf(...begin, ...stats({ a: { unreachable: 1 }, b: { ok: 1 } })))).toMatchObject({
      outcome: 'unreachable',
    });
  });

  test('4 with failed hosts too: failed, for that is not mended by waiting', () => {
    expect(judge(ended(4), tallyOf(...begin, ...stats({ a: { unreachable: 1 }, b: { failures: 1 } })))).toMatchObject({
      outcome: 'failed',
    });
  });

  test('an error after clean stats is no success', () => {
    expect(judge(ended(250, ['ERROR! boom']), tallyOf(...begin, ...stats({ a: { ok: 1 } })))).toMatchObject({
      kind: 'refused',
      code: 'AnsibleCrashed',
      isRetryable: false,
    });
  });

  test('a cancel that came after the stats changes nothing', () => {
    expect(
      judge(ended(0, [], { ended: 'cancelled' }), tallyOf(...begin, ...stats({ a: { ok: 1 }, b: { ok: 1 } }))),
    ).toMatchObject({
      kind: 'finished',
      outcome: 'successful',
    });
  });
});

describe('a process that matched no host', () => {
  test('0 and stats without a host', () => {
    expect(
      judge(ended(0), tallyOf(plan({ total: 0 }), playStart, { ev: 'no_hosts_matched' }, ...stats({}))),
    ).toMatchObject({
      kind: 'refused',
      code: 'AnsibleNoHostsMatched',
      verdict: 'no-hosts',
    });
  });

  test.each([
    'ERROR! Could not match supplied host pattern, ignoring: web',
    '[ERROR]: Specified inventory, host pattern and/or --limit leaves us with no hosts to target.',
    'ERROR! Specified hosts and/or --limit does not match any hosts',
  ])('1 and %j', (line) => {
    expect(judge(ended(1, [line]), tallyOf())).toMatchObject({ code: 'AnsibleNoHostsMatched', isRetryable: false });
  });
});

describe('a process that never got to its hosts', () => {
  test('0 and no stats: never a success', () => {
    expect(judge(ended(0, []), tallyOf())).toMatchObject({ kind: 'refused', code: 'AnsibleCrashed', verdict: 'error' });
  });

  test.each([
    [1, 'ERROR! the playbook: x.yml could not be found'],
    [1, 'ERROR! Attempting to decrypt but no vault secrets found'],
    [1, '[ERROR]: Decryption failed (no vault secrets were found that could decrypt).'],
    [2, 'ansible-playbook: error: unrecognized arguments: --nope'],
    [4, "ERROR! couldn't resolve module/action 'nope'. This often indicates a misspelling"],
    [4, '[ERROR]: YAML parsing failed: Did not find expected node'],
    [5, 'ERROR! options are not right'],
  ])('%i and %j: the playbook is invalid', (exitCode, line) => {
    const verdict = judge(ended(exitCode, ['', line]), tallyOf());
    expect(verdict).toMatchObject({ kind: 'refused', code: 'AnsiblePlaybookInvalid', isRetryable: false });
    expect(verdict).toHaveProperty('message', line.replace(/^(?:\[ERROR\]:|ERROR!)\s*/, ''));
  });

  test.each([
    'ERROR! No inventory was parsed, please check your configuration and options.',
    'ERROR! Completely failed to parse inventory source /x/hosts',
    "[ERROR]: Failed to parse inventory with 'ini' plugin: Expected key=value",
  ])('1 and %j: the inventory is invalid', (line) => {
    expect(judge(ended(1, [line]), tallyOf())).toMatchObject({ code: 'AnsibleInventoryInvalid', isRetryable: false });
  });

  test('it was never started', () => {
    expect(judge(ended(null, [], { ended: 'not-started', reason: 'no such program' }), tallyOf())).toMatchObject({
      code: 'AnsibleCrashed',
      isRetryable: true,
    });
  });

  test('it named too many hosts and ended: split', () => {
    expect(judge(ended(0), tallyOf(hosts('a', 'b'), plan({ split: true })))).toEqual({ kind: 'split' });
  });
});

describe('a process that was broken off', () => {
  const begun = [hosts('a'), plan({ total: 1 }), playStart, { ev: 'task_start', ...task }, result('ok', 'a')];

  test('99 without a cancel of ours: interrupted from outside, tried again', () => {
    expect(judge(ended(99), tallyOf(...begun))).toMatchObject({ code: 'AnsibleCrashed', isRetryable: true });
  });

  test('250: an unexpected exception, tried again', () => {
    expect(judge(ended(250, ['Traceback']), tallyOf(...begun))).toMatchObject({
      code: 'AnsibleCrashed',
      isRetryable: true,
    });
  });

  test('a signal: lost, tried again', () => {
    expect(judge(ended(null, [], { ended: 'signalled', signal: 'SIGKILL' }), tallyOf(...begun))).toMatchObject({
      code: 'AnsibleCrashed',
      isRetryable: true,
    });
  });

  test('1 in the middle of a play: refused, and the message says where', () => {
    expect(judge(ended(1, ['ERROR! Unable to retrieve file contents']), tallyOf(...begun))).toMatchObject({
      code: 'AnsiblePlaybookInvalid',
      message: 'Unable to retrieve file contents (after task "t")',
    });
  });

  test('3 before a play on hosts that it was not given: refused with their names', () => {
    expect(judge(ended(3), tallyOf({ ev: 'strayed', hosts: ['b', 'c'], count: 7 }))).toMatchObject({
      code: 'AnsibleInventoryInvalid',
      isRetryable: false,
      message: expect.stringContaining('would run on b, c and 5 more, which it was not given'),
    });
  });

  test('our cancel, whatever code or signal it ended with', () => {
    expect(judge(ended(99, [], { ended: 'cancelled' }), tallyOf(...begun))).toEqual({ kind: 'cancelled' });
    expect(judge(ended(null, [], { ended: 'cancelled', signal: 'SIGKILL' }), tallyOf(...begun))).toEqual({
      kind: 'cancelled',
    });
  });

  test('our time-out', () => {
    expect(judge(ended(99, [], { ended: 'timed-out', reason: 'no end within 5 ms' }), tallyOf(...begun))).toMatchObject(
      { kind: 'timed-out' },
    );
  });

  test('stats that lost a line are no stats', () => {
    expect(
      judge(ended(0), tallyOf(...begun, { ev: 'host_stats', hosts: { a: { ok: 1 } } }, { ev: 'stats', count: 2 })),
    ).toMatchObject({
      code: 'AnsibleCrashed',
    });
  });
});
