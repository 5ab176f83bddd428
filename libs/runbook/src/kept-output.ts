/** `steps.<id>.result.outputs.<name>.value`, each name also in brackets. */
const OUTPUT_VALUE =
  /\bsteps(?:\.(\w+)|\[["']([^"'\]]+)["']\])\.result\.outputs(?:\.(\w+)|\[["']([^"'\]]+)["']\])\.value\b/g;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const at = (value: unknown, key: string): unknown =>
  isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;

/**
 * Why an expression finds no `value` in an output of a stack: the result holds only a reference to it. The values of
 * sensitive outputs, and of those that are too large for a result, stay in artifacts.
 * @returns undefined when the expression reads no such output
 */
export function keptOutput(source: string, values: object): string | undefined {
  for (const [, step = '', quotedStep = step, output = '', quotedOutput = output] of source.matchAll(OUTPUT_VALUE)) {
    const outputs = at(at(at(at(values, 'steps'), quotedStep), 'result'), 'outputs');
    const found = at(outputs, quotedOutput);
    const ref = at(found, 'ref');
    if (typeof ref !== 'string') continue;
    const why = at(found, 'sensitive') === true ? 'is sensitive' : 'is too large for a result';
    return `output "${quotedOutput}" of step "${quotedStep}" ${why}; its value is kept as artifact ${ref}, and a step can be given only its "ref"`;
  }
  return undefined;
}
