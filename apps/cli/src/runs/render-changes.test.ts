import pc from 'picocolors';
import { expect, it } from 'vitest';
import { renderChanges } from './render-changes.js';

const paint = { color: pc.createColors(false), width: 60 };
const result = (changes?: object) => ({
  runId: 'patch-1',
  verdict: 'failed',
  hosts: {},
  failedHosts: [],
  batches: 1,
  inventoryDigest: '',
  durationMs: 1,
  tail: [],
  ...(changes === undefined ? {} : { changes }),
});

it('the changes of a check are shown host by host with their diffs, also of a run that failed', () => {
  const hosts = {
    web1: [
      { task: 'Config', diff: '--- before\n+++ after\n@@ -1 +1 @@\n-a\n+b\n' },
      { task: 'Add', item: 'x' },
    ],
  };
  const details = result({ check: true, hosts, leftOut: 3 });
  expect(
    renderChanges({ ok: false, runId: 'patch-1', code: 'AnsibleHostsFailed', message: '', details }, paint),
  ).toEqual([
    '  web1 would change',
    '    Config',
    '      --- before',
    '      +++ after',
    '      @@ -1 +1 @@',
    '      -a',
    '      +b',
    '    Add (item x)',
    '  and 3 more changes: switchyard runs logs patch-1',
  ]);
});

it('a check that finds nothing says so, and a run without check or diff says nothing', () => {
  const shown = (changes?: object) => renderChanges({ ok: true, runId: 'patch-1', result: result(changes) }, paint);
  expect(shown({ check: true, hosts: {}, leftOut: 0 })).toEqual(['  nothing would change']);
  expect(shown()).toEqual([]);
});
