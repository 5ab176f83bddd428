/** What preflight can find. One code per thing that an operator does about it. */
export const FINDING_CODES = [
  'version',
  'standby',
  'wal-level',
  'slots',
  'wal-senders',
  'slot-limit',
  'privilege',
  'pooler',
  'table-missing',
  'table-kind',
  'row-security',
  'no-key',
  'replica-identity',
  'column-missing',
  'column-taken',
  'name-taken',
  'generated',
  'key-column',
  'dependent',
  'trigger',
  'publication',
  'expression',
  'null-result',
] as const;
export type FindingCode = (typeof FINDING_CODES)[number];

/** One thing that preflight found. */
export interface Finding {
  readonly level: 'obstacle' | 'warning';
  readonly code: FindingCode;
  /** What it is about: a table, column, role or setting. */
  readonly subject: string;
  readonly message: string;
  /** What to do about it; SQL where SQL does it. */
  readonly fix: string;
}

export const obstacle = (code: FindingCode, subject: string, message: string, fix: string): Finding => ({
  level: 'obstacle',
  code,
  subject,
  message,
  fix,
});

export const warning = (code: FindingCode, subject: string, message: string, fix: string): Finding => ({
  level: 'warning',
  code,
  subject,
  message,
  fix,
});
