import { describe, expect, it } from 'vitest';
import { checkText, checkTexts } from './text.ts';
import { ROOT } from './workspace.ts';

const messages = (file: string, text: string): string[] => checkText(file, text).map(({ message }) => message);

describe('the files of this checkout', () => {
  it('hold nothing of one machine, no hidden characters, no secrets and no silent skips', () => {
    expect(checkTexts(ROOT)).toEqual([]);
  });
});

describe('a file', () => {
  it('may not name a package registry', () => {
    const host = ['registry', 'npmjs', 'org'].join('.');
    expect(checkText('a.md', `one\nhttps://${host}/zod`)).toEqual([
      { file: 'a.md', line: 2, message: `names the package registry ${host}` },
    ]);
  });

  it.each([
    ['work', 'main'],
    ['root', 'x'],
    ['home', 'ada', 'src'],
    ['Users', 'ada'],
  ])('may not name a folder of one machine: %s', (...parts) => {
    expect(messages('a.ts', `const path = '/${parts.join('/')}/file';`)).toHaveLength(1);
  });

  it.each(['https://example.test/home/ada/x', './work/x', '$HOME/root/', '/var/lib/switchyard', '.switchyard/work/x'])(
    'may name what is no such folder: %s',
    (text) => {
      expect(messages('a.ts', text)).toEqual([]);
    },
  );

  it('may not hide text by its direction', () => {
    expect(messages('a.ts', `const isAdmin = false; // ${String.fromCharCode(0x202e)}`)).toEqual([
      'holds the invisible character U+202E',
    ]);
  });

  it('may not use the old database names, except where they are refused and explained', () => {
    const name = ['ALGA', 'DB', 'HOST'].join('_');
    expect(messages('apps/x/src/a.ts', name)).toHaveLength(1);
    expect(messages('libs/shared-db/src/a.ts', name)).toEqual([]);
    expect(messages('docs/a.md', name)).toEqual([]);
  });

  it('may not hold a Secret with its values, in any document of a manifest', () => {
    const text = 'kind: ConfigMap\ndata: { a: b }\n---\nkind: Secret\nstringData: { a: b }\n';
    expect(checkText('k8s/a.yaml', text)).toEqual([
      { file: 'k8s/a.yaml', line: 4, message: expect.stringContaining('holds a Secret with its values') },
    ]);
    expect(messages('k8s/a.yaml', 'kind: Secret\nmetadata: { name: x }\n')).toEqual([]);
  });
});

describe('a test', () => {
  const dot = '.';
  it.each(['only', 'skip', 'todo'])('may not be committed with %s', (word) => {
    expect(messages('a.test.ts', `it${dot}${word}('x', () => {});`)).toEqual([`.${word} is not for committed tests`]);
    expect(messages('a.test.ts', `describe${dot}concurrent${dot}${word}('x', () => {});`)).toHaveLength(1);
  });

  it('may be left out where its title says what is missing', () => {
    expect(messages('a.test.ts', `it${dot}skipIf(!x)('works', () => {});`)).toHaveLength(1);
    expect(messages('a.test.ts', `it${dot}skipIf(!x)('works (needs docker)', () => {});`)).toEqual([]);
    expect(messages('a.test.ts', `describe${dot}runIf(x)('works (needs docker)', () => {});`)).toEqual([]);
  });

  it('may speak of these words otherwise', () => {
    expect(messages('a.test.ts', `const a = input.only; list.skip(1); const t = "it${dot}only(1)";`)).toEqual([]);
  });
});
