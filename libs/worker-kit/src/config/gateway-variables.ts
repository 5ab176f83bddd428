import { FLAG_LEASE_MS } from '@switchyard/store';
import { z } from 'zod';
import { parsers, type Variables } from './variable.js';

/** A token that can be guessed is none. */
const MIN_TOKEN_LENGTH = 24;

/** What the gateway reads beside what every worker does. They stand here, since workers have to know the names, too. */
export const GATEWAY_VARIABLES = {
  gatewayHost: {
    name: 'SWITCHYARD_GATEWAY_HOST',
    description: 'Address that the gateway listens on. Anything but the loopback needs SWITCHYARD_GATEWAY_TOKEN.',
    default: '127.0.0.1',
    schema: parsers.text.transform((value) => value ?? '127.0.0.1'),
  },
  gatewayPort: {
    name: 'SWITCHYARD_GATEWAY_PORT',
    description: 'Port of the gateway; 0 takes any free one and logs it.',
    default: '0',
    schema: parsers.integer(0, 65_535).transform((value) => value ?? 0),
  },
  gatewayToken: {
    name: 'SWITCHYARD_GATEWAY_TOKEN',
    description: 'Bearer token that callers of the gateway send; make one with: openssl rand -base64 32.',
    secret: true,
    schema: parsers.text.transform((value, ctx) => {
      if (value === undefined || value.length >= MIN_TOKEN_LENGTH) return value;
      ctx.addIssue({ code: 'custom', message: `is shorter than ${MIN_TOKEN_LENGTH} characters` });
      return z.NEVER;
    }),
  },
  flagLease: {
    name: 'SWITCHYARD_FLAG_LEASE',
    description:
      'How long a service may serve after its last report, and the gateway answer after its last look into the store.',
    default: '10s',
    schema: parsers.duration.transform((value) => value ?? FLAG_LEASE_MS),
  },
} as const satisfies Variables;
