import { describe, expect, it } from 'vitest';
import { formatProblem, readYaml } from './yaml-file.js';

const TEXT = 'steps:\n  - id: a\n    needs: [b, c]\n';
const problemsOf = (text: string): string[] => {
  const read = readYaml(text, 'x.yaml');
  return read.ok ? [] : read.problems.map(formatProblem);
};
const placeOf = (text: string, keys: readonly (string | number)[]): string => {
  const read = readYaml(text, 'x.yaml');
  if (!read.ok) throw new Error('it is no YAML');
  return formatProblem(read.place({ path: keys.join('.'), keys: [...keys], message: 'wrong' }));
};

describe('a file that a person wrote', () => {
  it('is plain data', () => {
    expect(readYaml(TEXT, 'x.yaml')).toMatchObject({ ok: true, value: { steps: [{ id: 'a', needs: ['b', 'c'] }] } });
  });

  it('has its problems at the deepest part that exists', () => {
    expect(placeOf(TEXT, ['steps', 0, 'needs', 1])).toBe('x.yaml:3:16: steps.0.needs.1: wrong');
    expect(placeOf(TEXT, ['steps', 0, 'uses'])).toBe('x.yaml:2:5: steps.0.uses: wrong');
    expect(placeOf('', ['steps'])).toBe('x.yaml:1:1: steps: wrong');
  });

  it('is refused where it is no YAML, or a key stands twice', () => {
    expect(problemsOf('a: [1')).toEqual([expect.stringMatching(/^x\.yaml:1:\d+: YAML: /)]);
    expect(problemsOf('a: 1\na: 2')).toEqual([expect.stringMatching(/^x\.yaml:2:1: YAML: .*unique/)]);
  });

  it('is refused when it grows by aliases without end', () => {
    const level = (name: string, of: string): string => `${name}: &${name} [${Array(9).fill(`*${of}`).join(', ')}]`;
    const bomb = ['a: &a [x, x]', level('b', 'a'), level('c', 'b'), level('d', 'c'), level('e', 'd')].join('\n');
    expect(problemsOf(bomb)).toEqual([expect.stringContaining('alias')]);
  });

  it('says of a warning that it is one', () => {
    const problem = { path: '', keys: [], message: 'old', file: 'x.yaml', line: 1, column: 2 };
    expect(formatProblem({ ...problem, level: 'warning' })).toBe('x.yaml:1:2: warning: old');
    expect(formatProblem({ ...problem, level: 'error' })).toBe('x.yaml:1:2: old');
  });
});
