import { join } from 'node:path';
import { toolEnvironment } from '../tools/tool-environment.js';
import type { FoundTool } from '../tools/tool.js';
import type { Address, StackUsers } from './databases.js';
import type { StackLayout } from './layout.js';
import { secretFile } from './secret-file.js';

/** What the environment of a stack is made of. */
export interface StackParts {
  readonly layout: StackLayout;
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly postgres: Address;
  readonly users: StackUsers;
  readonly tools: readonly FoundTool[];
}

/** Variables of the stack itself, which no worker knows. */
const STACK_ONLY = new Set([
  'SWITCHYARD_ROOT',
  'SWITCHYARD_TEMPORAL_BIN',
  'SWITCHYARD_TEST_SERVER_HOME',
  'SWITCHYARD_TEMPORAL_PORT',
  'SWITCHYARD_UI_PORT',
  'SWITCHYARD_POSTGRES_PORT',
  'SWITCHYARD_GATEWAY_PORT',
]);

/** The variables by which workers and the command line find this stack. Passwords and keys go by file, not by value. */
export async function makeEnvironment(parts: StackParts): Promise<Record<string, string>> {
  const { layout, temporal, postgres, users } = parts;
  const keyFile = join(layout.own, 'artifact-key');
  await secretFile(keyFile, 'base64', 32);
  const tools = Object.entries(toolEnvironment(parts.tools)).filter(([name]) => !STACK_ONLY.has(name));
  return {
    ...Object.fromEntries(tools),
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    DB_HOST: postgres.host,
    DB_PORT: String(postgres.port),
    DB_NAME_SERVER: 'switchyard',
    DB_USER_SERVER: users.server.user,
    DB_PASSWORD_SERVER_FILE: users.server.passwordFile,
    DB_USER_ADMIN: users.admin.user,
    DB_PASSWORD_ADMIN_FILE: users.admin.passwordFile,
    SWITCHYARD_ARTIFACT_KEY_FILE: keyFile,
    SWITCHYARD_DATABASES: layout.databasesFile,
    SWITCHYARD_PROJECT_ROOTS: layout.root,
    SWITCHYARD_WORK_DIR: join(layout.folder, 'work'),
    SWITCHYARD_BACKUP_DIR: join(layout.folder, 'backups'),
    SWITCHYARD_SECRET_DIR: layout.secrets,
    // A stack on a desk is stopped often: five seconds for what runs, then it is cancelled.
    SWITCHYARD_SHUTDOWN_GRACE: '5s',
    SWITCHYARD_SHUTDOWN_FORCE: '12s',
  };
}

/**
 * The caller's environment with that of the stack over it. DB_* and TEMPORAL_* of the caller mean some other database
 * and server, and a value beside our `_FILE` form would be refused as a contradiction, so they are left out; so are the
 * variables that only the stack reads. SWITCHYARD_* settings of the caller win, since they were set on purpose.
 */
export function stackEnvironment(
  caller: NodeJS.ProcessEnv,
  stack: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept = Object.entries(caller).flatMap(([name, value]) =>
    value === undefined || STACK_ONLY.has(name) || /^(?:DB_|TEMPORAL_)/.test(name) ? [] : [[name, value] as const],
  );
  const set = new Set(kept.map(([name]) => name));
  const own = Object.entries(stack).filter(([name]) => !set.has(name) || !isSetting(name));
  // A key by value and one by file contradict each other, too.
  const clean = own.filter(([name]) => !(name.endsWith('_FILE') && set.has(name.slice(0, -'_FILE'.length))));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(clean) };
}

const isSetting = (name: string): boolean => name.startsWith('SWITCHYARD_');
