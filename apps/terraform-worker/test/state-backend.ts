import { fakeHttp, type FakeHttp, type RecordedRequest } from '@switchyard/testkit';

/** A state as the tool writes it. */
export interface WrittenState {
  serial: number;
  lineage: string;
  readonly resources: readonly { readonly type: string; readonly name: string }[];
}

/** The state of one stack in a {@link StateBackend}. */
export interface KeptState {
  readonly address: string;
  /** Block `terraform` of a stack that keeps its state here. */
  readonly configuration: string;
  /** What is kept now. */
  readonly now: () => WrittenState | undefined;
  /** As somebody else would write it. */
  readonly write: (state: object) => void;
  readonly refuseToSave: (isRefused: boolean) => void;
  /** Called after a state was saved and before the tool hears of it; it hears when the promise resolves. */
  readonly onSaved: (heard: (() => Promise<void>) | undefined) => void;
  /** How often a state was saved. */
  readonly saves: () => number;
  /** Whether a tool holds the lock. */
  readonly isLocked: () => boolean;
}

/** Serves states by the protocol of the backend "http", one per stack. It can be told to refuse what it should save. */
export interface StateBackend extends AsyncDisposable {
  readonly state: (name: string) => KeptState;
}

export async function openStateBackend(): Promise<StateBackend> {
  const server: FakeHttp = await fakeHttp();
  return {
    state: (name) => keptState(server, `/${name}`),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

function keptState(server: FakeHttp, route: string): KeptState {
  let text: string | undefined;
  let lock: string | undefined;
  let isRefused = false;
  let saves = 0;
  let heard: (() => Promise<void>) | undefined;
  server.on({
    [`GET ${route}`]: () => (text === undefined ? { status: 404 } : { body: text }),
    [`POST ${route}`]: async ({ body }: RecordedRequest) => {
      if (isRefused) return { status: 500, body: 'the disk is full' };
      text = body;
      saves++;
      await heard?.();
      return {};
    },
    [`LOCK ${route}`]: ({ body }: RecordedRequest) => {
      if (lock !== undefined) return { status: 423, body: lock };
      lock = body;
      return {};
    },
    [`UNLOCK ${route}`]: () => {
      lock = undefined;
      return {};
    },
  });
  const address = `${server.url}${route}`;
  return {
    address,
    configuration: `
terraform {
  backend "http" {
    address        = "${address}"
    lock_address   = "${address}"
    unlock_address = "${address}"
    retry_max      = 0
  }
}`,
    now: () => (text === undefined ? undefined : (JSON.parse(text) as WrittenState)),
    write: (state) => (text = JSON.stringify(state)),
    refuseToSave: (refused) => (isRefused = refused),
    onSaved: (next) => (heard = next),
    saves: () => saves,
    isLocked: () => lock !== undefined,
  };
}
