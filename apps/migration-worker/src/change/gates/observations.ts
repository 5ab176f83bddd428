import { parse } from '@switchyard/contracts';
import {
  countParked,
  indexState,
  openWriters,
  preflight,
  readGauges,
  type Observation,
  type ObservationName,
  type Observations,
} from '@switchyard/schema-change';
import { hasControl, loadCatalog, loadDefinition, passBarrier, type ChangeSession } from '@switchyard/change-database';
import { laggards, newestArtifacts } from '@switchyard/store';
import { z } from 'zod';
import { manifestSchema } from '../../backup/manifest.js';
import { driftOf, tablesOf, type ChangeWork } from '../call.js';
import type { GateInput } from '../contract.js';
import { showLaggard } from '../switch/flags.js';

/** What was seen of a gate, and since when every barrier was passed in time. */
export interface Look {
  readonly observations: Observations;
  readonly stableSince: string | null;
}

type Seen = Partial<Record<ObservationName, Observation>>;

const valid = z.object({ valid: z.boolean() });
const slotRow = z.object({
  healthy: z.boolean().nullable(),
  status: z.string().nullable(),
  active: z.boolean().nullable(),
});

/**
 * Looks at everything that the gate is judged by. What cannot be looked at is left out, and counts as unknown: nothing
 * is assumed.
 */
export async function lookAtGate(work: ChangeWork, session: ChangeSession, input: GateInput): Promise<Look> {
  const seen: Seen = {};
  const note = (name: ObservationName, value: number | boolean, source: string, detail?: string): void => {
    seen[name] = {
      value,
      source,
      at: new Date().toISOString(),
      ...(detail === undefined || detail === '' ? {} : { detail }),
    };
  };
  proofOf(input, seen);
  const stableSince = await barrier(work, session, { input, note });
  const looks: readonly (() => Promise<void>)[] = [
    () => server(session, input, note),
    () => writers(session, input, note),
    () => indexes(session, input, note),
    () => drift(session, input, note),
    () => services(work, input, note),
    () => backup(work, input, note),
    () => dependents(session, input, note),
  ];
  for (const look of looks) {
    // One that fails must not hide the others; it stays unknown.
    // oxlint-disable-next-line no-await-in-loop -- one connection answers one question at a time
    await look().catch((error: unknown) => {
      work.signal.throwIfAborted();
      if ((error as { code?: unknown }).code === 'DatabaseUnreachable') throw error;
    });
  }
  if (input.coolingSince !== null) note('coolDownMs', Date.now() - Date.parse(input.coolingSince), 'the run');
  return { observations: seen, stableSince };
}

type Note = (name: ObservationName, value: number | boolean, source: string, detail?: string) => void;

function proofOf({ proof, proofs }: GateInput, seen: Seen): void {
  if (!proof) return;
  const source = `parity over ${proof.rows} rows at barrier ${proof.barrier}`;
  const at = proof.endedAt;
  seen.differingRows = {
    value: proof.differing,
    source,
    at,
    ...(proof.keys.length ? { detail: `first: ${proof.keys[0]?.join('/') ?? ''}` } : {}),
  };
  seen.unprovedRows = { value: 0, source, at };
  seen.parityAgeSeconds = { value: (Date.now() - Date.parse(at)) / 1000, source, at: new Date().toISOString() };
  seen.parityProofs = { value: proofs, source: 'the run', at };
  seen.parityTookSeconds = { value: (Date.parse(proof.endedAt) - Date.parse(proof.startedAt)) / 1000, source, at };
}

/** A barrier now. @returns since when each was passed in time */
async function barrier(
  work: ChangeWork,
  session: ChangeSession,
  { input, note }: { readonly input: GateInput; readonly note: Note },
): Promise<string | null> {
  const { shape, names, mode, change } = input;
  const withinMs = 1000 * Math.max(1, change.gates.maxLagSeconds);
  const sentAt = Date.now();
  try {
    const passed = await passBarrier(session, {
      change: shape.id,
      messagePrefix: names.messagePrefix,
      mode,
      withinMs,
      signal: work.signal,
    });
    note('barrierAgeSeconds', passed.waitedMs / 1000, `barrier ${passed.lsn}`);
    const since = input.stableSince ?? new Date(sentAt).toISOString();
    note('stableSeconds', (Date.now() - Date.parse(since)) / 1000, 'barriers');
    return since;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'GateFailed') throw error;
    note(
      'barrierAgeSeconds',
      (Date.now() - sentAt) / 1000 + change.gates.maxLagSeconds,
      'barrier',
      'not passed: the stream stands still or lags',
    );
    note('stableSeconds', 0, 'barriers');
    return null;
  }
}

async function server(session: ChangeSession, { shape, names }: GateInput, note: Note): Promise<void> {
  const [gauges] = await session.rows(z.object({ lockWaiters: z.number() }), readGauges(shape.source, names.slot));
  if (gauges) note('lockWaiters', gauges.lockWaiters, 'pg_locks');
  const [slot] = await session.rows(slotRow, {
    text: `select s.active and s.wal_status in ('reserved', 'extended') as healthy, s.wal_status as status, s.active
      from (select 1) as one left join pg_replication_slots s on s.slot_name = $1`,
    values: [names.slot],
  });
  if (slot)
    note(
      'slotHealthy',
      slot.healthy ?? false,
      'pg_replication_slots',
      slot.status === null ? 'there is no slot' : `${slot.active === true ? 'active' : 'not active'}, ${slot.status}`,
    );
  const [parked] = (await hasControl(session))
    ? await session.rows(z.object({ parked: z.number() }), countParked(shape.id))
    : [];
  if (parked) note('parkedKeys', parked.parked, 'control table');
}

const writerRow = z.object({ id: z.string(), application: z.string(), seconds: z.number() });

/** Open transactions that wrote the tables before the barrier of the proof: what they did is in no proof. */
async function writers(session: ChangeSession, { change, proof }: GateInput, note: Note): Promise<void> {
  if (!proof) return;
  const open = await session.rows(writerRow, openWriters(tablesOf(change), proof.barrierAt));
  const words = open
    .slice(0, 3)
    .map(({ id, application, seconds }) => `pid ${id} (${application || 'no name'}, ${seconds.toFixed(0)} s)`);
  // Those of the proof count until there is another one, also when they have ended: their rows may be in no proof.
  const atProof = proof.openWriters > 0 && open.length === 0 ? ['open when the proof began'] : words;
  note('openWriters', Math.max(open.length, proof.openWriters), 'pg_locks', atProof.join(', '));
}

async function indexes(session: ChangeSession, { change, shape }: GateInput, note: Note): Promise<void> {
  const bad: string[] = [];
  for (const { name } of change.indexes) {
    // oxlint-disable-next-line no-await-in-loop -- one question after the other
    const [state] = await session.rows(valid, indexState(shape.target, name));
    if (state?.valid !== true) bad.push(name);
  }
  note('invalidIndexes', bad.length, 'pg_index', bad.join(', '));
}

async function drift(session: ChangeSession, { change, definition }: GateInput, note: Note): Promise<void> {
  const found = driftOf(definition, await loadDefinition(session, tablesOf(change)));
  note('driftedColumns', found.length, 'pg_attribute', found.slice(0, 3).join('; '));
}

async function services(work: ChangeWork, { change, gate, flags }: GateInput, note: Note): Promise<void> {
  if (gate !== 'contract' || change.switch.services.length === 0) return;
  for (const [name, flag] of [
    ['laggardReaders', flags.read],
    ['laggardWriters', flags.write],
  ] as const) {
    if (!flag) {
      note(name, 0, 'flags', 'the change has no such flag');
      continue;
    }
    // oxlint-disable-next-line no-await-in-loop -- one flag after the other
    const behind = await laggards(work.deps.store.db, {
      key: flag.key,
      version: flag.version,
      services: change.switch.services,
    });
    note(name, behind.length, `flag ${flag.key}`, behind.map(showLaggard).join('; '));
  }
}

/** Backups that are looked through: the newest of all databases. */
const BACKUPS_SEEN = 50;

/** The newest backup of this database that any run keeps. */
async function backup(work: ChangeWork, { change }: GateInput, note: Note): Promise<void> {
  if (change.gates.maxBackupAge === undefined) return;
  const { store } = work.deps;
  const { database, host, port } = work.connection;
  for (const { digest } of await newestArtifacts(store.db, { kind: 'backup', limit: BACKUPS_SEEN })) {
    // oxlint-disable-next-line no-await-in-loop -- newest first, until one is of this database
    const bytes = await store.readArtifact({ digest });
    const manifest = parse(manifestSchema, JSON.parse(bytes.toString('utf8')));
    if (!manifest.ok) continue;
    const of = manifest.value;
    if (of.database !== database || of.host !== host || of.port !== port) continue;
    note('backupAgeMs', Date.now() - Date.parse(of.endedAt), `backup ${of.file}`);
    return;
  }
}

async function dependents(session: ChangeSession, { change, names, gate }: GateInput, note: Note): Promise<void> {
  if (gate !== 'contract') return;
  const catalog = await loadCatalog(session, { change, names, replicationAnswers: null });
  const found = preflight(change, catalog).obstacles.filter(({ code }) => code === 'dependent');
  note(
    'dependents',
    found.length,
    'pg_depend',
    found
      .map(({ subject }) => subject)
      .slice(0, 3)
      .join(', '),
  );
}
