import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { z } from 'zod';

const stateOutputSchema = z.object({ value: z.unknown(), sensitive: z.boolean().default(false) });

/** The parts of a state that are read. Holds secrets in clear text: never stored, never sent. */
export const stateDocumentSchema = z.object({
  serial: z.number().int(),
  lineage: z.string().default(''),
  outputs: z.record(z.string(), stateOutputSchema).default({}),
  resources: z
    .array(
      z.object({
        module: z.string().optional(),
        mode: z.string().default('managed'),
        type: z.string(),
        name: z.string(),
        instances: z
          .array(
            // What else an instance holds counts where two states are compared.
            z.looseObject({
              index_key: z.union([z.string(), z.number()]).nullish(),
              deposed: z.string().nullish(),
              status: z.string().nullish(),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
  /** Present in place of everything but serial and lineage where OpenTofu encrypts the state. */
  encrypted_data: z.string().optional(),
});
export type StateDocument = z.output<typeof stateDocumentSchema>;

/** A stack that was never applied. */
export const NO_STATE: StateDocument = { serial: 0, lineage: '', outputs: {}, resources: [] };

/** Whether there is a state at all: the tool gives it a lineage when it first writes it. */
export const hasState = (state: Pick<StateDocument, 'lineage'>): boolean => state.lineage !== '';

/** Parses a state. Empty text stands for none. Throws TerraformPlanFailed when it is no state. */
export function parseState(text: string, where: string): StateDocument {
  if (text.trim() === '') return NO_STATE;
  try {
    return stateDocumentSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new CodedError(
      'TerraformPlanFailed',
      `${where} does not hold a state that can be read; restore it from a backup`,
      {
        retryable: false,
        cause: error,
      },
    );
  }
}

/** Addresses of every managed object in a state. */
export const addressesOf = (state: StateDocument): Set<string> => addressesWhere(state, () => true);

/** Addresses of the objects that are half-made: the tool replaces them with its next apply. */
export const taintedIn = (state: StateDocument): Set<string> =>
  addressesWhere(state, ({ status }) => status === 'tainted');

type Instance = StateDocument['resources'][number]['instances'][number];

function addressesWhere(state: StateDocument, isMeant: (instance: Instance) => boolean): Set<string> {
  const isCurrent = ({ deposed }: Instance): boolean => deposed === undefined || deposed === null;
  return new Set(
    instancesOf(state).flatMap(({ address, instance }) => (isCurrent(instance) && isMeant(instance) ? [address] : [])),
  );
}

/** Every managed object in a state, deposed ones too. */
export function instancesOf(state: StateDocument): { readonly address: string; readonly instance: Instance }[] {
  return state.resources.flatMap(({ module, mode, type, name, instances }) => {
    if (mode !== 'managed') return [];
    const base = `${module === undefined ? '' : `${module}.`}${type}.${name}`;
    return instances.map((instance) => {
      const { index_key: key } = instance;
      return { address: key === undefined || key === null ? base : `${base}[${JSON.stringify(key)}]`, instance };
    });
  });
}

const backendFileSchema = z.object({
  backend: z.object({ type: z.string(), config: z.record(z.string(), z.unknown()).nullish() }).optional(),
});

/** Where a stack keeps its state. */
export interface Backend {
  readonly type: string;
  /** The state file of the local backend; null for all others. */
  readonly stateFile: string | null;
}

/**
 * Which backend init has set up: it writes it to the data directory, and nothing for the implicit local one.
 * @returns for the local backend also the path of the state, so that no process is needed to read it
 */
export async function readBackend(options: {
  readonly directory: string;
  readonly dataDir: string;
  readonly workspace: string;
}): Promise<Backend> {
  const { directory, dataDir, workspace } = options;
  const text = await readFile(path.join(dataDir, 'terraform.tfstate'), 'utf8').catch(() => '{}');
  const { backend } = backendFileSchema.parse(JSON.parse(text));
  if (backend !== undefined && backend.type !== 'local') return { type: backend.type, stateFile: null };
  const setting = (name: string, fallback: string): string => {
    const value = backend?.config?.[name];
    return typeof value === 'string' && value !== '' ? value : fallback;
  };
  const file =
    workspace === 'default'
      ? setting('path', 'terraform.tfstate')
      : path.join(setting('workspace_dir', 'terraform.tfstate.d'), workspace, 'terraform.tfstate');
  return { type: 'local', stateFile: path.resolve(directory, file) };
}
