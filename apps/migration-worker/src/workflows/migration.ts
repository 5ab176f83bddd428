import type { MigrationInput, MigrationResult, ValidationReport } from '@switchyard/contracts';
import { digestOf, fail, failureOf, type Run } from '@switchyard/workflow-kit';
import { isCancellation, sleep } from '@temporalio/workflow';
import type { Backup, MigrationCall, Preflight, StartMark } from '../activities/contract.js';
import { callOf, callsFor, type Calls } from './calls.js';
import { holdsPassword } from './inline-credentials.js';
import { BEFORE_THE_CHANGE, DURING_THE_CHANGE, patiently } from './patience.js';

/** How often the load is looked at. */
const LOAD_POLL_MS = 5_000;

/** One migration, step by step. What it knows so far is the beginning of its result, also when it fails. */
export class Migration {
  readonly #run: Run;
  readonly #input: MigrationInput;
  readonly #call: MigrationCall;
  readonly calls: Calls;
  #found: Preflight | undefined;
  #backup: Backup | null = null;
  #mark: StartMark | null = null;
  #approved: string | null = null;
  #applied: readonly string[] = [];
  #validation: readonly ValidationReport[] = [];
  #rolledBack = false;
  #lock: string | undefined;

  constructor(run: Run, input: MigrationInput) {
    this.#run = run;
    this.#input = input;
    this.#call = callOf(run, input);
    this.calls = callsFor(input);
  }

  /** The result as far as it is known. */
  get result(): MigrationResult {
    const backup = this.#backup;
    return {
      runId: this.#run.ref.runId,
      applied: [...this.#applied],
      backup: backup && { artifact: backup.artifact, bytes: backup.bytes, sha256: backup.sha256, path: backup.path },
      validation: [...this.#validation],
      rolledBack: this.#rolledBack,
      warnings: [...this.#run.board.status.warnings],
      durationMs: this.#run.elapsedMs(),
    };
  }

  /** Whether the database may have been changed. */
  get hasBegun(): boolean {
    return this.#mark !== null;
  }

  /** Refuses a password in the input before anything of it goes anywhere. The refusal repeats nothing of it. */
  async refuseInlinePassword(): Promise<void> {
    const { databaseUrl } = this.#input;
    if (databaseUrl === undefined || !holdsPassword(databaseUrl)) return;
    if (await this.calls.quick.allowsInlineCredentials()) return;
    throw fail(
      'InlineCredentialsRefused',
      'databaseUrl holds a password, which workflow history keeps: change it. Name a connection of SWITCHYARD_DATABASES in `database`, ' +
        'or set SWITCHYARD_ALLOW_INLINE_CREDENTIALS=true on the worker',
    );
  }

  async preflight(): Promise<void> {
    this.#found = await this.#run.inStep('preflight', () => this.#look());
    for (const warning of this.#found.warnings) this.#run.warn(warning);
    const wait = await this.#takeLock();
    // Another run has worked on the database meanwhile: what it left pending counts, not what was there before.
    if (wait) this.#found = await this.#run.inStep('preflight', () => this.#look());
    this.#run
      .step('preflight')
      .done(
        `${this.#proposal.pending.length} pending; ${this.#found.databaseName}, PostgreSQL ${this.#found.serverVersion}`,
      );
  }

  /** Gives the lock of the database back. */
  async unlock(): Promise<void> {
    const lock = this.#lock;
    if (lock === undefined) return;
    this.#lock = undefined;
    await this.calls.quick.unlockDatabase({ ref: this.#run.ref, lock });
  }

  async waitForLowLoad(): Promise<void> {
    const gate = this.#input.loadGate;
    if (!gate) return;
    await this.#run.inStep('load', async () => {
      const deadline = Date.now() + gate.wait;
      for (;;) {
        const load = await patiently(this.#run, 'load', DURING_THE_CHANGE, () =>
          this.calls.work.readLoad({ ...this.#call, sql: gate.sql }),
        );
        if (load <= gate.max) return;
        if (Date.now() >= deadline) {
          throw fail('GateFailed', `the load stayed at ${load}, above ${gate.max}, for longer than loadGate.wait`, {
            required: `<= ${gate.max}`,
            observed: load,
          });
        }
        this.#run.step('load').waiting(`load ${load}, must be at most ${gate.max}`);
        await this.#run.waitFor({ kind: 'condition', name: `load <= ${gate.max}` }, () =>
          sleep(Math.min(LOAD_POLL_MS, gate.wait)),
        );
        this.#run.step('load').start();
      }
    });
  }

  async backup(): Promise<void> {
    if (!this.#input.backupRequired) return;
    const { directory, name } = this.#input.backup;
    await this.#run.inStep('backup', async () => {
      this.#backup = await patiently(this.#run, 'backup', DURING_THE_CHANGE, () =>
        this.calls.work.backupDatabase({ ...this.#call, backup: { directory: directory ?? null, name: name ?? null } }),
      );
    });
    this.#run.step('backup').done(`${this.#backup?.bytes ?? 0} bytes in ${this.#backup?.path ?? ''}`);
  }

  /** Asks people, when there is something to ask about. The answer holds for exactly these statements. */
  async approval(): Promise<void> {
    const policy = this.#input.approval;
    if (!policy) return;
    const proposal = this.#proposal;
    if (proposal.pending.length === 0) {
      this.#run.step('approval').skipped('nothing is pending');
      return;
    }
    await this.#run.inStep('approval', async () => {
      const database = this.#found?.databaseName ?? '';
      await this.#run.approval({
        gate: 'migration',
        title: `Apply ${proposal.pending.length} change${proposal.pending.length === 1 ? '' : 's'} to ${database}`,
        policy,
        evidence: digestOf({ database, changes: proposal.digest, backup: this.#backup?.sha256 ?? null }),
        shown: [
          `database ${database}; ${proposal.statements} statements`,
          this.#backup ? `backup ${this.#backup.path} (sha256 ${this.#backup.sha256})` : 'no backup',
          ...proposal.shown,
        ],
        step: 'approval',
      });
      this.#approved = proposal.digest;
    });
  }

  async update(): Promise<void> {
    if (this.#proposal.pending.length === 0) {
      this.#run.step('update').skipped('nothing is pending');
      return;
    }
    await this.#held(
      'update',
      () => this.#apply(),
      () => this.#proposeAgain(),
    );
  }

  async validate(): Promise<void> {
    await this.#held('validate', async () => {
      this.#validation = await patiently(this.#run, 'validate', DURING_THE_CHANGE, () =>
        this.calls.work.validateChanges({ ...this.#call, checks: this.#input.validate, mark: this.#mark }),
      );
      const failed = this.#validation.filter((report) => !report.passed);
      if (failed.length === 0) return;
      const words = failed.map(({ name, expected, observed }) => `${name}: expected ${expected}, observed ${observed}`);
      throw fail(
        'ValidationFailed',
        `${failed.length} of ${this.#validation.length} checks failed: ${words.join('; ')}`,
        { validation: this.#validation },
      );
    });
  }

  /** Goes back to where the run began. Returns what was undone; throws CompensationFailed. */
  async undo(): Promise<readonly string[]> {
    const mark = this.#mark;
    if (!mark) return [];
    const reverted = await this.#run.inStep('undo', async () => {
      const backup = this.#backup;
      const restores = this.#input.onFailure === 'restore' && backup !== null;
      return patiently(this.#run, 'undo', DURING_THE_CHANGE, async () =>
        restores
          ? await this.calls.work.restoreBackup({ ...this.#call, mark, backup })
          : await this.calls.work.rollBackChanges({ ...this.#call, mark }),
      );
    });
    this.#rolledBack = reverted.reverted.length > 0;
    if (this.#rolledBack) this.#run.step('update').compensated('undone');
    this.#run
      .step('undo')
      .done(this.#rolledBack ? `undid ${reverted.reverted.join(', ')}` : 'nothing had been applied');
    return reverted.reverted;
  }

  /** Asks what was applied, where the step itself could not tell any more. */
  async readApplied(): Promise<void> {
    const mark = this.#mark;
    if (mark) this.#applied = await this.calls.work.readApplied({ ...this.#call, mark });
  }

  get #proposal(): Preflight['proposal'] {
    if (!this.#found) throw new Error('the preflight comes first');
    return this.#found.proposal;
  }

  #look(): Promise<Preflight> {
    return patiently(this.#run, 'preflight', this.#lock === undefined ? BEFORE_THE_CHANGE : DURING_THE_CHANGE, () =>
      this.calls.work.preflightMigration({ ...this.#call, backupRequired: this.#input.backupRequired }),
    );
  }

  /** Returns whether another run had to be waited for. */
  async #takeLock(): Promise<boolean> {
    const { lock, isAcquired } = await this.calls.waiting.lockDatabase({ ...this.#call, waits: false });
    // From here on it is given back at the end, also when the run is cancelled while it waits.
    this.#lock = lock;
    if (isAcquired) return false;
    await this.#run.waitFor({ kind: 'lock', name: lock }, () =>
      this.calls.waiting.lockDatabase({ ...this.#call, waits: true }),
    );
    return true;
  }

  async #apply(): Promise<void> {
    const before = await patiently(this.#run, 'update', DURING_THE_CHANGE, () =>
      this.#mark ? Promise.resolve(this.#mark) : this.calls.work.markStart(this.#call),
    );
    this.#mark = before;
    this.#applied = await patiently(this.#run, 'update', DURING_THE_CHANGE, () =>
      this.calls.work.applyChanges({
        ...this.#call,
        mark: before,
        approved: this.#approved,
        pending: this.#proposal.pending.length,
      }),
    );
  }

  /** Before a held update is tried again: a person may have mended the changes, and then the approval is void. */
  async #proposeAgain(): Promise<void> {
    const before = this.#proposal.digest;
    this.#found = await this.#look();
    if (this.#approved !== null && this.#proposal.digest !== before) await this.approval();
  }

  /** A step that a person may retry or skip when it fails, if the input says so. */
  async #held(
    step: string,
    work: () => Promise<void>,
    beforeRetry: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#run.inStep(step, work, { attempt });
        return;
      } catch (error) {
        if (this.#input.onFailure !== 'hold' || isCancellation(error)) throw error;
        const failure = failureOf(error);
        const decision = await this.#run.hold(step, failure);
        if (decision.action === 'skip') {
          this.#run.step(step).skipped(failure.message);
          this.#run.warn(`${step} was skipped after: ${failure.message}`);
          return;
        }
        await beforeRetry();
      }
    }
  }
}
