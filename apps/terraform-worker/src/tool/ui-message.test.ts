import { describe, expect, it } from 'vitest';
import { eventOfMessage } from './event-of-message.js';
import { parseUiMessage } from './ui-message.js';

const NOW = '2026-11-20T10:00:00.000Z';
const eventOf = (message: Record<string, unknown>) => {
  const parsed = parseUiMessage(JSON.stringify({ '@level': 'info', '@message': 'm', ...message }));
  return parsed && eventOfMessage(parsed, 'apply', NOW);
};

describe('UI messages', () => {
  it.each(['There are some problems with the CLI configuration:', '', '{"type":', '[]', '{"no":"type"}'])(
    'leaves a line that is no message to the caller: %j',
    (line) => {
      expect(parseUiMessage(line)).toBeUndefined();
    },
  );

  it('tells what was created, with the id that the provider gave', () => {
    const event = eventOf({
      type: 'apply_complete',
      '@message': 'vm.a: Creation complete',
      hook: { resource: { addr: 'vm.a' }, action: 'create', id_key: 'id', id_value: 'i-1', elapsed_seconds: 3 },
    });
    expect(event).toMatchObject({
      type: 'apply_complete',
      level: 'info',
      subject: 'vm.a',
      data: { command: 'apply', action: 'create', id: 'i-1', elapsedSeconds: 3 },
    });
  });

  it('passes types on that it does not know', () => {
    expect(eventOf({ type: 'policy_result', verdict: 'ok' })).toMatchObject({ type: 'policy_result', message: 'm' });
  });

  it('marks what errored as an error although the tool says info', () => {
    expect(eventOf({ type: 'apply_errored', hook: { resource: { addr: 'vm.a' } } })).toMatchObject({ level: 'error' });
  });

  it('leaves out what every command says', () => {
    expect(eventOf({ type: 'version', terraform: '1.11.4' })).toBeUndefined();
  });
});
