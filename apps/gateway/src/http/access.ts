import { createHash, timingSafeEqual } from 'node:crypto';
import { CodedError } from '@switchyard/contracts';
import type { FastifyRequest } from 'fastify';

/** Who may call. */
export interface Access {
  /** Address that the gateway listens on. */
  readonly host: string;
  /** Bearer token that every caller sends. Without it only this machine is listened to. */
  readonly token: string | undefined;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/;

/** @throws CodedError InvalidInput for an address that others can reach, without a token */
export function assertBindable({ host, token }: Access): void {
  if (token !== undefined || LOOPBACK.test(host)) return;
  throw new CodedError(
    'InvalidInput',
    `SWITCHYARD_GATEWAY_HOST is ${host}, which others can reach: set SWITCHYARD_GATEWAY_TOKEN or its _FILE form, or listen on 127.0.0.1`,
  );
}

/**
 * Refuses callers that may not call. Without a token a request must also speak of the loopback by name: a page in a
 * browser on this machine could otherwise reach the gateway under a name of its own that resolves to 127.0.0.1.
 * @throws CodedError AuthFailed
 */
export function checkAccess({ token }: Access, request: FastifyRequest): void {
  if (token === undefined) {
    if (LOOPBACK.test(request.hostname)) return;
    throw new CodedError(
      'AuthFailed',
      `the gateway is called ${request.hostname} here; without a token it answers only to localhost`,
    );
  }
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (timingSafeEqual(digest(given), digest(token))) return;
  throw new CodedError('AuthFailed', 'send the token of the gateway as Authorization: Bearer <token>');
}

/** Of equal length for all texts, so that the comparison takes the same time for all. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
