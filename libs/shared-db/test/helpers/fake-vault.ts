import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

/** A Vault that speaks the real HTTP of key-value version 2, token and Kubernetes auth. */
export interface FakeVault extends AsyncDisposable {
  readonly address: string;
  /** Fields by path below the mount. */
  readonly secrets: Map<string, Record<string, unknown>>;
  /** Tokens that are valid, with the seconds of their lease. */
  readonly tokens: Map<string, { readonly seconds: number; readonly renewable: boolean }>;
  /** Requests as `METHOD /path`. */
  readonly requests: string[];
  /** Answers every request with this status while it is set. */
  failWith: number | undefined;
  /** Lease of tokens that a login or a renewal gives. */
  leaseSeconds: number;
}

/** The service account token that the fake accepts. */
export const SERVICE_ACCOUNT_JWT = 'a-service-account-jwt';

export async function startFakeVault(): Promise<FakeVault> {
  let logins = 0;
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const vault: FakeVault = {
    address: `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`,
    secrets: new Map(),
    tokens: new Map(),
    requests: [],
    failWith: undefined,
    leaseSeconds: 3_600,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const url = request.url ?? '';
    vault.requests.push(`${request.method} ${url}`);
    const reply = (status: number, json: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    };
    if (vault.failWith !== undefined) return reply(vault.failWith, { errors: ['internal error'] });
    if (url === '/v1/auth/kubernetes/login') {
      const { role, jwt } = JSON.parse(body) as { role: string; jwt: string };
      if (role !== 'switchyard' || jwt !== SERVICE_ACCOUNT_JWT) return reply(403, { errors: ['permission denied'] });
      const token = `login-${++logins}`;
      vault.tokens.set(token, { seconds: vault.leaseSeconds, renewable: true });
      return reply(200, { auth: { client_token: token, lease_duration: vault.leaseSeconds, renewable: true } });
    }
    const token = String(request.headers['x-vault-token']);
    const known = vault.tokens.get(token);
    if (!known) return reply(403, { errors: ['permission denied'] });
    if (url === '/v1/auth/token/lookup-self')
      return reply(200, { data: { ttl: known.seconds, renewable: known.renewable } });
    if (url === '/v1/auth/token/renew-self') {
      return reply(200, { auth: { client_token: token, lease_duration: vault.leaseSeconds, renewable: true } });
    }
    const secret = vault.secrets.get(decodeURIComponent(url.replace('/v1/secret/data/', '')));
    if (!secret) return reply(404, { errors: [] });
    return reply(200, { data: { data: secret, metadata: { version: 1 } } });
  }

  return vault;
}
