import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { BenchmarkDocument } from './src/document.ts';

/** In the order in which they run. */
const BENCHMARKS = [
  'run-overhead',
  'first-event',
  'event-store',
  'cancel',
  'resume',
  'for-each',
  'ansible-batches',
  'change-stream',
  'schema-change',
];

const { positionals, values } = parseArgs({ allowPositionals: true, options: { n: { type: 'string' } } });
const unknown = positionals.find((name) => !BENCHMARKS.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`there is no benchmark "${unknown}"; there are ${BENCHMARKS.join(', ')}\n`);
  process.exit(2);
}

const documents: BenchmarkDocument[] = [];
for (const name of BENCHMARKS.filter((each) => positionals.length === 0 || positionals.includes(each))) {
  process.stderr.write(`${name}\n`);
  const args = [
    fileURLToPath(new URL(`${name}.ts`, import.meta.url)),
    ...(values.n === undefined ? [] : ['--n', values.n]),
  ];
  // A process of its own for each: one must not measure what another left on the heap.
  const running = promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 });
  // The child has a stack to stop before it ends.
  const stop = (signal: NodeJS.Signals): void => void running.child.kill(signal);
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const { stdout } = await running;
  process.off('SIGINT', stop).off('SIGTERM', stop);
  documents.push(JSON.parse(stdout) as BenchmarkDocument);
}
process.stdout.write(`${JSON.stringify(documents, null, 2)}\n`);
const missed = documents.flatMap(({ benchmark, figures }) =>
  figures
    .filter(({ isMet }) => isMet === false)
    .map(({ name, value, unit }) => `${benchmark}: ${name}: ${value} ${unit}`),
);
for (const line of missed) process.stderr.write(`target missed: ${line}\n`);
