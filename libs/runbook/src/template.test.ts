import { describe, expect, it } from 'vitest';
import { parseTemplate } from './template.js';

const show = (text: string): string[] =>
  parseTemplate(text).map((part) => (part.kind === 'text' ? part.text : `<${part.source}>`));

describe('parseTemplate', () => {
  it('splits text and expressions', () => {
    expect(show('a ${{ x }} b ${{y}}')).toEqual(['a ', '<x>', ' b ', '<y>']);
  });
  it('follows braces and quotes inside an expression', () => {
    expect(show('${{ {"a": {"b": 1}} }}')).toEqual(['<{"a": {"b": 1}}>']);
    expect(show(`\${{ "}}" + '\\'}}' }}!`)).toEqual([`<"}}" + '\\'}}'>`, '!']);
  });
  it('takes $${{ for a literal', () => {
    expect(show('$${{ x }} ${{ y }}')).toEqual(['${{ x }} ', '<y>']);
  });
  it('says when an expression is never closed', () => {
    expect(() => show('a ${{ x }')).toThrow(/never closed/);
  });
});
