import type { Catalog } from '../catalog/catalog.js';
import type { Change } from '../spec/change.js';
import { obstacle, warning, type Finding } from './finding.js';

/** The oldest server with Tid Range Scans and column lists known to `pg_publication_rel`. */
export const OLDEST_SERVER = 150000;

/** What is wrong with the server, the role and the connection. */
export function serverObstacles(change: Change, { server, session }: Catalog): Finding[] {
  const found: Finding[] = [];
  if (server.version < OLDEST_SERVER) {
    found.push(
      obstacle('version', 'server', `The server is ${majorOf(server.version)}.`, 'Use PostgreSQL 15 or newer.'),
    );
  }
  if (server.inRecovery) {
    found.push(
      obstacle('standby', 'server', 'The connection leads to a standby.', 'Name the primary in the connection.'),
    );
  }
  if (server.walLevel !== 'logical') {
    found.push(
      obstacle(
        'wal-level',
        'wal_level',
        `wal_level is ${server.walLevel}, so changes cannot be decoded.`,
        `alter system set wal_level = 'logical'; then restart the server.`,
      ),
    );
  }
  if (server.slots >= server.maxSlots) {
    found.push(
      obstacle(
        'slots',
        'max_replication_slots',
        `All ${server.maxSlots} replication slots are taken.`,
        'Drop a slot that nobody uses, or raise max_replication_slots and restart.',
      ),
    );
  }
  if (server.walSenders >= server.maxWalSenders) {
    found.push(
      obstacle(
        'wal-senders',
        'max_wal_senders',
        `All ${server.maxWalSenders} WAL senders are busy.`,
        'Raise max_wal_senders and restart.',
      ),
    );
  }
  if (server.maxSlotWalBytes < 0) {
    found.push(
      warning(
        'slot-limit',
        'max_slot_wal_keep_size',
        'A stream that stands still keeps WAL until the disk is full.',
        `alter system set max_slot_wal_keep_size = '50GB'; select pg_reload_conf();`,
      ),
    );
  }
  return [...found, ...roleObstacles(change, server), ...sessionObstacles(change, session)];
}

function roleObstacles(change: Change, server: Catalog['server']): Finding[] {
  const found: Finding[] = [];
  if (!server.replication) {
    found.push(
      obstacle('privilege', 'replication', 'The role may not replicate.', 'alter role <role> with replication;'),
    );
  }
  if (!server.canCreate) {
    found.push(
      obstacle(
        'privilege',
        'create',
        'The role may not make a publication or a schema.',
        `grant create on database <database> to <role>; (database "${change.database}")`,
      ),
    );
  }
  if (!server.canTemp) {
    found.push(
      obstacle(
        'privilege',
        'temporary',
        'The role may not make temporary tables, on which expressions are probed.',
        'grant temporary on database <database> to <role>;',
      ),
    );
  }
  return found;
}

function sessionObstacles(change: Change, session: Catalog['session']): Finding[] {
  const pooled = new Set(session.backendPids).size > 1;
  const unanswered = session.replicationAnswers === false && change.capture === 'log';
  if (!pooled && !unanswered) return [];
  return [
    obstacle(
      'pooler',
      'connection',
      pooled
        ? 'One connection was answered by several backends: there is a transaction pooler in between.'
        : 'The address does not answer the replication protocol: there is a pooler or proxy in between.',
      'Name the address of the server itself in the connection.',
    ),
  ];
}

const majorOf = (version: number): string => `PostgreSQL ${Math.floor(version / 10_000)}`;
