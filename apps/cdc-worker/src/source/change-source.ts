import type { Key } from '@switchyard/schema-change';

/** What a source gives, in commit order: keys only. What a row holds is read when it is applied. */
export type SourceEvent =
  | {
      readonly kind: 'begin';
      /** Lower 32 bits of the transaction's number, as text. */
      readonly xid: string;
      /** Milliseconds since 1970 on the clock of the database. */
      readonly committedAt: number;
    }
  | { readonly kind: 'change'; readonly key: Key; readonly oldKey?: Key | undefined }
  | { readonly kind: 'truncate'; readonly table: 'source' | 'target' }
  /** Everything up to the position was given: to be stored, then acknowledged. */
  | { readonly kind: 'commit'; readonly position: string }
  /** Nothing of ours is in the log up to the position. */
  | { readonly kind: 'idle'; readonly position: string };

/** Where changed keys come from. */
export interface ChangeSource extends AsyncDisposable {
  /** Batches of events as they come in. Rejects when the source was lost; ends when it is closed. */
  readonly events: AsyncIterable<readonly SourceEvent[]>;
  /** Says that everything up to a position is applied and stored. */
  acknowledge(position: string): void;
}
