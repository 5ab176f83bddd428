import { createMasker } from '@switchyard/process';
import { describe, expect, it } from 'vitest';
import { createClosers } from './closers.js';
import { createLog } from './logger.js';

const log = createLog({ worker: 'test', level: 'silent', masker: createMasker() });

describe('closers', () => {
  it('close newest first, all of them, and give the first error', async () => {
    const closers = createClosers(log);
    const closed: string[] = [];
    closers.add('a', () => void closed.push('a'));
    closers.add('b', () => Promise.reject(new Error('b does not close')));
    closers.add('c', () => {
      throw new Error('c does not close');
    });
    closers.add('d', async () => void closed.push('d'));
    expect((await closers.closeAll())?.message).toBe('c does not close');
    expect(closed).toEqual(['d', 'a']);
    expect(await closers.closeAll()).toBeUndefined();
  });

  it('do not wait for ever', async () => {
    const closers = createClosers(log, 20);
    let isClosed = false;
    closers.add('last', () => {
      isClosed = true;
    });
    closers.add('hanging', () => new Promise(() => undefined));
    expect((await closers.closeAll())?.message).toBe('hanging did not close within 20 ms');
    expect(isClosed).toBe(true);
  });
});
