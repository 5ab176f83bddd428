import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithParent, obtainTools, SEARCH_ATTRIBUTES, type FoundTool, type ToolName } from '@switchyard/local-stack';
import { TestWorkflowEnvironment } from '@temporalio/testing';

/** A Temporal test server of one's own, whose clock skips time when it is told to. */
export interface TimeSkipping extends AsyncDisposable {
  readonly env: TestWorkflowEnvironment;
  /** Skips time until the server's clock has reached this time, in milliseconds since the epoch; a past one is no wait. */
  readonly skipTo: (time: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** IndexedValueType of the API. */
const KEYWORD = 2;

/** Finds Java and the test server, fetching what is not there. @throws CodedError ToolMissing that says what to install */
export function obtainTestServer(): Promise<readonly FoundTool[]> {
  return obtainTools({
    only: ['java', 'temporal-test-server'],
    progress: (line) => process.stderr.write(`${line}\n`),
  });
}

/**
 * Starts a test server with Switchyard's search attributes. Its clock runs as others do until time is skipped, by
 * `skipTo` or by waiting for the result of a workflow; it is one for all workflows on this server. It ends with `stop`,
 * and also when the calling process is killed.
 * @throws CodedError ToolMissing when Java or the server cannot be had
 */
export async function startTimeSkipping(): Promise<TimeSkipping> {
  const found = await obtainTestServer();
  const pathOf = (name: ToolName): string => found.find(({ tool }) => tool === name)?.path ?? '';
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-test-server-'));
  const launcher = join(folder, 'launch');
  await writeFile(launcher, launcherScript(pathOf('java'), pathOf('temporal-test-server')), { mode: 0o755 });
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: launcher } },
  });
  const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
  const guard = endWithParent(pid, { signal: 'TERM', removeDirectory: folder });
  const stop = async (): Promise<void> => {
    guard.release();
    await env.teardown();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    // A workflow that sets an attribute which is not registered would try its first task for ever.
    await env.connection.operatorService.addSearchAttributes({
      namespace: env.namespace ?? 'default',
      searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTES.map((name) => [name, KEYWORD])),
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const skipTo = async (time: number): Promise<void> => {
    const left = time - (await env.currentTimeMs());
    if (left > 0) await env.sleep(left);
  };
  return { env, skipTo, stop, [Symbol.asyncDispose]: stop };
}

/** The SDK starts one executable, with the port as its first argument. */
function launcherScript(java: string, jars: string): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  return `#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo $$ > pid
exec ${quoted(java)} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp ${quoted(`${jars}/*`)} io.temporal.testserver.TestServer "$@" > server.log 2>&1
`;
}
