import type { ConnectionOptions } from 'node:tls';
import type { Secret } from '../secret.js';

export const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

/**
 * How TLS is used: `disable` never; `prefer` when the server offers it, unverified; `require` always, verified only when
 * `ca` is given (as libpq does); `verify-ca` the certificate's issuer; `verify-full` issuer and host name.
 */
export type SslMode = (typeof SSL_MODES)[number];

/** TLS settings of one connection, certificates as PEM text. */
export interface SslSettings {
  readonly mode: SslMode;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: Secret;
}

/** The settings as the driver takes them: false for no TLS. */
export function driverSsl(ssl: SslSettings): false | ConnectionOptions {
  if (ssl.mode === 'disable') return false;
  const verifies =
    ssl.mode === 'verify-ca' || ssl.mode === 'verify-full' || (ssl.mode === 'require' && ssl.ca !== undefined);
  return {
    rejectUnauthorized: verifies,
    // verify-ca trusts whoever the authority signed, whatever the name: the check of the name is switched off, not the check.
    ...(verifies && ssl.mode !== 'verify-full' ? { checkServerIdentity: () => undefined } : {}),
    ...(ssl.ca === undefined ? {} : { ca: ssl.ca }),
    ...(ssl.cert === undefined ? {} : { cert: ssl.cert }),
    ...(ssl.key === undefined ? {} : { key: ssl.key.reveal() }),
  };
}
