import { describe, expect, it } from 'vitest';
import { findTool, requireTools } from './find-tool.js';
import type { SourceAnswer, ToolDefinition } from './tool.js';

const source = (name: string, find: () => Promise<SourceAnswer>, fetches = false) => ({
  name,
  what: `what ${name} does`,
  fetches,
  find,
});
const absent = () => Promise.resolve({ outcome: 'absent', detail: 'nothing there' } as const);
const present = () => Promise.resolve({ path: '/opt/java', version: '17.0.1' });
const broken = () => Promise.reject(new Error('no network'));

const definition = (...sources: ToolDefinition['sources']): ToolDefinition => ({
  tool: 'java',
  title: 'Java',
  fix: 'install Java',
  sources,
});

describe('findTool', () => {
  it('takes the first source that has the tool and asks none after it', async () => {
    const asked: string[] = [];
    const noting = (name: string, answer: () => Promise<SourceAnswer>) =>
      source(name, () => {
        asked.push(name);
        return answer();
      });
    const report = await findTool(
      definition(noting('variable', absent), noting('PATH', present), noting('pip', present)),
    );
    expect(asked).toEqual(['variable', 'PATH']);
    expect(report.found).toEqual({ tool: 'java', path: '/opt/java', version: '17.0.1', source: 'PATH' });
    expect(report.fix).toBeNull();
  });

  it('goes on after a source that failed, and names each attempt', async () => {
    const report = await findTool(definition(source('download', broken, true), source('pip', absent, true)));
    expect(report.found).toBeNull();
    expect(report.attempts).toEqual([
      { source: 'download', outcome: 'failed', detail: 'no network' },
      { source: 'pip', outcome: 'absent', detail: 'nothing there' },
    ]);
    expect(() => requireTools([report])).toThrow(
      'Java is missing. Tried:\n  download: no network\n  pip: nothing there\nTo fix it: install Java',
    );
  });

  it('only names what it would fetch when it must not fetch', async () => {
    const report = await findTool(definition(source('PATH', absent), source('pip', broken, true)), { fetch: false });
    expect(report).toMatchObject({ found: null, wouldObtain: 'what pip does', fix: 'install Java' });
    expect(report.attempts[1]).toEqual({ source: 'pip', outcome: 'skipped', detail: 'what pip does' });
  });
});
