import type { GateStatus } from '@switchyard/contracts';
import pc from 'picocolors';
import { expect, it } from 'vitest';
import { renderGate } from './render-status.js';

const gate: GateStatus = {
  name: 'go',
  title: 'Go?',
  state: 'open',
  evidence: 'sha256:1',
  shown: [],
  required: 2,
  openedAt: '2026-01-01T00:00:00.000Z',
  expiresAt: null,
  conditions: [],
  decisions: [],
  groups: [
    { name: 'dba', members: ['bob', 'cid'], required: 1, approvals: 1, isFurther: false },
    { name: 'boss', members: [], required: 1, approvals: 0, isFurther: true },
  ],
  escalatesAt: '2026-01-01T00:10:00.000Z',
  escalatedAt: '2026-01-01T00:10:00.000Z',
  fields: {
    window: { type: 'string', enum: ['night', 'noon'], description: 'When' },
    servers: { type: 'integer' },
  },
  answers: { window: 'night' },
};
const lines = (of: GateStatus): string[] => renderGate(of, 'run-1', { color: pc.createColors(false), width: 100 });

it('shows who decides at a gate, whom it was escalated to, and what is asked', () => {
  expect(lines(gate).slice(2)).toEqual([
    '    group dba (bob, cid): 1 of 1 approved',
    '    group boss: 0 of 1 approved, escalated to at 2026-01-01T00:10:00.000Z',
    '    field window = "night" (night | noon; When)',
    '    field servers (integer)',
    '    switchyard approve run-1 --gate go --evidence sha256:1 --field servers=...',
  ]);
});

it('says when a gate will be escalated', () => {
  expect(lines({ ...gate, groups: undefined, fields: undefined, escalatedAt: null }).slice(2)).toEqual([
    '    escalates at 2026-01-01T00:10:00.000Z',
    '    switchyard approve run-1 --gate go --evidence sha256:1',
  ]);
});
