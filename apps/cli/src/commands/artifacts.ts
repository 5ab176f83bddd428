import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { listArtifacts, recordDecision, type ArtifactRef, type Store } from '@switchyard/store';
import type { Command } from 'commander';
import { action, type Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { saveArtifact } from '../runs/save-artifact.js';
import { withArtifacts } from '../session.js';
import { table, type Terminal } from '../terminal.js';
import { usageError } from '../usage-error.js';

interface ArtifactOptions {
  readonly output?: string;
}

/** Registers artifacts below `runs`. */
export function registerArtifactCommands(runs: Command): void {
  runs
    .command('artifacts')
    .description(
      'files that a run keeps, such as plans, reports and unsaved states; with a name, one of them to a file',
    )
    .argument('<run>', 'a run at the top, not one that it started')
    .argument('[name]', 'name or digest of one')
    .option('-o, --output <file>', 'where to write it; it must not exist yet')
    .action(action(artifacts));
}

function artifacts(context: Context, runId: string, name: string | undefined, o: ArtifactOptions): Promise<number> {
  const { root, terminal } = context;
  if ((name === undefined) !== (o.output === undefined)) {
    throw usageError('to fetch an artifact give both its name and --output; with neither, all are listed');
  }
  return withArtifacts(root, async (store) => {
    const kept = await listArtifacts(store.db, { runId });
    if (kept.length === 0) {
      throw new CodedError(
        'NotFound',
        `${runId} keeps no artifacts; what its parts keep is listed under the run at the top`,
      );
    }
    if (name === undefined || o.output === undefined) show(kept, terminal);
    else await fetchOne(context, store, oneOf(kept, name), o.output);
    return EXIT.ok.code;
  });
}

function show(kept: readonly ArtifactRef[], terminal: Terminal): void {
  const { color } = terminal;
  const rows = kept.map(({ name, kind, bytes, createdAt, digest }) => [
    color.bold(name),
    kind,
    `${bytes} bytes`,
    createdAt.slice(0, 19).replace('T', ' '),
    color.dim(digest.slice(0, 19)),
  ]);
  for (const line of table(rows)) terminal.say(line);
  terminal.json(kept);
}

/** The newest with this name, or the one with this digest (its beginning is enough). */
function oneOf(kept: readonly ArtifactRef[], name: string): ArtifactRef {
  const found = kept.findLast((one) => one.name === name) ?? kept.find(({ digest }) => isBeginning(name, digest));
  if (found) return found;
  const names = [...new Set(kept.map((one) => one.name))].join(', ');
  throw new CodedError('NotFound', `no artifact "${name}"; there are ${names}`);
}

const SHORTEST_DIGEST = 'sha256:'.length + 8;

const isBeginning = (text: string, digest: string): boolean =>
  text.length >= SHORTEST_DIGEST && digest.startsWith(text);

async function fetchOne(context: Context, store: Store, artifact: ArtifactRef, output: string): Promise<void> {
  const { identity, terminal, cwd } = context;
  const file = resolve(cwd, output);
  if (existsSync(file)) throw usageError(`${file} exists already; remove it, or name another file`);
  const { runId, name, kind, digest, bytes } = artifact;
  const opened = await store.getArtifact({ digest });
  // Plans and states may hold secrets: who took one is known before anybody has it.
  await recordDecision(store.db, {
    id: `fetch/${randomUUID()}`,
    runId,
    workflowId: runId,
    subject: `artifact:${name}`,
    decision: 'fetch',
    by: identity,
    channel: 'cli',
    reason: '',
    evidence: digest,
    at: new Date().toISOString(),
    data: { kind, bytes },
  });
  await saveArtifact(opened.content, file);
  terminal.say(`wrote ${file}: ${bytes} bytes, ${digest}`);
  terminal.json({ file, artifact });
}
