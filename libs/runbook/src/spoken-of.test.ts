import { describe, expect, it } from 'vitest';
import { stepsSpokenOf, usesItem } from './spoken-of.js';

describe('stepsSpokenOf', () => {
  it('names the steps of conditions and values', () => {
    expect(stepsSpokenOf("steps.a.outcome == 'x'", { b: ['${{ steps["c-d"].result.x }}'] })).toEqual(
      new Set(['a', 'c-d']),
    );
    expect(stepsSpokenOf(undefined, { b: 'plain' })).toEqual(new Set());
  });
  it('cannot tell a step that is named by a value', () => {
    expect(stepsSpokenOf(undefined, '${{ steps[inputs.which].result }}')).toBe('all');
    expect(stepsSpokenOf(undefined, '${{ size(steps) }}')).toBe('all');
    expect(stepsSpokenOf(undefined, '${{ [1].map(steps, steps + 1) }}')).toEqual(new Set());
  });
});

describe('usesItem', () => {
  it('tells a condition of the item from one of the step', () => {
    expect([usesItem('index < 3'), usesItem('inputs.x'), usesItem(true), usesItem('[1].all(item, item > 0)')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
