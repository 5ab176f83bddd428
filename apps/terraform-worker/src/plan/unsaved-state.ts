import { isDeepStrictEqual } from 'node:util';
import { CodedError } from '@switchyard/contracts';
import { hasState, instancesOf, type StateDocument } from '../stack/state-document.js';
import { sha256 } from './manifest.js';

/** A state by its name and version. */
interface Version {
  readonly lineage: string;
  readonly serial: number;
}

/**
 * What a push of an unsaved state would do, without any value: what people are shown and approve. It is made anew
 * before the push, and the push is made only when it has not changed.
 */
export interface StatePush {
  readonly version: 1;
  /** Digest of the unsaved state. */
  readonly artifact: string;
  readonly stack: string;
  readonly workspace: string;
  readonly backend: string;
  readonly configuration: string;
  readonly unsaved: Version;
  /** What the backend holds now; null when it holds nothing. */
  readonly saved: Version | null;
  /** Objects that only the unsaved state knows. */
  readonly added: readonly string[];
  /** Objects that both know, and not alike. */
  readonly changed: readonly string[];
  /** Objects that only the backend knows: after the push no state does. */
  readonly forgotten: readonly string[];
  /** Whether somebody has saved a state since: the push would put the unsaved one in its place. */
  readonly overwrites: boolean;
}

/** Where a push would go. */
export type PushTarget = Pick<StatePush, 'artifact' | 'stack' | 'workspace' | 'backend' | 'configuration'>;

/**
 * Compares an unsaved state with what the backend holds.
 * @throws TerraformApplyFailed when it cannot be pushed whoever says so: another state, or one that cannot be read
 */
export function statePushOf(target: PushTarget, unsaved: StateDocument, saved: StateDocument): StatePush {
  if (unsaved.encrypted_data !== undefined || saved.encrypted_data !== undefined)
    throw refused(target, 'it is encrypted, so it cannot be compared with that of the backend');
  if (hasState(saved) && saved.lineage !== unsaved.lineage) {
    throw refused(
      target,
      `the backend holds another state (lineage ${saved.lineage}, the unsaved one has ${unsaved.lineage})`,
    );
  }
  const [mine, theirs] = [objectsOf(unsaved), objectsOf(saved)];
  return {
    version: 1,
    ...target,
    unsaved: versionOf(unsaved),
    saved: hasState(saved) ? versionOf(saved) : null,
    added: [...mine.keys()].filter((address) => !theirs.has(address)).toSorted(),
    changed: [...mine.entries()]
      .filter(([address, objects]) => theirs.has(address) && !isDeepStrictEqual(objects, theirs.get(address)))
      .map(([address]) => address)
      .toSorted(),
    forgotten: [...theirs.keys()].filter((address) => !mine.has(address)).toSorted(),
    overwrites: hasState(saved) && saved.serial >= unsaved.serial,
  };
}

const refused = ({ stack, artifact }: PushTarget, why: string): CodedError =>
  new CodedError('TerraformApplyFailed', `the unsaved state of "${stack}" cannot be pushed from here: ${why}`, {
    retryable: false,
    details: { erroredState: artifact },
  });

const versionOf = ({ lineage, serial }: StateDocument): Version => ({ lineage, serial });

/** What a state holds of each address: a deposed object stands beside the current one. */
const objectsOf = (state: StateDocument): ReadonlyMap<string, readonly unknown[]> =>
  Map.groupBy(instancesOf(state), ({ address }) => address);

/**
 * Whether the backend holds what the unsaved state holds. Serial and lineage do not tell: the tool raises the one when
 * it pushes, and makes a new one in a backend that is empty.
 */
export function isSaved(unsaved: StateDocument, saved: StateDocument): boolean {
  return (
    hasState(saved) &&
    isDeepStrictEqual(unsaved.outputs, saved.outputs) &&
    isDeepStrictEqual(unsaved.resources, saved.resources)
  );
}

/** The document of a push. Key order is that of the type, so one push has one digest. */
export const encodeStatePush = (push: StatePush): string => JSON.stringify(push);

/** The digest that people approve. */
export const evidenceOf = (push: StatePush): string => sha256(encodeStatePush(push));

/** A gate shows at most so many objects of a kind: its lines travel through workflow history. */
const MOST_SHOWN = 50;

/** What a push does, in lines for people. */
export function summariseStatePush(push: StatePush): string[] {
  const { unsaved, saved, artifact, backend, added, changed, forgotten, overwrites } = push;
  const over = saved === null ? 'where nothing is' : `over serial ${saved.serial}`;
  return [
    `Push the state that apply could not save: serial ${unsaved.serial} ${over}`,
    `lineage ${unsaved.lineage}, artifact ${artifact}, backend "${backend}"`,
    ...(overwrites ? ['SOMEBODY HAS SAVED A STATE SINCE: the push overwrites it (-force)'] : []),
    ...linesOf('+', added),
    ...linesOf('~', changed),
    ...linesOf('.', forgotten, ' (no state knows it afterwards)'),
  ];
}

const linesOf = (sign: string, addresses: readonly string[], remark = ''): string[] => [
  ...addresses.slice(0, MOST_SHOWN).map((address) => `${sign} ${address}${remark}`),
  ...(addresses.length > MOST_SHOWN ? [`${sign} ... ${addresses.length - MOST_SHOWN} more`] : []),
];
