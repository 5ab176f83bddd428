import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  endWithParent,
  findTool,
  requireTool,
  startDevServer,
  temporalTool,
  toolContext,
} from '@switchyard/local-stack';

/** Where the Temporal server of a test run is. */
export interface TemporalForTests {
  readonly address: string;
  readonly namespace: string;
}

/** A Temporal server that the caller stops. */
export interface StartedTemporal extends TemporalForTests, AsyncDisposable {
  readonly stop: () => Promise<void>;
}

/** Options of {@link startTemporal}. */
export interface StartTemporalOptions {
  /** Events of history after which the server suggests to continue as new. Default: that of the server, 4096. */
  readonly suggestContinueAsNew?: number;
}

/**
 * Starts a Temporal server in memory, without its web page, with Switchyard's search attributes. It ends with `stop`,
 * and also when the calling process is killed.
 */
export async function startTemporal({ suggestContinueAsNew }: StartTemporalOptions = {}): Promise<StartedTemporal> {
  const context = toolContext({ progress: (line) => process.stderr.write(`${line}\n`) });
  const { path: binary } = requireTool(await findTool(temporalTool(context)));
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-temporal-'));
  const server = await startDevServer({
    binary,
    uiPort: false,
    logFile: join(folder, 'server.log'),
    ...(suggestContinueAsNew === undefined
      ? {}
      : { dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': suggestContinueAsNew } }),
  });
  const guard = endWithParent(server.identity.pid, { signal: 'TERM', removeDirectory: folder });
  const stop = async (): Promise<void> => {
    guard.release();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { address: server.address, namespace: server.namespace, stop, [Symbol.asyncDispose]: stop };
}
