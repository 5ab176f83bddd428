import type { ChangeStreamInput, RunRef, StreamMode } from '@switchyard/contracts';
import type { SlotIdentity } from '@switchyard/pgoutput';

export type { SlotIdentity };

/** What every activity of a stream is told. */
export interface StreamCall {
  readonly ref: RunRef;
  readonly stream: ChangeStreamInput;
}

/** A stretch of the stream in one mode. */
export interface RunStreamInput extends StreamCall {
  readonly identity: SlotIdentity;
  readonly mode: StreamMode;
}

/** Where a stream stands, by the control row. */
export interface StreamPosition {
  readonly position: string | null;
  readonly epoch: string;
  readonly rowsWritten: number;
}

/** The activities of the cdc-worker. */
export interface StreamActivities {
  /** Makes publication and slot from scratch; what an earlier attempt left goes first. */
  openStream(call: StreamCall): Promise<SlotIdentity>;
  /** Applies changes until it is cancelled. */
  runStream(input: RunStreamInput): Promise<void>;
  /** Waits until everything that is committed by now is applied. */
  drainStream(input: StreamCall & { readonly mode: StreamMode }): Promise<void>;
  readStream(call: StreamCall): Promise<StreamPosition>;
  /** Drops slot, publication and origins. Safe to repeat. */
  releaseStream(call: StreamCall): Promise<void>;
}
