import type { Duplex } from 'node:stream';
import type { Session } from '@switchyard/shared-db';

/** What happens on a connection that is in copy-both mode. */
export interface CopyHandlers {
  /** The frames of one read of the socket. They are the driver's own memory: valid until this returns, or while paused. */
  readonly onRead: (frames: readonly Buffer[]) => void;
  /** The server's words that are no error. */
  readonly onNotice: (notice: { readonly code?: string | undefined }) => void;
  /** The copy ended and nobody asked for it. Called once at most, and not after `finish`. */
  readonly onEnd: (error: unknown) => void;
}

/** A connection in copy-both mode. */
export interface CopyBoth {
  /** Stops reading the socket; what was read already still comes. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly send: (frame: Buffer) => void;
  /** Says that we are done, drops what still comes, and settles when the server has ended the copy or the connection. */
  readonly finish: () => Promise<void>;
}

/** The parts of the driver's low-level connection that copy-both mode needs; its own client has no interface for that mode. */
interface RawConnection extends NodeJS.EventEmitter {
  readonly stream: Duplex;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/**
 * Sends a command that switches to copy-both mode and settles when the server has. The socket is then paused, and no frame
 * is handed over before the first `resume`, so that the caller can prepare. Rejects with the server's error when it refuses.
 */
export async function startCopyBoth(session: Session, command: string, handlers: CopyHandlers): Promise<CopyBoth> {
  const connection = session.connection as unknown as RawConnection;
  const { stream } = connection;
  const started = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  let state: 'starting' | 'started' | 'copying' | 'finishing' | 'ended' = 'starting';
  let frames: Buffer[] = [];

  const end = (error: unknown): void => {
    const before = state;
    state = 'ended';
    started.reject(error);
    finished.resolve();
    if (before === 'started' || before === 'copying') handlers.onEnd(error);
  };
  const handOver = (): void => {
    if (frames.length === 0 || state === 'started') return;
    const read = frames;
    frames = [];
    if (state === 'copying') handlers.onRead(read);
  };
  connection.once('replicationStart', () => {
    if (state !== 'starting') return;
    state = 'started';
    stream.pause();
    started.resolve();
  });
  session.on('notice', handlers.onNotice);
  // After the driver's own listener, which hands over each frame: so this is the end of one read.
  stream.on('data', handOver);
  const ignore = (): void => undefined;
  const query = {
    submit: () => connection.query(command),
    handleCopyData: ({ chunk }: { readonly chunk: Buffer }) => void frames.push(chunk),
    handleError: end,
    // Without our asking: the server switched to another timeline, or shuts down.
    handleReadyForQuery: () => end(new Error('The server ended the copy')),
    handleCommandComplete: ignore,
    handleRowDescription: ignore,
    handleDataRow: ignore,
    handlePortalSuspended: ignore,
    handleEmptyQuery: ignore,
    handleCopyInResponse: ignore,
  };
  session.query(query);
  await started.promise;
  return {
    pause: () => void stream.pause(),
    resume: () => {
      stream.resume();
      if (state !== 'started') return;
      state = 'copying';
      // Frames may have come together with the answer to the command. Who takes them may pause again.
      handOver();
    },
    send: (frame) => {
      if (stream.writable && (state === 'started' || state === 'copying')) connection.sendCopyFromChunk(frame);
    },
    finish: () => {
      if (state === 'started' || state === 'copying') {
        state = 'finishing';
        connection.endCopyFrom();
        stream.resume();
      }
      return finished.promise;
    },
  };
}
