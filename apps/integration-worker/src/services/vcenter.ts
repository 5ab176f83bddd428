import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type VcenterTarget, type VmInput, type VmResult } from '@switchyard/contracts';
import { z } from 'zod';
import type { CallTools } from '../activities/call.js';
import { uuidOf } from '../effects/mark.js';
import { isFault, objectRef, openVcenter, tookTooLong, type ObjectRef, type Vcenter } from './vcenter-client.js';

const summary = z.object({
  runtime: z.object({ powerState: z.enum(['poweredOn', 'poweredOff', 'suspended']) }),
  guest: z.object({ ipAddress: z.string().optional() }).optional(),
});

/** Between two looks at a machine. */
const LOOK_MS = 2_000;

/** What the work on one machine needs. */
interface Job {
  readonly tools: CallTools;
  readonly api: Vcenter;
  readonly target: VcenterTarget;
  readonly input: VmInput;
  /** When all of it must be done. */
  readonly deadline: number;
}

/** Makes, switches or removes a machine of vCenter. */
export async function manageVcenterVm(
  tools: CallTools,
  target: VcenterTarget,
  input: VmInput,
  deadline: number,
): Promise<VmResult> {
  const api = await openVcenter(tools, target, input);
  try {
    const job = { tools, api, target, input, deadline };
    return await (input.action === 'create' ? create(job) : change(job, input.action));
  } finally {
    await api.close();
  }
}

/**
 * Clones the template. The machine has an instance UUID made from the effect, by which a further attempt finds it: also
 * one whose clone goes on after the attempt that began it has died.
 */
async function create(job: Job): Promise<VmResult> {
  const { api, tools, input } = job;
  const uuid = uuidOf(tools.effect);
  const known = await api.findByUuid(uuid);
  const vm = known ?? (await clone(job, uuid));
  if (input.powerOn) await switchTo(job, vm, 'poweredOn');
  const address = input.waitForAddress ? await waitForAddress(job, vm) : undefined;
  const now = await api.get(vm, 'summary', summary);
  return shown(input.name, vm, now, { changed: known === undefined, address });
}

async function clone(job: Job, uuid: string): Promise<ObjectRef> {
  const { api, target, input, deadline, tools } = job;
  const path = pathOf(job);
  if (await api.find(path)) throw taken(path);
  const folder = await must(api, target.folder, ['Folder']);
  const template = await must(api, target.template ?? '', ['VirtualMachine']);
  const pool = await poolOf(api, target.pool ?? '');
  const datastore = target.datastore === undefined ? undefined : await must(api, target.datastore, ['Datastore']);
  const spec = {
    _typeName: 'VirtualMachineCloneSpec',
    location: {
      _typeName: 'VirtualMachineRelocateSpec',
      pool: asReference(pool),
      ...(datastore === undefined ? {} : { datastore: asReference(datastore) }),
    },
    config: {
      _typeName: 'VirtualMachineConfigSpec',
      instanceUuid: uuid,
      annotation: `Switchyard ${tools.run.runId}, step ${tools.step}`,
      ...(target.cpus === undefined ? {} : { numCPUs: target.cpus }),
      ...(target.memoryMb === undefined ? {} : { memoryMB: target.memoryMb }),
    },
    // Switched on afterwards: so that both are safe to repeat by themselves.
    powerOn: false,
    template: false,
  };
  try {
    await api.run(template, 'CloneVM_Task', { folder: asReference(folder), name: input.name, spec }, deadline);
  } catch (error) {
    if (!isFault(error, 'DuplicateName')) throw error;
    // Either somebody's, or the clone of an attempt before this one that is not in the inventory yet.
    return waitForClone(job, uuid);
  }
  const made = await api.findByUuid(uuid);
  if (!made)
    throw new CodedError('UpstreamFailed', `vCenter made ${input.name} and does not show it yet`, { retryable: true });
  return made;
}

async function waitForClone({ api, tools, ...job }: Job, uuid: string): Promise<ObjectRef> {
  const path = pathOf(job);
  for (;;) {
    const made = await api.findByUuid(uuid);
    if (made) return made;
    if (await api.find(path)) throw taken(path);
    if (Date.now() + LOOK_MS > job.deadline)
      throw tookTooLong(`the clone of an earlier attempt at ${path} was under way`);
    await sleep(LOOK_MS, undefined, { signal: tools.signal });
  }
}

async function change(job: Job, action: 'power-on' | 'power-off' | 'remove'): Promise<VmResult> {
  const { api, input, deadline } = job;
  const vm = await api.find(pathOf(job));
  if (action === 'remove') {
    const gone: VmResult = { id: null, name: input.name, state: 'absent', address: null, changed: vm !== undefined };
    if (!vm) return gone;
    await switchTo(job, vm, 'poweredOff');
    await api.run(vm, 'Destroy_Task', {}, deadline);
    return gone;
  }
  if (vm?.type !== 'VirtualMachine') throw new CodedError('NotFound', `vCenter has no machine ${pathOf(job)}`);
  const changed = await switchTo(job, vm, action === 'power-on' ? 'poweredOn' : 'poweredOff');
  return shown(input.name, vm, await api.get(vm, 'summary', summary), { changed });
}

/** @returns whether it had to be switched */
async function switchTo({ api, deadline }: Job, vm: ObjectRef, wanted: 'poweredOn' | 'poweredOff'): Promise<boolean> {
  const stateNow = async () => (await api.get(vm, 'summary', summary)).runtime.powerState;
  if ((await stateNow()) === wanted) return false;
  try {
    await api.run(vm, wanted === 'poweredOn' ? 'PowerOnVM_Task' : 'PowerOffVM_Task', {}, deadline);
  } catch (error) {
    // Somebody switched it meanwhile.
    if (!isFault(error, 'InvalidPowerState') || (await stateNow()) !== wanted) throw error;
  }
  return true;
}

async function waitForAddress({ api, tools, input, deadline }: Job, vm: ObjectRef): Promise<string> {
  for (;;) {
    const { guest } = await api.get(vm, 'summary', summary);
    if (guest?.ipAddress !== undefined && guest.ipAddress !== '') return guest.ipAddress;
    if (Date.now() + LOOK_MS > deadline)
      throw tookTooLong(`${input.name} had not told its address; it needs VMware Tools`);
    await sleep(LOOK_MS, undefined, { signal: tools.signal });
  }
}

/** A cluster or a standalone host runs machines in its root pool. */
async function poolOf(api: Vcenter, path: string): Promise<ObjectRef> {
  const found = await must(api, path, ['ResourcePool', 'VirtualApp', 'ClusterComputeResource', 'ComputeResource']);
  return found.type.endsWith('ComputeResource') ? api.get(found, 'resourcePool', objectRef) : found;
}

async function must(api: Vcenter, path: string, types: readonly string[]): Promise<ObjectRef> {
  const found = await api.find(path);
  if (!found) throw new CodedError('NotFound', `vCenter has nothing at ${path}`);
  if (types.includes(found.type)) return found;
  throw new CodedError('InvalidInput', `${path} is a ${found.type}; name a ${types.join(' or ')}`);
}

const pathOf = ({ target, input }: Pick<Job, 'target' | 'input'>): string =>
  `${target.folder.replace(/\/+$/, '')}/${input.name}`;

const taken = (path: string): CodedError =>
  new CodedError(
    'InvalidInput',
    `${path} exists, and this step did not make it; name another machine, or remove that one`,
  );

const asReference = (ref: ObjectRef): object => ({ _typeName: 'ManagedObjectReference', ...ref });

function shown(
  name: string,
  vm: ObjectRef,
  { runtime, guest }: z.output<typeof summary>,
  { changed, address }: { changed: boolean; address?: string | undefined },
): VmResult {
  return {
    id: vm.value,
    name,
    state: runtime.powerState === 'poweredOn' ? 'on' : 'off',
    address: address ?? guest?.ipAddress ?? null,
    changed,
  };
}
