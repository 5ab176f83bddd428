import { describe, expect, it } from 'vitest';
import { decodeManifest, encodeManifest, sha256, type PlanManifest } from './manifest.js';

const digest = sha256('x');
const manifest: PlanManifest = {
  version: 1,
  stack: 'infra/network',
  workspace: 'default',
  action: 'apply',
  engine: 'terraform',
  engineVersion: '1.11.4',
  backend: 'local',
  plan: digest,
  lockFile: null,
  configuration: digest,
  state: { lineage: '', serial: 0 },
  changes: { add: 1, change: 0, destroy: 0, replace: 0 },
  resources: [{ address: 'a.b', action: 'create', deposed: null, reason: null }],
  applyTimeVariables: [],
};

describe('plan manifest', () => {
  it('has one digest whatever order its fields were written in', () => {
    const reversed = Object.fromEntries(Object.entries(manifest).toReversed()) as unknown as PlanManifest;
    expect(encodeManifest(reversed).equals(encodeManifest(manifest))).toBe(true);
  });

  it('is read back by its digest', () => {
    const bytes = encodeManifest(manifest);
    expect(decodeManifest(bytes, sha256(bytes))).toEqual(manifest);
  });

  it('is void when its bytes do not have the approved digest', () => {
    const other = encodeManifest({ ...manifest, workspace: 'prod' });
    expect(() => decodeManifest(other, sha256(encodeManifest(manifest)))).toThrow(
      expect.objectContaining({ code: 'TerraformPlanStale' }),
    );
  });

  it('of another release is void', () => {
    const bytes = Buffer.from(JSON.stringify({ ...manifest, version: 2 }));
    expect(() => decodeManifest(bytes, sha256(bytes))).toThrow(/another release/);
  });
});
