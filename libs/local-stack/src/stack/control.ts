import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { z } from 'zod';
import { CodedError } from '@switchyard/contracts';
import { messageOf } from '../error-code.js';
import { stackStateSchema, type StackState } from './state.js';
import { gatewaySpecSchema, workerSpecSchema, type GatewaySpec, type WorkerSpec } from './process-supervision.js';

/** What the supervisor does when it is asked. */
export interface ControlHandlers {
  readonly state: () => StackState;
  /** Starts those that do not run yet. */
  readonly startWorkers: (request: StartWorkers) => Promise<void>;
  /** Stops everything; the process ends after the answer. */
  readonly stop: () => Promise<void>;
}

export const startWorkersSchema = z.object({
  workers: z.array(workerSpecSchema),
  gateway: gatewaySpecSchema.nullable(),
  environment: z.record(z.string(), z.string()),
  stackEnvironment: z.record(z.string(), z.string()),
});

/** The workers to run, and the gateway. */
export interface StartWorkers {
  readonly workers: readonly WorkerSpec[];
  readonly gateway: GatewaySpec | null;
  /** Their whole environment. Kept in memory only: it may hold secrets of the caller. */
  readonly environment: Readonly<Record<string, string>>;
  /** The part of it that the stack made. */
  readonly stackEnvironment: Readonly<Record<string, string>>;
}

/** Serves the supervisor on loopback to whoever can read its state file. */
export async function serveControl(
  token: string,
  handlers: ControlHandlers,
): Promise<{ server: Server; port: number }> {
  const answer = async (request: IncomingMessage): Promise<StackState> => {
    switch (`${request.method ?? ''} ${request.url ?? ''}`) {
      case 'GET /state':
        return handlers.state();
      case 'POST /workers':
        await handlers.startWorkers(startWorkersSchema.parse(JSON.parse(await bodyOf(request))));
        return handlers.state();
      case 'POST /stop':
        await handlers.stop();
        return handlers.state();
      default:
        throw new CodedError('NotFound', 'no such request');
    }
  };
  const server = createServer((request, response) => {
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify(body));
    };
    if (!isToken(request.headers.authorization, token))
      return send(401, { message: 'the token of the state file is needed' });
    answer(request).then(
      (state) => send(200, state),
      (error: unknown) => send(500, { message: messageOf(error) }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the control endpoint has no port');
  return { server, port: address.port };
}

/** Asks the supervisor of a state. Throws UpstreamFailed when it does not answer. */
export async function askSupervisor(
  state: StackState,
  request: 'GET /state' | 'POST /workers' | 'POST /stop',
  body?: StartWorkers,
): Promise<StackState> {
  const [method, path] = request.split(' ');
  try {
    const response = await fetch(`http://127.0.0.1:${state.control.port}${path ?? ''}`, {
      method: method ?? 'GET',
      headers: { authorization: `Bearer ${state.control.token}` },
      signal: AbortSignal.timeout(60_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return stackStateSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new CodedError(
      'UpstreamFailed',
      `the supervisor of the stack (pid ${state.supervisor.pid}) does not answer: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

function isToken(header: string | undefined, token: string): boolean {
  const [given, wanted] = [Buffer.from(header ?? ''), Buffer.from(`Bearer ${token}`)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
