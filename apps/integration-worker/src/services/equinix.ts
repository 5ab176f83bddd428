import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type EquinixTarget, type VmInput, type VmResult } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import { markOf } from '../effects/mark.js';
import { once } from '../effects/once.js';
import { jsonApi, type JsonApi } from './json-api.js';

const device = z.object({
  id: z.string(),
  hostname: z.string(),
  state: z.string(),
  ip_addresses: z
    .array(z.object({ address: z.string(), address_family: z.number(), public: z.boolean().default(false) }))
    .default([]),
});
type Device = z.output<typeof device>;
const devices = z.object({ devices: z.array(device) });
const made = z.object({ id: z.string() });
const refusal = z.object({ errors: z.array(z.string()) });

/** Between two looks at a device. */
const LOOK_MS = 5_000;

/** Makes, switches or removes a device of Equinix Metal. */
export async function manageDevice(
  tools: CallTools,
  target: EquinixTarget,
  input: VmInput,
  deadline: number,
): Promise<VmResult> {
  const api = jsonApi(tools, {
    name: 'Equinix Metal',
    url: target.url,
    headers: { 'x-auth-token': await tools.text(target.token) },
    timeoutMs: input.timeout,
    ca: input.ca === undefined ? undefined : await tools.text(input.ca),
    saidIn: (body) => refusal.safeParse(body).data?.errors.join('; '),
  });
  const { name, action } = input;
  if (action === 'create') return create(tools, api, target, input, deadline);
  const known = await byName(api, target, name);
  if (action === 'remove') {
    if (known) await api.send({ method: 'DELETE', path: `/devices/${known.id}`, allow: [404] });
    return { id: null, name, state: 'absent', address: null, changed: known !== undefined };
  }
  if (!known) throw new CodedError('NotFound', `the project ${target.project} has no device ${name}`);
  const wanted = action === 'power-on' ? 'active' : 'inactive';
  if (known.state === wanted) return shown(known, false);
  const type = action === 'power-on' ? 'power_on' : 'power_off';
  await api.send({ method: 'POST', path: `/devices/${known.id}/actions`, body: { type } });
  return shown(await waitUntil(tools, api, known.id, wanted, deadline), true);
}

/** A device carries the mark of its step as a tag, by which a further attempt finds it. */
async function create(
  tools: CallTools,
  api: JsonApi,
  target: EquinixTarget,
  input: VmInput,
  deadline: number,
): Promise<VmResult> {
  const mark = markOf(tools.effect);
  const { userData } = target;
  const userdata = userData === undefined ? undefined : await tools.text(userData);
  const { made: known, isNew } = await once(tools, {
    kind: 'machine',
    schema: made,
    idOf: ({ id }) => id,
    lookUp: async () => {
      const [found] = await list(api, target, { tag: mark });
      return found && { id: found.id };
    },
    make: () =>
      api.ask(made, {
        method: 'POST',
        path: `/projects/${target.project}/devices`,
        body: {
          hostname: input.name,
          plan: target.plan,
          metro: target.metro,
          operating_system: target.operatingSystem,
          tags: [mark, ...target.tags],
          ...(userdata === undefined ? {} : { userdata }),
        },
      }),
  });
  return shown(await waitUntil(tools, api, known.id, 'active', deadline), isNew);
}

async function waitUntil(
  tools: CallTools,
  api: JsonApi,
  id: string,
  wanted: 'active' | 'inactive',
  deadline: number,
): Promise<Device> {
  for (;;) {
    const now = await api.ask(device, { method: 'GET', path: `/devices/${id}` });
    if (now.state === wanted) return now;
    if (now.state === 'failed') {
      throw new CodedError('UpstreamFailed', `Equinix Metal could not provision ${now.hostname} (${id})`, {
        retryable: false,
      });
    }
    if (Date.now() + LOOK_MS > deadline) {
      throw new CodedError(
        'TimedOut',
        `${now.hostname} (${id}) was ${now.state} when the time of the step was over; give it more with \`within\``,
        { retryable: false },
      );
    }
    await sleep(LOOK_MS, undefined, { signal: tools.signal });
  }
}

async function byName(api: JsonApi, target: EquinixTarget, name: string): Promise<Device | undefined> {
  const found = (await list(api, target, { hostname: name })).filter(({ hostname }) => hostname === name);
  const [one, another] = found;
  if (!another) return one;
  const ids = found.map(({ id }) => id).join(', ');
  throw new CodedError('InvalidInput', `the project ${target.project} has several devices ${name}: ${ids}`);
}

async function list(api: JsonApi, target: EquinixTarget, query: Record<string, string>): Promise<Device[]> {
  return (await api.ask(devices, { method: 'GET', path: `/projects/${target.project}/devices`, query })).devices;
}

function shown({ id, hostname, state, ip_addresses: addresses }: Device, changed: boolean): VmResult {
  const first =
    addresses.find((one) => one.public && one.address_family === 4) ??
    addresses.find((one) => one.address_family === 4) ??
    addresses[0];
  return { id, name: hostname, state: state === 'active' ? 'on' : 'off', address: first?.address ?? null, changed };
}
