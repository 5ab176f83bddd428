import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { CodedError } from '@switchyard/contracts';
import { Secret } from '../secret.js';
import { stripLineBreak } from './file-provider.js';

/** How Switchyard signs in at Vault. */
export type VaultAuth =
  | { readonly kind: 'token'; readonly token: Secret }
  | {
      readonly kind: 'kubernetes';
      /** The Vault role bound to the service account. */
      readonly role: string;
      /** Mount of the auth method. Default: `kubernetes`. */
      readonly mount?: string;
      /** File with the service account's token, read at every login. Default: where Kubernetes mounts it. */
      readonly jwtFile?: string;
    };

export interface VaultSessionOptions {
  readonly address: string;
  readonly auth: VaultAuth;
  readonly timeoutMs: number;
  readonly namespace?: string;
}

export interface VaultReply {
  readonly status: number;
  readonly body: unknown;
}

/** One signed-in conversation with Vault: a token that is renewed before it ends, and replaced when it cannot be renewed. */
export interface VaultSession {
  /** GET with the token. 404 is a reply; every other refusal and every failure throws. */
  request(path: string): Promise<VaultReply>;
  close(): void;
}

interface Lease {
  readonly token: Secret;
  /** Seconds; 0 for a token that does not end. */
  readonly seconds: number;
  readonly renewable: boolean;
}

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';
/** Longest delay of a Node timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const authSchema = z.object({
  auth: z.object({ client_token: z.string().min(1), lease_duration: z.number(), renewable: z.boolean() }),
});
const lookupSchema = z.object({ data: z.object({ ttl: z.number(), renewable: z.boolean().default(false) }) });

export function createVaultSession({ address, auth, timeoutMs, namespace }: VaultSessionOptions): VaultSession {
  let lease: Promise<Lease> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  async function call(path: string, options: { token?: Secret; body?: unknown } = {}): Promise<VaultReply> {
    const headers: Record<string, string> = { 'x-vault-request': 'true' };
    if (options.token) headers['x-vault-token'] = options.token.reveal();
    if (namespace !== undefined) headers['x-vault-namespace'] = namespace;
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(path, address), {
        method: options.body === undefined ? 'GET' : 'POST',
        headers,
        signal: AbortSignal.timeout(timeoutMs),
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      });
      text = await response.text();
    } catch (error) {
      throw new CodedError('UpstreamFailed', `Vault at ${address} did not answer; check VAULT_ADDR and the network`, {
        cause: error,
      });
    }
    return { status: response.status, body: parseJson(text) };
  }

  /** The body of a good reply. The reply's own text is left out of the message: it may repeat what was sent. */
  function expectOk(reply: VaultReply, what: string): unknown {
    if (reply.status >= 200 && reply.status < 300) return reply.body;
    const details = { status: reply.status };
    if (reply.status === 400 || reply.status === 401 || reply.status === 403) {
      throw new CodedError(
        'AuthFailed',
        `Vault at ${address} refused ${what} (HTTP ${reply.status}); check the token or role and its policy`,
        { details },
      );
    }
    throw new CodedError('UpstreamFailed', `Vault at ${address} failed at ${what} (HTTP ${reply.status})`, { details });
  }

  async function login(): Promise<Lease> {
    if (auth.kind === 'token') {
      const reply = await call('/v1/auth/token/lookup-self', { token: auth.token });
      // A token may read secrets without the right to look itself up: then it is used as it is, and never renewed.
      if (reply.status === 403) return { token: auth.token, seconds: 0, renewable: false };
      const found = lookupSchema.safeParse(expectOk(reply, 'token lookup'));
      if (!found.success)
        throw new CodedError('UpstreamFailed', `Vault at ${address} answered the token lookup in an unknown shape`);
      return { token: auth.token, seconds: found.data.data.ttl, renewable: found.data.data.renewable };
    }
    const file = auth.jwtFile ?? SERVICE_ACCOUNT_TOKEN;
    let jwt: string;
    try {
      jwt = stripLineBreak(await readFile(file, 'utf8'));
    } catch (error) {
      throw new CodedError(
        'AuthFailed',
        `The service account token ${file} cannot be read; mount one, or set VAULT_TOKEN_FILE`,
        { cause: error },
      );
    }
    const reply = await call(`/v1/auth/${auth.mount ?? 'kubernetes'}/login`, { body: { role: auth.role, jwt } });
    return leaseOf(expectOk(reply, `the login as role "${auth.role}"`));
  }

  function leaseOf(body: unknown): Lease {
    const parsed = authSchema.safeParse(body);
    if (!parsed.success)
      throw new CodedError('UpstreamFailed', `Vault at ${address} answered the login in an unknown shape`);
    const { client_token: token, lease_duration: seconds, renewable } = parsed.data.auth;
    return { token: new Secret(token), seconds, renewable };
  }

  /** Renews at two thirds of the lease, also while nobody reads: a token that runs out unused cannot be renewed any more. */
  function schedule(current: Lease): void {
    clearTimeout(timer);
    if (closed || current.seconds <= 0) return;
    timer = setTimeout(() => void renew(current), Math.min((current.seconds * 1_000 * 2) / 3, MAX_TIMER_MS));
    timer.unref();
  }

  async function renew(ending: Lease): Promise<void> {
    const held = lease;
    let next: Promise<Lease> | undefined;
    try {
      if (ending.renewable) {
        const reply = await call('/v1/auth/token/renew-self', { token: ending.token, body: {} });
        const renewed = leaseOf(expectOk(reply, 'token renewal'));
        next = Promise.resolve(renewed);
        if (lease === held) schedule(renewed);
      }
    } catch {
      // The next read signs in again and reports what is wrong; nobody waits for this renewal.
    }
    // A read may have signed in again meanwhile: its newer token stays.
    if (lease === held) lease = next;
  }

  async function signedIn(): Promise<Lease> {
    if (!lease) {
      const next = login();
      lease = next;
      try {
        schedule(await next);
      } catch (error) {
        if (lease === next) lease = undefined;
        throw error;
      }
    }
    return lease;
  }

  return {
    async request(path) {
      const used = await signedIn();
      let reply = await call(path, { token: used.token });
      if (reply.status === 403 && auth.kind === 'kubernetes') {
        // The token may have been revoked or may have ended while the process was suspended: sign in once more.
        lease = undefined;
        reply = await call(path, { token: (await signedIn()).token });
      }
      if (reply.status !== 404) expectOk(reply, path);
      return reply;
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
