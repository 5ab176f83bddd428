import type { DatabaseConnection } from '../config/database-connection.js';
import type { PasswordSource } from './session.js';

/** The password of a connection. A renewed one stays: later sessions begin with it, not with the one that the server refused. */
export function passwordOf({ password, renewPassword }: DatabaseConnection): PasswordSource {
  let current = password;
  return async ({ fresh }) => {
    if (fresh && renewPassword) current = await renewPassword();
    return current;
  };
}
