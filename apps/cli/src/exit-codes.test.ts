import { FAILURES, type FailureCode } from '@switchyard/contracts';
import { expect, it } from 'vitest';
import { EXIT, exitCodeOf } from './exit-codes.js';

it('gives every failure code an exit code that is documented, and never success', () => {
  const documented = new Set<number>(Object.values(EXIT).map(({ code }) => code));
  for (const code of Object.keys(FAILURES) as FailureCode[]) {
    expect(documented.has(exitCodeOf(code))).toBe(true);
    expect(exitCodeOf(code)).not.toBe(0);
  }
});

it('has no two meanings for one number', () => {
  const codes = Object.values(EXIT).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});
