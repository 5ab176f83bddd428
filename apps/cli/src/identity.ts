import { userInfo } from 'node:os';

/** Who gives a command: `--as`, else SWITCHYARD_IDENTITY, else the user of this machine. */
export function identity(given: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  return given ?? env['SWITCHYARD_IDENTITY'] ?? userInfo().username;
}
