import { codeOf, endsSession, isNetworkCode } from './sqlstate.js';

const LOST = Symbol('switchyard.connectionLost');
const SERVER_MESSAGE = Symbol('switchyard.serverMessage');

type Marked = Error & { [LOST]?: true; [SERVER_MESSAGE]?: string };

/**
 * Marks an error as "the connection is gone". The driver reports a lost socket with bare texts; the client of this library
 * knows from the connection's state, and says so here, so that nobody has to compare texts.
 */
export function markLost(error: unknown): void {
  if (error instanceof Error) Object.defineProperty(error, LOST, { value: true, enumerable: false });
}

/** Whether the connection was lost or never made. */
export function isConnectionLost(error: unknown): boolean {
  return (
    (error instanceof Error && (error as Marked)[LOST] === true) || isNetworkCode(codeOf(error)) || endsSession(error)
  );
}

/** Keeps the server's own message, before Knex puts the SQL text in front of it. */
export function keepServerMessage(error: unknown): void {
  if (error instanceof Error) Object.defineProperty(error, SERVER_MESSAGE, { value: error.message, enumerable: false });
}

/** The server's own message without the SQL text, when the error came through this library. */
export function serverMessageOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as Marked)[SERVER_MESSAGE] : undefined;
}
