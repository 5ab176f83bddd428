import { z } from 'zod';
import { FAILURES, UPDATES, WORKFLOW_TYPES, runStatusSchema } from '../dist/index.js';

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Every generated file by its path from the root of the repository. */
export function generatedFiles(): Record<string, string> {
  const files: Record<string, string> = {};
  const schema = (name: string, of: z.ZodType, io: 'input' | 'output'): void => {
    files[`libs/contracts/schemas/${name}.json`] = json({
      title: name,
      ...z.toJSONSchema(of, { io, unrepresentable: 'any' }),
    });
  };
  for (const [type, { input, result }] of Object.entries(WORKFLOW_TYPES)) {
    schema(`${type}.input`, input, 'input');
    schema(`${type}.result`, result, 'output');
  }
  schema('status', runStatusSchema, 'output');
  for (const [name, payload] of Object.entries(UPDATES)) schema(`update.${name}`, payload, 'input');
  files['docs/failures.md'] = failuresPage();
  return files;
}

function failuresPage(): string {
  const rows = Object.entries(FAILURES).map(
    ([code, info]) => `| \`${code}\` | ${info.meaning} | ${info.retryable ? 'yes' : 'no'} | ${info.wayOut} |`,
  );
  return [
    '# Failure codes',
    '',
    'A failed run carries one of these codes as the `type` of its outermost failure; the message names the value and the way out, and the details can be read by a program. "Retried" tells whether the same call may succeed without any change: only those are retried. The table is generated from `libs/contracts/src/failures.ts`.',
    '',
    '| code | meaning | retried | way out |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
