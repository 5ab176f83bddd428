import { events } from './000001-events.js';
import { ledgers } from './000002-ledgers.js';
import { artifacts } from './000003-artifacts.js';
import { locksAndDecisions } from './000004-locks-and-decisions.js';
import { flags } from './000005-flags.js';

/** One step of the schema. Once released it is never edited: a change is a new step. */
export interface Migration {
  readonly id: number;
  readonly name: string;
  readonly sql: string;
}

/** All steps, oldest first, numbered from 1 without gaps. */
export const MIGRATIONS: readonly Migration[] = [
  { id: 1, name: 'events', sql: events },
  { id: 2, name: 'ledgers', sql: ledgers },
  { id: 3, name: 'artifacts', sql: artifacts },
  { id: 4, name: 'locks-and-decisions', sql: locksAndDecisions },
  { id: 5, name: 'flags', sql: flags },
];
