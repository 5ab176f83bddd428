import { z } from 'zod';

/** A place in the configuration. */
const rangeSchema = z.object({
  filename: z.string(),
  start: z.object({ line: z.number(), column: z.number() }),
});

/** What the tool complains about. */
export const diagnosticSchema = z.object({
  severity: z.string(),
  summary: z.string(),
  detail: z.string().default(''),
  address: z.string().optional(),
  range: rangeSchema.nullish(),
});
export type Diagnostic = z.output<typeof diagnosticSchema>;

const resourceSchema = z.object({ addr: z.string() });

const hookSchema = z.object({
  resource: resourceSchema.optional(),
  action: z.string().optional(),
  id_key: z.string().optional(),
  id_value: z.string().optional(),
  elapsed_seconds: z.number().optional(),
  provisioner: z.string().optional(),
});

const changeSchema = z.object({ resource: resourceSchema, action: z.string(), reason: z.string().optional() });

const summarySchema = z.object({
  add: z.number().default(0),
  change: z.number().default(0),
  remove: z.number().default(0),
  operation: z.string(),
});

/**
 * One line that the tool writes with `-json`. Only fields that are read here are named; the types and fields that newer
 * releases add pass through as events without being understood.
 */
export const uiMessageSchema = z.object({
  '@level': z.string().default('info'),
  '@message': z.string().default(''),
  '@timestamp': z.string().optional(),
  type: z.string(),
  terraform: z.string().optional(),
  tofu: z.string().optional(),
  diagnostic: diagnosticSchema.optional(),
  hook: hookSchema.optional(),
  change: changeSchema.optional(),
  changes: summarySchema.optional(),
});
export type UiMessage = z.output<typeof uiMessageSchema>;

/** Parses one line of `-json` output; undefined for a line that is no message (a warning in plain text). */
export function parseUiMessage(line: string): UiMessage | undefined {
  if (!line.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const parsed = uiMessageSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
