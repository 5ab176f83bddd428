import type { StoredEvent } from '@switchyard/contracts';
import { describe, expect, it } from 'vitest';
import { afterKill } from './after-kill-events.ts';

const event = (second: number, type: string, subject: string | null, source: StoredEvent['source'] = 'ansible') =>
  ({ at: new Date(second * 1_000).toISOString(), type, subject, source }) as StoredEvent;

describe('after a kill', () => {
  it('the run goes on with the first thing that the tool does again, not with what the run itself says', () => {
    const events = [event(1, 'host_ok', 'a'), event(6, 'step_retried', null, 'step'), event(9, 'playbook_start', null)];
    expect(afterKill(events, 5_000)).toEqual({ resumedMs: 4_000, again: [] });
  });

  it('hosts that had ended are told when they were worked on again', () => {
    const events = [
      event(1, 'host_ok', 'a'),
      event(2, 'host_ok', 'b'),
      event(9, 'host_ok', 'b'),
      event(9, 'host_ok', 'c'),
    ];
    expect(afterKill(events, 5_000).again).toEqual(['b']);
  });

  it('a run that never goes on has no such moment', () => {
    expect(afterKill([event(1, 'host_ok', 'a')], 5_000).resumedMs).toBeNull();
  });
});
