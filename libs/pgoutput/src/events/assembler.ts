import type { CommitMessage, BeginMessage, PgoutputMessage, Relation, Tuple } from '../decode/messages.js';
import { MalformedMessageError } from '../errors.js';
import type { BeginEvent, StreamEvent } from './stream-event.js';

/** Makes events of messages: joins rows with their relations, transactions with their origins, and checks the order. */
export class Assembler {
  readonly #relations = new Map<number, Relation>();
  readonly #out: (event: StreamEvent) => void;
  #open: number | undefined;
  /** The begin of a transaction whose next message may be its origin. */
  #held: BeginEvent | undefined;

  constructor(out: (event: StreamEvent) => void) {
    this.#out = out;
  }

  /** Whether a transaction has begun and its commit has not come yet. */
  get isInTransaction(): boolean {
    return this.#open !== undefined;
  }

  /** Begins a transaction; `origin` is what it has when its next message does not name one. */
  begin({ xid, commitLsn, committedAt }: Omit<BeginMessage, 'kind'>, origin: null | undefined): void {
    if (this.#open !== undefined) throw misplaced('begin', 'another transaction is open');
    this.#open = xid;
    this.#held = { kind: 'begin', xid, commitLsn, committedAt, origin };
  }

  commit({ commitLsn, endLsn }: Pick<CommitMessage, 'commitLsn' | 'endLsn'>): void {
    this.#release();
    const xid = this.#open;
    if (xid === undefined) throw misplaced('commit', 'no transaction is open');
    this.#open = undefined;
    this.#out({ kind: 'commit', xid, commitLsn, endLsn });
  }

  /** Takes the next message. Those of streamed blocks do not come here before their commit. */
  take(message: PgoutputMessage): void {
    switch (message.kind) {
      case 'begin':
        return this.begin(message, null);
      case 'commit':
        return this.commit(message);
      case 'origin':
        return this.#release(message.name);
      case 'relation':
        this.#relations.set(message.relation.id, message.relation);
        return;
      case 'type':
        return; // values stay text, so nobody asks
      case 'insert': {
        const relation = this.#relation(message.relationId, message);
        return this.#change({ kind: 'insert', relation, row: message.row });
      }
      case 'update': {
        const { row, oldKey, oldRow } = message;
        return this.#change({
          kind: 'update',
          relation: this.#relation(message.relationId, message),
          row,
          oldKey,
          oldRow,
        });
      }
      case 'delete': {
        const { oldKey, oldRow } = message;
        return this.#change({
          kind: 'delete',
          relation: this.#relation(message.relationId, message),
          oldKey,
          oldRow,
        });
      }
      case 'truncate': {
        const { relationIds, cascade, restartIdentity } = message;
        const relations = relationIds.map((id) => this.#relation(id, message));
        return this.#change({ kind: 'truncate', relations, cascade, restartIdentity });
      }
      case 'message':
        return message.isTransactional ? this.#change(message) : this.#out(message);
      case 'streamStart':
      case 'streamStop':
      case 'streamCommit':
      case 'streamAbort':
        throw misplaced(message.kind, 'streaming was not asked for');
    }
  }

  #change(event: StreamEvent): void {
    if (this.#open === undefined) throw misplaced(event.kind, 'no transaction is open');
    this.#release();
    this.#out(event);
  }

  #release(origin?: string): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#out(origin === undefined ? held : { ...held, origin });
  }

  /** The relation of a row, whose values must be as many as its columns: else they would be read as those of others. */
  #relation(id: number, message: PgoutputMessage): Relation {
    const relation = this.#relations.get(id);
    if (relation === undefined) throw misplaced(message.kind, `table ${id} was not described before`);
    const width = relation.columns.length;
    const tuples = TUPLES.map((part) => (message as Partial<Record<typeof part, Tuple | null>>)[part]);
    if (tuples.some((tuple) => tuple !== undefined && tuple !== null && tuple.length !== width)) {
      throw misplaced(message.kind, `a row of ${relation.schema}.${relation.name} has not its ${width} columns`);
    }
    return relation;
  }
}

const TUPLES = ['row', 'oldKey', 'oldRow'] as const;

function misplaced(kind: string, problem: string): MalformedMessageError {
  return new MalformedMessageError(problem, { message: kind });
}
