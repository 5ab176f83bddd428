import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type VcenterTarget, type VmInput } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import type { Answer } from '../http/request.js';
import { serviceFailure } from '../http/status-failure.js';
import { jsonApi } from './json-api.js';

/** A reference to an object of vCenter. */
export const objectRef = z.object({ type: z.string(), value: z.string() });
export type ObjectRef = z.output<typeof objectRef>;

/** One session with a vCenter, over its JSON protocol (8.0 U1 and later). */
export interface Vcenter {
  /** What stands at an inventory path such as `/dc/vm/web`. */
  readonly find: (path: string) => Promise<ObjectRef | undefined>;
  /** The machine with an instance UUID. */
  readonly findByUuid: (uuid: string) => Promise<ObjectRef | undefined>;
  /** A property of an object. */
  readonly get: <S extends z.ZodType>(ref: ObjectRef, property: string, schema: S) => Promise<z.output<S>>;
  /**
   * Starts a task and waits for its end.
   * @throws CodedError with the name of the fault in `details.fault`; TimedOut at the deadline, the task then goes on
   */
  readonly run: (ref: ObjectRef, method: string, body: object, deadline: number) => Promise<void>;
  /** Ends the session. Never rejects: a session that is left ends by itself. */
  readonly close: () => Promise<void>;
}

const fault = z.object({
  _typeName: z.string(),
  faultMessage: z.array(z.object({ message: z.string().optional() })).default([]),
});
const content = z.object({ sessionManager: objectRef, searchIndex: objectRef });
const task = z.object({
  state: z.enum(['queued', 'running', 'success', 'error']),
  error: z.object({ fault: z.object({ _typeName: z.string() }), localizedMessage: z.string().default('') }).optional(),
});

/** Between two looks at a task. */
const LOOK_MS = 1_000;
const NO_RIGHT = ['InvalidLogin', 'NotAuthenticated', 'NoPermission', 'PasswordExpired'];
/** Faults that pass by themselves. */
const PASSING = [
  'TaskInProgress',
  'ConcurrentAccess',
  'HostCommunication',
  'HostNotConnected',
  'HostNotReachable',
  'Timedout',
];

/** Signs in. */
export async function openVcenter(tools: CallTools, target: VcenterTarget, input: VmInput): Promise<Vcenter> {
  let session: string | undefined;
  const api = jsonApi(tools, {
    name: 'vCenter',
    url: `${target.url.replace(/\/+$/, '')}/sdk/vim25/${target.release}`,
    headers: {},
    timeoutMs: input.timeout,
    ca: input.ca === undefined ? undefined : await tools.text(input.ca),
    saidIn: () => undefined,
  });
  const send = async (method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> => {
    const headers = session === undefined ? {} : { 'vmware-api-session-id': session };
    const answer = await api.send({ method, path, headers, body, allow: [500] });
    if (answer.status !== 500) return answer;
    const said = fault.safeParse(answer.body);
    if (!said.success) throw serviceFailure(`vCenter (${method} ${path})`, answer, undefined);
    const messages = said.data.faultMessage.map(({ message }) => message ?? '').join(' ');
    throw faultError(said.data._typeName, messages);
  };
  const post = (ref: ObjectRef, method: string, body: object): Promise<Answer> =>
    send('POST', `/${ref.type}/${ref.value}/${method}`, body);
  const get: Vcenter['get'] = async (ref, property, schema) =>
    api.read(schema, await send('GET', `/${ref.type}/${ref.value}/${property}`));

  const { sessionManager, searchIndex } = await get(
    { type: 'ServiceInstance', value: 'ServiceInstance' },
    'content',
    content,
  );
  const password = await tools.text(target.password);
  const signedIn = await post(sessionManager, 'Login', { userName: target.user, password });
  session = signedIn.header('vmware-api-session-id') ?? undefined;
  if (session === undefined) {
    throw new CodedError(
      'UpstreamFailed',
      `${target.url} answered without a session; name the address of a vCenter 8.0 U1 or later`,
      { retryable: false },
    );
  }
  const search = async (method: string, body: object): Promise<ObjectRef | undefined> => {
    const answer = await post(searchIndex, method, body);
    // Nothing found has no body.
    return answer.body === null ? undefined : api.read(objectRef, answer);
  };
  return {
    get,
    find: (path) => search('FindByInventoryPath', { inventoryPath: path }),
    findByUuid: (uuid) => search('FindByUuid', { uuid, vmSearch: true, instanceUuid: true }),
    async run(ref, method, body, deadline) {
      const started = api.read(objectRef, await post(ref, method, body));
      for (;;) {
        const { state, error } = await get(started, 'info', task);
        if (state === 'success') return;
        if (state === 'error') throw faultError(error?.fault._typeName ?? 'unknown', error?.localizedMessage ?? '');
        if (Date.now() + LOOK_MS > deadline) throw tookTooLong(`${method} (${started.value}) is still ${state}`);
        await sleep(LOOK_MS, undefined, { signal: tools.signal });
      }
    },
    async close() {
      try {
        await post(sessionManager, 'Logout', {});
      } catch {
        // The work is done or has failed for its own reason.
      }
    },
  };
}

/** Whether a failure is this fault of vCenter. */
export function isFault(error: unknown, name: string): boolean {
  return error instanceof CodedError && (error.details as { fault?: unknown } | null | undefined)?.fault === name;
}

/** The time of the step is over. */
export function tookTooLong(what: string): CodedError {
  return new CodedError('TimedOut', `${what} when the time of the step was over; give it more with \`within\``, {
    retryable: false,
  });
}

function faultError(name: string, message: string): CodedError {
  const said = `vCenter answered ${name}${message === '' ? '' : `: ${message}`}`;
  const details = { fault: name };
  if (NO_RIGHT.includes(name)) {
    return new CodedError('AuthFailed', `${said}; check the user, the password and the user's rights`, { details });
  }
  if (name === 'ManagedObjectNotFound') return new CodedError('NotFound', said, { details });
  return new CodedError('UpstreamFailed', said, { retryable: PASSING.includes(name), details });
}
