import { z } from 'zod';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration such as `500ms`, `90s`, `15m`, `1h30m`, `7d`; undefined when it is not one. */
export function durationMs(text: string): number | undefined {
  if (!/^(\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * UNITS[unit as keyof typeof UNITS];
  }
  return total;
}

/** A duration as callers write it: `15m`, `1h30m`, or a number of milliseconds. Parsed to milliseconds. */
export const durationSchema = z
  .union([z.number().nonnegative(), z.string()])
  .transform((value, ctx) => {
    const ms = typeof value === 'number' ? value : durationMs(value.trim());
    if (ms === undefined) {
      ctx.addIssue({
        code: 'custom',
        message: `"${String(value)}" is not a duration; write for example 30s, 15m or 1h30m`,
      });
      return z.NEVER;
    }
    return ms;
  })
  .meta({ description: 'A duration such as 30s, 15m or 1h30m, or a number of milliseconds' });

/** Milliseconds as people read them: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(seconds / 3_600)} h ${String(Math.floor((seconds % 3_600) / 60)).padStart(2, '0')} min`;
}
