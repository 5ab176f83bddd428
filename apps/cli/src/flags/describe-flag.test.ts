import { booleanFlag, flagDefinitionSchema, writeFlag } from '@switchyard/flags';
import { expect, it } from 'vitest';
import { describeFlag } from './describe-flag.js';

it('tells in one line what a flag gives', () => {
  expect(describeFlag(booleanFlag(0))).toBe('off');
  expect(describeFlag(booleanFlag(12.5))).toBe('on for 12.5 %, else off');
  expect(describeFlag(booleanFlag(100))).toBe('on');
  expect(describeFlag(writeFlag('both-prefer-new'))).toBe('both-prefer-new');
  const rules = [{ attribute: 'country', equals: 'de', variant: 'on' }];
  expect(describeFlag(flagDefinitionSchema.parse({ ...booleanFlag(0), rules }))).toBe('off; 1 rule before that');
  expect(describeFlag(flagDefinitionSchema.parse({ ...booleanFlag(100), isEnabled: false }))).toBe('off, switched off');
});
