import { CodedError } from '@switchyard/contracts';

/** A position in the write-ahead log. A number, because positions compare as numbers: as text `9/0` comes after `10/0`. */
export type Lsn = bigint;

const TEXT = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i;

/** Reads PostgreSQL's text of a position, such as `16/B374D848`. InvalidInput for anything else. */
export function parseLsn(text: string): Lsn {
  const [, high, low] = TEXT.exec(text) ?? [];
  if (high === undefined || low === undefined) {
    throw new CodedError('InvalidInput', `"${text}" is not a position in the log; write it as 16/B374D848`);
  }
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** A position as PostgreSQL writes it: for SQL, stored rows and messages. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}
