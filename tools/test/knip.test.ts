import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../workspace.ts';

describe('the workspace', () => {
  it('has no file, export or dependency that nothing uses', () => {
    const knip = join(ROOT, 'node_modules', 'knip', 'bin', 'knip.js');
    const { stdout, stderr, status } = spawnSync(process.execPath, [knip, '--no-progress', '--no-config-hints'], {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 150_000,
    });
    expect(`${stdout}${stderr}`.trim()).toBe('');
    expect(status).toBe(0);
  }, 180_000);
});
