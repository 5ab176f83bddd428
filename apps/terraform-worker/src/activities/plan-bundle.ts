import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { decodeManifest, sha256, type PlanManifest } from '../plan/manifest.js';
import type { StateDocument } from '../stack/state-document.js';
import type { ReadyStack } from './commands.js';
import type { TerraformDeps } from './deps.js';
import type { Session } from './session.js';

const stale = (session: Session, what: string, details: Readonly<Record<string, unknown>>): CodedError =>
  new CodedError(
    'TerraformPlanStale',
    `the plan of "${session.input.stack.path}" is void: ${what}. Start a new run: it plans and asks again`,
    {
      details,
    },
  );

/** Fetches the manifest of an approved plan and proves that it belongs to this run's stack, workspace and engine. */
export async function fetchManifest(deps: TerraformDeps, session: Session, planDigest: string): Promise<PlanManifest> {
  const manifest = decodeManifest(await deps.artifacts.read(planDigest), planDigest);
  const { input, stack, tool } = session;
  const expected = {
    stack: stack.identity,
    workspace: input.workspace,
    action: input.action,
    engine: tool.engine.name,
  };
  for (const [name, value] of Object.entries(expected)) {
    const planned = manifest[name as keyof typeof expected];
    if (planned !== value) {
      throw stale(session, `it was made for ${name} "${planned}", not "${value}"`, {
        field: name,
        planned,
        now: value,
      });
    }
  }
  return manifest;
}

/** Fetches the saved plan of a manifest, proved by its digest. */
export async function fetchPlan(deps: TerraformDeps, session: Session, manifest: PlanManifest): Promise<Buffer> {
  if (manifest.plan === null) throw stale(session, 'it holds nothing to apply', {});
  const bytes = await deps.artifacts.read(manifest.plan);
  if (sha256(bytes) !== manifest.plan) throw stale(session, 'its plan file was changed', { plan: manifest.plan });
  return bytes;
}

/**
 * Puts the lock file of the plan beside the configuration where there is none, so that init on this worker resolves
 * the providers that the plan was made with. Another one there means that the stack has changed; but not in a stack
 * from git, whose commit is fixed: there init has completed it while it planned, and this copy has it as committed.
 */
export async function placeLockFile(deps: TerraformDeps, session: Session, manifest: PlanManifest): Promise<void> {
  const now = await addLockFile(deps, session, manifest);
  if (now === manifest.lockFile) return;
  throw stale(session, 'the lock file of its providers was changed', { planned: manifest.lockFile, now });
}

/**
 * Puts the lock file of the plan where there is none.
 * @returns the digest of the one that is there then; null when the plan has none either
 */
export async function addLockFile(
  deps: TerraformDeps,
  session: Session,
  { lockFile }: PlanManifest,
): Promise<string | null> {
  const file = path.join(session.stack.directory, '.terraform.lock.hcl');
  const there = await readFile(file).catch(() => undefined);
  if (there !== undefined && (lockFile === null || session.sourceRoot === undefined)) return sha256(there);
  if (lockFile !== null) {
    await writeFile(file, await deps.artifacts.read(lockFile), { flag: there === undefined ? 'wx' : 'w' });
  }
  return lockFile;
}

/** Refuses a plan whose configuration was changed after it was made. */
export function refuseChangedConfiguration(session: Session, manifest: PlanManifest, ready: ReadyStack): void {
  if (ready.configuration !== manifest.configuration) {
    throw stale(session, 'the configuration was changed after it was made', {
      planned: manifest.configuration,
      now: ready.configuration,
    });
  }
  if (ready.backend.type !== manifest.backend) {
    throw stale(session, `it was made for the backend "${manifest.backend}", not "${ready.backend.type}"`, {});
  }
  if (ready.version !== undefined && ready.version !== manifest.engineVersion) {
    throw stale(session, `it was made by release ${manifest.engineVersion}, and this worker has ${ready.version}`, {
      planned: manifest.engineVersion,
      now: ready.version,
    });
  }
}

/** Whether the state is still the one that the plan was made from. */
export function isSameState(manifest: PlanManifest, state: Pick<StateDocument, 'lineage' | 'serial'>): boolean {
  return manifest.state.lineage === state.lineage && manifest.state.serial === state.serial;
}

/** Refuses a plan whose state was changed after it was made. */
export function refuseChangedState(session: Session, manifest: PlanManifest, state: StateDocument): void {
  if (isSameState(manifest, state)) return;
  throw stale(
    session,
    `the state was changed after it was made (serial ${manifest.state.serial}, now ${state.serial})`,
    {
      planned: manifest.state,
      now: { lineage: state.lineage, serial: state.serial },
    },
  );
}
