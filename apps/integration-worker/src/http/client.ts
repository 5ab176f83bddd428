import { createHash } from 'node:crypto';
import { Agent, fetch, type RequestInit, type Response } from 'undici';
import { guardedLookup, isRefused, RefusedAddress } from './refused-addresses.js';

/** How one request is sent, beside what fetch knows. */
export interface Sending extends Pick<RequestInit, 'method' | 'headers' | 'body'> {
  readonly signal: AbortSignal;
  /** PEM certificates of the only authority that is trusted; default: those of the process. */
  readonly ca?: string | undefined;
}

/** The connections of one worker to other services. */
export interface HttpClient {
  /** Sends one request. Redirects are not followed, for they would carry credentials to another server. */
  readonly fetch: (url: string | URL, sending: Sending) => Promise<Response>;
  /** Ends all connections, also those in use. */
  readonly close: () => Promise<void>;
}

/** Options of {@link createHttpClient}. */
export interface HttpClientOptions {
  /** Connections to one host at once; further requests wait for one, within their own time. */
  readonly perHost: number;
}

/** Authorities whose connections are kept at once; the oldest go first. */
const MOST_AUTHORITIES = 50;
const CONNECT_MS = 10_000;

/** Opens a client. TLS certificates are always verified. */
export function createHttpClient({ perHost }: HttpClientOptions): HttpClient {
  const agents = new Map<string, Agent>();
  const agentFor = (ca: string | undefined): Agent => {
    const key = ca === undefined ? '' : createHash('sha256').update(ca).digest('hex');
    const known = agents.get(key);
    if (known) return known;
    const agent = new Agent({
      connections: perHost,
      // One request per connection at a time: a slow answer must not hold up those behind it.
      pipelining: 1,
      allowH2: false,
      connect: { timeout: CONNECT_MS, lookup: guardedLookup, ...(ca === undefined ? {} : { ca }) },
    });
    agents.set(key, agent);
    for (const [oldest, old] of agents) {
      if (agents.size <= MOST_AUTHORITIES) break;
      agents.delete(oldest);
      // Lets requests under way end; nobody waits for it.
      void old.close();
    }
    return agent;
  };
  return {
    async fetch(url, { ca, ...sending }) {
      const { hostname } = new URL(url);
      // A host that is an address is never looked up.
      if (isRefused(hostname)) throw new RefusedAddress(hostname, hostname);
      return fetch(url, { ...sending, redirect: 'manual', dispatcher: agentFor(ca) });
    },
    async close() {
      const open = [...agents.values()];
      agents.clear();
      await Promise.all(open.map((agent) => agent.destroy()));
    },
  };
}
