import type { MigrationInput, RunRef, ValidationReport } from '@switchyard/contracts';

/** Which database: a named connection, or a URL without a password that stands for one. */
export interface Target {
  readonly database: string | null;
  readonly databaseUrl: string | null;
}

/** Where the changes come from. */
export type ChangeSource =
  | {
      readonly kind: 'liquibase';
      readonly file: string;
      readonly contexts: readonly string[];
      readonly labels: string | null;
      readonly parameters: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'sql'; readonly directory: string };

/** What every activity of a migration gets. */
export interface MigrationCall {
  readonly ref: RunRef;
  readonly target: Target;
  readonly changes: ChangeSource;
  readonly onFailure: MigrationInput['onFailure'];
  /** For each program and file, in milliseconds. */
  readonly timeoutMs: number;
}

/** What will run, as the approval shows it and binds to it. */
export interface Proposal {
  /** Ids of the changesets, or names of the files, in the order in which they run. */
  readonly pending: readonly string[];
  /** Digest over the identity and the statements of everything pending. */
  readonly digest: string;
  readonly statements: number;
  /** The first statements, one line each, cut: for people. */
  readonly shown: readonly string[];
}

/** What the preflight found. */
export interface Preflight {
  /** Name of the database on its server. */
  readonly databaseName: string;
  readonly user: string;
  readonly serverVersion: string;
  readonly sizeBytes: number;
  readonly proposal: Proposal;
  readonly warnings: readonly string[];
}

/** A finished backup. */
export interface Backup {
  /** Digest of the manifest in the store. */
  readonly artifact: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly path: string;
  readonly verifiedEntries: number;
}

/** The point to go back to, written before the first change. */
export type StartMark =
  | {
      readonly kind: 'liquibase';
      readonly tag: string;
      /** Highest ORDEREXECUTED before the update. */
      readonly baseline: number;
      /** Artifact that lists the objects of the database before the update; only for restore. */
      readonly catalog: string | null;
    }
  | { readonly kind: 'sql'; readonly catalog: string | null };

/** What went back. */
export interface Reverted {
  readonly reverted: readonly string[];
  /** What is still applied although it should have gone. */
  readonly remaining: readonly string[];
}

/** Options of a backup, as the input gives them. */
export interface BackupOptions {
  readonly directory: string | null;
  readonly name: string | null;
}

/** The activities of DatabaseMigrationWorkflow. Every one may be called again after its worker died. */
export interface MigrationActivities {
  /** Whether this worker takes a URL with a password in it. */
  allowsInlineCredentials(): Promise<boolean>;
  /** Connects, finds the tools, parses the changes and tells what will run. Changes nothing. */
  preflightMigration(call: MigrationCall & { readonly backupRequired: boolean }): Promise<Preflight>;
  /**
   * Takes the lock that keeps two runs off one database: at once or not at all, or, when told to wait, as soon as its
   * holder gives it back.
   */
  lockDatabase(
    call: MigrationCall & { readonly waits: boolean },
  ): Promise<{ readonly lock: string; readonly isAcquired: boolean }>;
  unlockDatabase(call: { readonly ref: RunRef; readonly lock: string }): Promise<void>;
  /** First column of the first row of the query, as a number. */
  readLoad(call: MigrationCall & { readonly sql: string }): Promise<number>;
  backupDatabase(call: MigrationCall & { readonly backup: BackupOptions }): Promise<Backup>;
  /** Writes the tag to go back to. */
  markStart(call: MigrationCall): Promise<StartMark>;
  /**
   * Applies what is pending. `approved` is the digest of the proposal that people said yes to: anything else is refused.
   * Returns what this run applied, also when an earlier attempt did it.
   */
  applyChanges(
    call: MigrationCall & { readonly mark: StartMark; readonly approved: string | null; readonly pending: number },
  ): Promise<readonly string[]>;
  /** What this run has applied so far. */
  readApplied(call: MigrationCall & { readonly mark: StartMark }): Promise<readonly string[]>;
  /** Judges every check, also after one has failed. */
  validateChanges(
    call: MigrationCall & { readonly checks: MigrationInput['validate']; readonly mark: StartMark | null },
  ): Promise<readonly ValidationReport[]>;
  rollBackChanges(call: MigrationCall & { readonly mark: StartMark }): Promise<Reverted>;
  restoreBackup(call: MigrationCall & { readonly mark: StartMark; readonly backup: Backup }): Promise<Reverted>;
}
