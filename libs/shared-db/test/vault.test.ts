import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSecrets, Secret, secretsFromEnv, vaultSecrets, type SecretProvider } from '../src/index.js';
import { freePort } from './global-setup.js';
import { eventually, rejection } from './helpers/databases.js';
import { SERVICE_ACCOUNT_JWT, startFakeVault, type FakeVault } from './helpers/fake-vault.js';

let vault: FakeVault;
let directory: string;
const opened: SecretProvider[] = [];

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'switchyard-vault-'));
  vault = await startFakeVault();
  vault.tokens.set('root-token', { seconds: 0, renewable: false });
  vault.secrets.set('switchyard', { 'db-password': 'from-vault', nested: { a: 1 } });
  vault.secrets.set('team/db', { password: 'elsewhere' });
});
afterEach(async () => {
  for (const provider of opened.splice(0)) provider.close?.();
  await vault[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const withToken = (token = 'root-token'): SecretProvider => open({ kind: 'token', token: new Secret(token) });
const withKubernetes = async (jwt = SERVICE_ACCOUNT_JWT): Promise<SecretProvider> => {
  const jwtFile = path.join(directory, 'jwt');
  await writeFile(jwtFile, jwt);
  return open({ kind: 'kubernetes', role: 'switchyard', jwtFile });
};
const open = (auth: Parameters<typeof vaultSecrets>[0]['auth']): SecretProvider => {
  const provider = vaultSecrets({ address: vault.address, auth, timeoutMs: 1_000 });
  opened.push(provider);
  return provider;
};
const count = (request: string): number => vault.requests.filter((seen) => seen === request).length;

describe('secrets in Vault', () => {
  test('are fields of the configured path, or of a path that the name gives', async () => {
    const provider = withToken();
    expect(await provider.read('db-password')).toBe('from-vault');
    expect(await provider.read('team/db#password')).toBe('elsewhere');
    expect(await provider.read('nested')).toBe('{"a":1}');
  });

  test('are missing when the field or the path is', async () => {
    const provider = withToken();
    expect(await provider.read('unknown')).toBeUndefined();
    expect(await provider.read('no/such/path#field')).toBeUndefined();
    expect(await provider.read('../sys/raw#field')).toBeUndefined();
    const error = await rejection(createSecrets({ chain: [provider] }).get('unknown'));
    expect(error).toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('vault (secret/switchyard, field unknown)'),
    });
  });

  test('are an error, not missing, when Vault fails', async () => {
    const provider = withToken();
    vault.failWith = 503;
    expect(await rejection(provider.read('db-password'))).toMatchObject({ code: 'UpstreamFailed', retryable: true });
    vault.failWith = undefined;
    expect(await provider.read('db-password')).toBe('from-vault');
    vault.failWith = 500;
    expect(await rejection(provider.read('db-password'))).toMatchObject({
      code: 'UpstreamFailed',
      message: expect.stringContaining('500'),
    });
  });

  test('are an error when Vault is not there', async () => {
    const address = `http://127.0.0.1:${await freePort()}`;
    const provider = vaultSecrets({ address, auth: { kind: 'token', token: new Secret('the-token') } });
    const error = await rejection(provider.read('db-password'));
    expect(error).toMatchObject({ code: 'UpstreamFailed', message: expect.stringContaining(address) });
    expect(inspect(error, { depth: 9 })).not.toContain('the-token');
  });

  test('are refused with AuthFailed for a token that Vault does not know', async () => {
    const error = await rejection(withToken('a-stale-token').read('db-password'));
    expect(error).toMatchObject({ code: 'AuthFailed' });
    expect(error.message).not.toContain('a-stale-token');
  });

  test('are read through the environment', async () => {
    const secrets = secretsFromEnv({
      SWITCHYARD_SECRET_CHAIN: 'env,vault',
      VAULT_ADDR: vault.address,
      VAULT_TOKEN: 'root-token',
    });
    expect((await secrets.get('db-password')).reveal()).toBe('from-vault');
    secrets.close();
  });
});

describe('the service account of Kubernetes', () => {
  test('signs in once for many reads', async () => {
    const provider = await withKubernetes();
    await Promise.all(['db-password', 'team/db#password', 'unknown'].map((name) => provider.read(name)));
    expect(count('POST /v1/auth/kubernetes/login')).toBe(1);
  });

  test('signs in again when its token was revoked', async () => {
    const provider = await withKubernetes();
    await provider.read('db-password');
    vault.tokens.delete('login-1');
    expect(await provider.read('db-password')).toBe('from-vault');
    expect(count('POST /v1/auth/kubernetes/login')).toBe(2);
  });

  test('is refused with AuthFailed for a wrong account, and named when its file is missing', async () => {
    expect(await rejection((await withKubernetes('wrong')).read('x'))).toMatchObject({
      code: 'AuthFailed',
      message: expect.stringContaining('switchyard'),
    });
    const provider = open({ kind: 'kubernetes', role: 'switchyard', jwtFile: '/nowhere/jwt' });
    expect(await rejection(provider.read('x'))).toMatchObject({
      code: 'AuthFailed',
      message: expect.stringContaining('/nowhere/jwt'),
    });
  });
});

describe('a token with a lease', () => {
  test('is renewed before it ends, also while nobody reads', async () => {
    vault.leaseSeconds = 0.3;
    const provider = await withKubernetes();
    await provider.read('db-password');
    await eventually(
      () => Promise.resolve(count('POST /v1/auth/token/renew-self')),
      (renewals) => renewals >= 2,
    );
    expect(count('POST /v1/auth/kubernetes/login')).toBe(1);
  });

  test('is replaced by a new login when the renewal fails', async () => {
    vault.leaseSeconds = 0.1;
    const provider = await withKubernetes();
    await provider.read('db-password');
    vault.tokens.clear();
    await eventually(
      () => Promise.resolve(count('POST /v1/auth/token/renew-self')),
      (renewals) => renewals >= 1,
    );
    vault.leaseSeconds = 3_600;
    expect(await provider.read('db-password')).toBe('from-vault');
  });

  test('is renewed when it was given and can be', async () => {
    vault.tokens.set('short', { seconds: 0.2, renewable: true });
    const provider = withToken('short');
    await provider.read('db-password');
    await eventually(
      () => Promise.resolve(count('POST /v1/auth/token/renew-self')),
      (renewals) => renewals >= 1,
    );
    expect(await provider.read('db-password')).toBe('from-vault');
  });
});
