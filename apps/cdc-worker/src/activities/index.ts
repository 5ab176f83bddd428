import type { StreamActivities, StreamCall } from './contract.js';
import { drainStream, readStream, releaseStream } from './end-stream.js';
import { inCall, type Call } from './in-call.js';
import { openStream } from './open-stream.js';
import type { StreamPorts } from './ports.js';
import { runStream } from './run-stream.js';

/** The activities of cdc-queue. */
export function createActivities(ports: StreamPorts): StreamActivities {
  const as =
    <I extends StreamCall, R>(work: (input: I, call: Call) => Promise<R>) =>
    (input: I): Promise<R> =>
      inCall(ports, input, (call) => work(input, call));
  return {
    openStream: as(openStream),
    runStream: as(runStream),
    drainStream: as(drainStream),
    readStream: as(readStream),
    releaseStream: as(releaseStream),
  };
}
