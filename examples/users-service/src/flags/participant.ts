import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { GATEWAY_TIMEOUT_MS, type EvaluateFlags, type Flags, type GatewayAddress } from './flags.js';
import { createInFlight, type Tracked } from './in-flight.js';
import { createLease, LeaseLostError, type Lease } from './lease.js';
import { createShadowReads, type ShadowReads } from './shadow-reads.js';

/** Milliseconds between two reports. */
const REPORT_EVERY_MS = 1_000;
/** Milliseconds before the next try after a report that was not taken. */
const RETRY_AFTER_MS = 200;
/** Milliseconds that a request waits for its own evaluation before it goes by the flags of the last report. */
const PATIENCE_MS = 200;

/** Options of {@link takePart}. */
export interface ParticipantOptions {
  readonly service: string;
  /** Names this process; no other one, before or after it, has this name. */
  readonly instance: string;
  readonly gateway: GatewayAddress;
  readonly evaluate: EvaluateFlags;
  /** Milliseconds since 1970 by the clock of the database that is written to. */
  readonly databaseClock: () => Promise<number>;
  /** Told why reports fail, once until one is taken again. */
  readonly onProblem: (error: unknown) => void;
}

/** This instance's part in changes of the schema. */
export interface Participant {
  readonly lease: Lease;
  readonly shadowReads: ShadowReads;
  /** Runs a request by flags that are evaluated once, at its beginning. @throws LeaseLostError */
  serve<T>(targetingKey: string, work: (flags: Flags) => Promise<T>): Promise<T>;
  /** Says goodbye. Only when all requests have ended and none can begin any more. */
  leave(): Promise<void>;
}

/** Reports to the gateway every second what this instance uses, and holds the lease that it gets for it. */
export function takePart(options: ParticipantOptions): Participant {
  const { service, instance, gateway, evaluate, databaseClock, onProblem } = options;
  const lease = createLease();
  const inFlight = createInFlight();
  const shadowReads = createShadowReads();
  const leaving = new AbortController();
  let latest: Flags | undefined;
  let isConnected = false;

  const send = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${gateway.url}/flags/v1/instances${path}`, {
      method,
      headers: { ...gateway.headers, ...(body ? { 'content-type': 'application/json' } : {}) },
      signal: AbortSignal.timeout(GATEWAY_TIMEOUT_MS),
      ...(body ? { body: JSON.stringify(body) } : {}),
    });

  /** One report. The order matters: clocks, flags, what requests use, report, lease. */
  const report = async (): Promise<boolean> => {
    const from = { monotonicMs: performance.now(), databaseMs: await databaseClock() };
    const evaluated = await evaluate(instance);
    if (!inFlight.raise(evaluated.versions)) throw new Error('the gateway gave older flags than before');
    latest = evaluated;
    const flags = inFlight.lowest();
    const answer = await send('POST', '', { service, instance, flags, shadowReads: shadowReads.counts() });
    // Refused: the flags changed before this instance was known. It must not serve by what it has evaluated.
    if (answer.status === 409) return false;
    if (!answer.ok) throw new Error(`the gateway answered ${answer.status}: ${await answer.text()}`);
    lease.renew(from, z.object({ leaseMs: z.number() }).parse(await answer.json()).leaseMs);
    return true;
  };

  const run = async (): Promise<void> => {
    let isTold = false;
    while (!leaving.signal.aborted) {
      isConnected = await report().catch((error: unknown) => {
        if (!isTold) onProblem(error);
        isTold = true;
        return false;
      });
      if (isConnected) isTold = false;
      await sleep(isConnected ? REPORT_EVERY_MS : RETRY_AFTER_MS, undefined, { signal: leaving.signal }).catch(
        () => undefined,
      );
    }
  };
  const running = run();

  /** The flags of a request. What the last report found holds where the gateway is slow or away, or lags behind. */
  const flagsFor = async (targetingKey: string, tracked: Tracked): Promise<Flags> => {
    const own = isConnected ? evaluate(targetingKey).catch(() => undefined) : undefined;
    const patience = sleep(PATIENCE_MS, undefined, { ref: false });
    for (const flags of [await Promise.race([own, patience]), latest]) {
      if (flags && tracked.use(flags.versions)) return flags;
    }
    throw new LeaseLostError('this instance has not seen its flags yet');
  };

  return {
    lease,
    shadowReads,
    async serve(targetingKey, work) {
      lease.assertHeld();
      const tracked = inFlight.begin();
      try {
        const flags = await flagsFor(targetingKey, tracked);
        const result = await work(flags);
        // A process that was stopped in between must not answer with what it read by old flags.
        lease.assertHeld();
        return result;
      } finally {
        tracked.end();
      }
    },
    async leave() {
      leaving.abort();
      await running;
      await send('DELETE', `/${service}/${instance}`).catch(onProblem);
    },
  };
}
