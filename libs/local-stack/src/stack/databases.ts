import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import type { StackLayout } from './layout.js';
import { secretFile } from './secret-file.js';

/** A database user of the stack and the file that holds its password. */
export interface StackUser {
  readonly user: string;
  readonly passwordFile: string;
  readonly password: string;
}

/** The database users of a stack. */
export interface StackUsers {
  /** The superuser. */
  readonly superuser: StackUser;
  /** Owns the database `switchyard` and migrates it. */
  readonly admin: StackUser;
  /** Reads and writes the tables of `switchyard`. */
  readonly server: StackUser;
  /** Owns the database `app`. */
  readonly app: StackUser;
}

/** The users with their passwords, which are made at the first call and kept. */
export async function stackUsers(layout: StackLayout): Promise<StackUsers> {
  const user = async (name: string, file: string): Promise<StackUser> => {
    const passwordFile = join(layout.own, file);
    return { user: name, passwordFile, password: await secretFile(passwordFile, 'hex', 16) };
  };
  return {
    superuser: await user('postgres', 'postgres-password'),
    admin: await user('switchyard_admin', 'switchyard-admin-password'),
    server: await user('switchyard_server', 'switchyard-server-password'),
    app: await user('app', 'app-password'),
  };
}

/** Where a PostgreSQL server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A URL with the password in it, for scripts on this machine. */
export function databaseUrl(address: Address, { user, password }: StackUser, database: string): string {
  return `postgresql://${user}:${password}@${address.host}:${address.port}/${database}`;
}

const ORIGIN_FUNCTIONS = [
  'pg_replication_origin_create',
  'pg_replication_origin_drop',
  'pg_replication_origin_session_setup',
  'pg_replication_origin_session_reset',
];

/** Makes roles and databases that are not there yet, and gives the roles their passwords. Safe to repeat. */
export async function ensureDatabases(address: Address, users: StackUsers): Promise<void> {
  await withClient(databaseUrl(address, users.superuser, 'postgres'), async (client) => {
    await ensureRole(client, users.admin, 'createdb replication');
    await ensureRole(client, users.server, '');
    // Replication and the statistics views are what a change stream needs besides owning its tables.
    await ensureRole(client, users.app, 'replication');
    await client.query('grant pg_monitor to app, switchyard_admin');
    await ensureDatabase(client, 'switchyard', users.admin.user);
    await ensureDatabase(client, 'app', users.app.user);
  });
  await withClient(databaseUrl(address, users.superuser, 'app'), async (client) => {
    // With these a schema change marks its own writes, and its stream need not look at every row of the backfill again.
    await client.query(
      `grant execute on function ${ORIGIN_FUNCTIONS.join(', ')} to ${escapeIdentifier(users.app.user)}`,
    );
  });
  await withClient(databaseUrl(address, users.admin, 'switchyard'), async (client) => {
    const server = escapeIdentifier(users.server.user);
    await client.query(`alter default privileges grant usage on schemas to ${server}`);
    await client.query(
      `alter default privileges grant select, insert, update, delete, truncate on tables to ${server}`,
    );
    await client.query(`alter default privileges grant usage, select, update on sequences to ${server}`);
  });
}

/** Writes the file that SWITCHYARD_DATABASES names: the connection `app`, its password by the file that holds it. */
export async function writeDatabasesFile(layout: StackLayout, address: Address, users: StackUsers): Promise<void> {
  const app = {
    host: address.host,
    port: address.port,
    database: 'app',
    user: users.app.user,
    passwordFile: users.app.passwordFile,
  };
  await writeFile(layout.databasesFile, `${JSON.stringify({ app }, null, 2)}\n`, { mode: 0o600 });
}

async function ensureRole(client: Client, { user, password }: StackUser, attributes: string): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [user]);
  const verb = rowCount === 0 ? 'create' : 'alter';
  await client.query(`${verb} role ${escapeIdentifier(user)} login ${attributes} password ${escapeLiteral(password)}`);
}

async function ensureDatabase(client: Client, name: string, owner: string): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
  if (rowCount !== 0) return;
  await client.query(`create database ${escapeIdentifier(name)} owner ${escapeIdentifier(owner)}`);
}

async function withClient(url: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
