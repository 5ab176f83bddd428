import type { Lsn } from '../lsn.js';

/** What a stream tells about itself, for metrics. */
export interface StreamMetrics {
  /** One read of the socket was taken in: its bytes and messages, whole transactions, and how far the server has read the log. */
  readonly received: {
    readonly bytes: number;
    readonly messages: number;
    readonly transactions: number;
    readonly lsn: Lsn;
  };
  /** A position was told to the server. */
  readonly acknowledged: { readonly lsn: Lsn };
  /** The socket is no longer read: so many bytes wait for the consumer. */
  readonly paused: { readonly bufferedBytes: number };
  /** The socket is read again, after so many milliseconds. */
  readonly resumed: { readonly pausedMs: number };
}

/** A function for each metric that somebody wants. */
export type StreamListeners = { readonly [Name in keyof StreamMetrics]?: (payload: StreamMetrics[Name]) => void };
