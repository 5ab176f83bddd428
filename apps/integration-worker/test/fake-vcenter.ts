import type { FakeAnswer, FakeHttp, RecordedRequest } from '@switchyard/testkit';

/** A machine as the fake keeps it. */
export interface FakeMachine {
  readonly path: string;
  readonly uuid: string;
  power: 'poweredOn' | 'poweredOff';
  ip?: string;
}

/** A vCenter that speaks the documented JSON protocol: sessions, search, tasks, faults. */
export interface FakeVcenter {
  readonly machines: Map<string, FakeMachine>;
  /** Sessions that were opened and not ended. */
  readonly sessions: Set<string>;
  /** Tasks by what they were asked for, in order. */
  readonly tasks: { readonly method: string; readonly body: unknown }[];
  /** How the next answers to starting a task are lost: the task runs all the same. */
  losing: number;
  /** How many looks at a task it takes until it is done. */
  looks: number;
}

const INVENTORY: Readonly<Record<string, { type: string; value: string }>> = {
  '/dc/vm/web': { type: 'Folder', value: 'group-v7' },
  '/dc/vm/templates/debian': { type: 'VirtualMachine', value: 'vm-1' },
  '/dc/host/cluster': { type: 'ClusterComputeResource', value: 'domain-c8' },
  '/dc/datastore/ssd': { type: 'Datastore', value: 'datastore-9' },
};
const API = '/sdk/vim25/8.0.1.0';
const ref = (type: string, value: string): object => ({ _typeName: 'ManagedObjectReference', type, value });
const fault = (name: string, message = ''): FakeAnswer => ({
  status: 500,
  body: { _typeName: name, faultMessage: message === '' ? [] : [{ key: 'k', message }] },
});

/** Lets a fake service answer as a vCenter for which `user` with `password` may sign in. */
export function fakeVcenter(fake: FakeHttp, password: string): FakeVcenter {
  const machines = new Map<string, FakeMachine>();
  const sessions = new Set<string>();
  const running = new Map<string, { left: number; error?: string }>();
  const vcenter: FakeVcenter = { machines, sessions, tasks: [], losing: 0, looks: 0 };
  let ids = 100;

  const start = (method: string, body: unknown, work: () => string | undefined): FakeAnswer => {
    vcenter.tasks.push({ method, body });
    const id = `task-${++ids}`;
    const error = work();
    running.set(id, { left: vcenter.looks, ...(error === undefined ? {} : { error }) });
    if (vcenter.losing > 0) {
      vcenter.losing -= 1;
      return { drop: true };
    }
    return { body: ref('Task', id) };
  };
  const signedIn =
    (answer: (request: RecordedRequest) => FakeAnswer) =>
    (request: RecordedRequest): FakeAnswer =>
      sessions.has(String(request.headers['vmware-api-session-id'])) ? answer(request) : fault('NotAuthenticated');
  const known = (path: string): [string, FakeMachine] | undefined =>
    [...machines].find(([, machine]) => machine.path === path);

  fake.on({
    [`GET ${API}/ServiceInstance/ServiceInstance/content`]: {
      body: { sessionManager: ref('SessionManager', 'SessionManager'), searchIndex: ref('SearchIndex', 'SearchIndex') },
    },
    [`POST ${API}/SessionManager/SessionManager/Login`]: ({ json }) => {
      const given = json as { userName: string; password: string };
      if (given.userName !== 'svc' || given.password !== password)
        return fault('InvalidLogin', 'Cannot complete login');
      const session = `session-${++ids}`;
      sessions.add(session);
      return { headers: { 'vmware-api-session-id': session }, body: { _typeName: 'UserSession', userName: 'svc' } };
    },
    [`POST ${API}/SessionManager/SessionManager/Logout`]: signedIn(({ headers }) => {
      sessions.delete(String(headers['vmware-api-session-id']));
      return { status: 204 };
    }),
    [`POST ${API}/SearchIndex/SearchIndex/FindByInventoryPath`]: signedIn(({ json }) => {
      const { inventoryPath } = json as { inventoryPath: string };
      const fixed = INVENTORY[inventoryPath];
      if (fixed) return { body: ref(fixed.type, fixed.value) };
      const machine = known(inventoryPath);
      return machine ? { body: ref('VirtualMachine', machine[0]) } : { status: 204 };
    }),
    [`POST ${API}/SearchIndex/SearchIndex/FindByUuid`]: signedIn(({ json }) => {
      const { uuid } = json as { uuid: string };
      const machine = [...machines].find(([, one]) => one.uuid === uuid);
      return machine ? { body: ref('VirtualMachine', machine[0]) } : { status: 204 };
    }),
    [`GET ${API}/ClusterComputeResource/domain-c8/resourcePool`]: signedIn(() => ({
      body: ref('ResourcePool', 'resgroup-9'),
    })),
    [`GET ${API}/Task/*`]: signedIn(({ path }) => {
      const id = path.split('/').at(-2) ?? '';
      const task = running.get(id);
      if (!task) return fault('ManagedObjectNotFound');
      if (task.left > 0) {
        task.left -= 1;
        return { body: { _typeName: 'TaskInfo', state: 'running', progress: 50 } };
      }
      if (task.error === undefined) return { body: { _typeName: 'TaskInfo', state: 'success' } };
      const error = { _typeName: 'LocalizedMethodFault', fault: { _typeName: task.error }, localizedMessage: 'no' };
      return { body: { _typeName: 'TaskInfo', state: 'error', error } };
    }),
    [`POST ${API}/VirtualMachine/*`]: signedIn(({ path, json }) => {
      const [id = '', method = ''] = path.split('/').slice(-2);
      if (method === 'CloneVM_Task') {
        const { name, spec } = json as { name: string; spec: { config: { instanceUuid: string } } };
        return start(method, json, () => {
          if (known(`/dc/vm/web/${name}`)) return 'DuplicateName';
          const uuid = spec.config.instanceUuid;
          machines.set(`vm-${++ids}`, { path: `/dc/vm/web/${name}`, uuid, power: 'poweredOff' });
          return undefined;
        });
      }
      const machine = machines.get(id);
      if (!machine) return fault('ManagedObjectNotFound');
      return start(method, json, () => {
        if (method === 'Destroy_Task') machines.delete(id);
        else {
          machine.power = method === 'PowerOnVM_Task' ? 'poweredOn' : 'poweredOff';
          if (machine.power === 'poweredOn') machine.ip = '10.0.0.21';
        }
        return undefined;
      });
    }),
    [`GET ${API}/VirtualMachine/*`]: signedIn(({ path }) => {
      const machine = machines.get(path.split('/').at(-2) ?? '');
      if (!machine) return fault('ManagedObjectNotFound');
      const guest = machine.ip === undefined ? {} : { ipAddress: machine.ip };
      return { body: { _typeName: 'VirtualMachineSummary', runtime: { powerState: machine.power }, guest } };
    }),
  });
  return vcenter;
}
