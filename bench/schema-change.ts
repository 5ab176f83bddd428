import { measure, printBenchmark, type BenchmarkDocument, type Figure } from './src/document.ts';
import { killOurs, killPgroll } from './src/schema-change/after-kill.ts';
import { byHand } from './src/schema-change/contenders/by-hand.ts';
import type { Contest, Ground } from './src/schema-change/contenders/contender.ts';
import { oneUpdate } from './src/schema-change/contenders/one-update.ts';
import { ours } from './src/schema-change/contenders/ours.ts';
import { pgroll } from './src/schema-change/contenders/pgroll.ts';
import { rowByRow } from './src/schema-change/contenders/row-by-row.ts';
import { findPgroll } from './src/schema-change/pgroll-tool.ts';
import { contestFigures, killFigures, readerFigures, streamFigures } from './src/schema-change/report.ts';
import { measureStream } from './src/schema-change/stream/stream-part.ts';
import { startStack, type BenchStack } from './src/stack.ts';

/** In the order in which they run. */
export const PARTS = ['in-place', 'hot', 'reader', 'kill', 'stream'] as const;
export type Part = (typeof PARTS)[number];

/** Fewer thousands of rows than this measure nothing: then the waits are short, too, and pgroll is not built for it. */
const IN_EARNEST = 50;

/**
 * What a schema change costs the application beside it: ours, pgroll, a loop row by row and one UPDATE, each on a table
 * of its own that was made the same way, with the same writers; `n` is the thousands of rows.
 */
export function schemaChange({
  n = 1_000,
  parts = PARTS,
}: { n?: number; parts?: readonly Part[] } = {}): Promise<BenchmarkDocument> {
  return measure(
    {
      benchmark: 'schema-change',
      about: `a text column becomes a code in a table of ${n} thousand rows, beside 550 single-row writes a second in an open loop`,
    },
    async () => {
      const tool = await findPgroll({ mayBuild: n >= IN_EARNEST });
      const program = 'path' in tool ? tool.path : null;
      const figures: Figure[] = [];
      const details: Record<string, unknown> = { pgroll: 'path' in tool ? '0.16.2' : tool.leftOut };
      for (const part of PARTS.filter((each) => parts.includes(each))) {
        // One thing at a time is measured.
        // oxlint-disable-next-line no-await-in-loop
        const measured = await onItsOwn(part, { program, n });
        figures.push(...measured.figures);
        details[part] = measured.details;
      }
      return { figures, details };
    },
  );
}

/** A part on servers and workers of its own: it does not find what the one before left in their memory. */
async function onItsOwn(part: Part, place: Omit<Place, 'stack'>): Promise<Measured> {
  process.stderr.write(`${part}\n`);
  await using stack = await startStack(['migration-worker', 'cdc-worker']);
  // Not without `await`: the stack ends with this function.
  return await MEASURE[part]({ stack, ...place });
}

interface Place {
  readonly stack: BenchStack;
  /** pgroll; null: it is left out. */
  readonly program: string | null;
  /** Thousands of rows. */
  readonly n: number;
}

interface Measured {
  readonly figures: readonly Figure[];
  readonly details: unknown;
}

const MEASURE: Readonly<Record<Part, (place: Place) => Promise<Measured>>> = {
  'in-place': async (place) => {
    const ground = groundOf(place, { fillfactor: 100 });
    const contests = [
      ...(await besidePgroll(place, ground)),
      await told(byHand(ground, rowByRow)),
      await told(byHand(ground, oneUpdate)),
    ];
    return { figures: contestFigures('full pages', contests), details: contests };
  },
  hot: async (place) => {
    const ground = groundOf(place, { fillfactor: 50 });
    const contests = [...(await besidePgroll(place, ground)), await told(byHand(ground, oneUpdate))];
    return { figures: contestFigures('room in the pages', contests), details: contests };
  },
  reader: async (place) => {
    const contests = await besidePgroll(place, {
      ...groundOf({ ...place, n: Math.ceil(place.n / 10) }, { fillfactor: 100 }),
      readerMs: isInEarnest(place) ? 5_000 : 500,
    });
    return { figures: readerFigures(contests), details: contests };
  },
  kill: async ({ stack, program, n }) => {
    const layout = { rows: Math.ceil(n / 5) * 1_000, fillfactor: 100 } as const;
    const seen = {
      ours: await killOurs(stack, layout),
      pgroll: program === null ? null : await killPgroll(stack, layout, program),
    };
    return { figures: killFigures(seen), details: seen };
  },
  stream: async (place) => {
    const { stack, n } = place;
    const seen = await measureStream(stack, {
      rows: n * 1_000,
      barriers: isInEarnest(place) ? 500 : 20,
      besideSeconds: isInEarnest(place) ? 30 : 1,
      // A gigabyte for a million rows.
      backlogMb: n,
      stallMs: isInEarnest(place) ? 10_000 : 100,
    });
    return { figures: streamFigures(seen), details: seen };
  },
};

const isInEarnest = ({ n }: Pick<Place, 'n'>): boolean => n >= IN_EARNEST;

const groundOf = (place: Place, { fillfactor }: { fillfactor: 50 | 100 }): Ground => ({
  stack: place.stack,
  layout: { rows: place.n * 1_000, fillfactor },
  quietMs: isInEarnest(place) ? 10_000 : 500,
});

async function besidePgroll({ program }: Place, ground: Ground): Promise<Contest[]> {
  const own = await told(ours(ground));
  return program === null ? [own] : [own, await told(pgroll(ground, program))];
}

/** Says on standard error how it went: a whole run takes long. */
async function told(contest: Promise<Contest>): Promise<Contest> {
  const done = await contest;
  process.stderr.write(`${done.contender}: ${done.rowsPerSecond} rows/s\n`);
  return done;
}

if (import.meta.main) await printBenchmark(schemaChange, PARTS);
