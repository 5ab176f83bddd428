import type { Secret } from '../secret.js';
import type { SslSettings } from './ssl.js';

/** A database to connect to, with everything resolved. Printing it shows no secret. */
export interface DatabaseConnection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: Secret;
  /** Reads the password anew; used once when the server refuses the one above, so that rotation needs no restart. */
  readonly renewPassword?: () => Promise<Secret>;
  readonly ssl: SslSettings;
  /** What stands between here and the server. Default: none. */
  readonly pooler?: 'none' | 'pgbouncer';
}
