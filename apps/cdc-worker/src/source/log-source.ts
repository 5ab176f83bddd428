import { CodedError, type ChangeStreamInput } from '@switchyard/contracts';
import {
  formatLsn,
  keyReader,
  openChangeStream,
  parseLsn,
  type ChangeStream,
  type Relation,
  type RowEvent,
  type SlotIdentity,
  type StreamEvent,
  type StreamListeners,
} from '@switchyard/pgoutput';
import type { Shape, TableName } from '@switchyard/schema-change';
import type { DatabaseConnection } from '@switchyard/shared-db';
import type { ChangeSource, SourceEvent } from './change-source.js';

/** What is decoded ahead of the applier, which reads between its batches: a read or two of the socket. */
const BUFFER_BYTES = 256 * 1_024;

/** Options of {@link openLogSource}. */
export interface LogSourceOptions {
  readonly connection: DatabaseConnection;
  /** application_name, at most 63 bytes. */
  readonly name: string;
  readonly stream: Pick<ChangeStreamInput, 'shape' | 'names'>;
  readonly identity: SlotIdentity;
  /** Position up to which everything is applied, `X/Y`. */
  readonly applied: string;
  /**
   * Whether the server may leave out everything that was written under an origin. Only where no origins but ours exist:
   * the writes of a subscription are changes like any other.
   */
  readonly onlyOurOrigins: boolean;
  readonly listeners?: StreamListeners;
  readonly signal: AbortSignal;
}

/** Reads the change keys of a replication slot. Errors as of `openChangeStream`. */
export async function openLogSource(options: LogSourceOptions): Promise<ChangeSource> {
  const { names } = options.stream;
  const stream = await openChangeStream({
    connection: options.connection,
    applicationName: options.name,
    identity: options.identity,
    applied: parseLsn(options.applied),
    publications: [names.publication],
    withoutOrigins: options.onlyOurOrigins,
    bufferBytes: BUFFER_BYTES,
    ...(options.listeners ? { listeners: options.listeners } : {}),
    signal: options.signal,
  });
  return {
    events: keysOf(stream, options.stream),
    acknowledge: (position) => stream.acknowledge(parseLsn(position)),
    [Symbol.asyncDispose]: () => stream.close(),
  };
}

async function* keysOf(
  stream: ChangeStream,
  { shape, names }: Pick<ChangeStreamInput, 'shape' | 'names'>,
): AsyncGenerator<readonly SourceEvent[]> {
  const translate = translator(shape, names.origin);
  for await (const events of stream) {
    const translated: SourceEvent[] = [];
    for (const event of events) translate(event, translated);
    if (translated.length > 0) yield translated;
  }
}

/** Turns events of rows into keys, and leaves out what our own writers wrote. */
function translator(shape: Shape, ownOrigins: string): (event: StreamEvent, out: SourceEvent[]) => void {
  const keys = {
    source: keyReader(namesOf(shape, 'source')),
    target: keyReader(namesOf(shape, 'target')),
  };
  let isOwn = false;
  return (event, out) => {
    switch (event.kind) {
      case 'begin':
        isOwn = event.origin?.startsWith(ownOrigins) ?? false;
        out.push({ kind: 'begin', xid: String(event.xid), committedAt: event.committedAt });
        return;
      case 'commit':
        out.push({ kind: 'commit', position: formatLsn(event.endLsn) });
        return;
      case 'idle':
        out.push({ kind: 'idle', position: formatLsn(event.lsn) });
        return;
      case 'message':
        // A barrier: its transaction alone is what counts.
        return;
      case 'truncate':
        for (const relation of event.relations) out.push({ kind: 'truncate', table: sideOf(relation, shape) });
        return;
      default:
        if (!isOwn) out.push({ kind: 'change', ...changedKey(event, keys[sideOf(event.relation, shape)]) });
    }
  };
}

function changedKey(
  event: RowEvent,
  read: ReturnType<typeof keyReader>,
): { key: readonly string[]; oldKey?: readonly string[] } {
  return read(event);
}

function namesOf(shape: Shape, side: 'source' | 'target'): [string, ...string[]] {
  const [first, ...rest] = shape.key.map((column) => column[side]);
  if (first === undefined) throw new TypeError('a change without a key cannot be streamed');
  return [first, ...rest];
}

function sideOf(relation: Relation, shape: Shape): 'source' | 'target' {
  if (isTable(relation, shape.source)) return 'source';
  if (isTable(relation, shape.target)) return 'target';
  throw new CodedError(
    'StreamLost',
    `the publication also holds ${relation.schema}.${relation.name}, which this change does not know; somebody changed it`,
    { retryable: false },
  );
}

const isTable = ({ schema, name }: Relation, table: TableName): boolean =>
  schema === table.schema && name === table.name;
