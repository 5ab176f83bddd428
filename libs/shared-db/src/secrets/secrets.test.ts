import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CodedError } from '@switchyard/contracts';
import { envSecrets } from './env-provider.js';
import { fileSecrets } from './file-provider.js';
import { getSecret } from './get-secret.js';
import type { SecretProvider } from './provider.js';
import { createSecrets } from './secrets.js';
import { secretsFromEnv } from './secrets-from-env.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'switchyard-secrets-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

const provider = (read: (name: string) => Promise<string | undefined>): SecretProvider => ({
  name: 'test',
  whereIs: (name) => name,
  read,
});
const failing = provider(() => Promise.reject(new CodedError('UpstreamFailed', 'the provider is down')));

describe('a chain of providers', () => {
  test('answers from the first that holds the name', async () => {
    const secrets = createSecrets({
      chain: [envSecrets({ env: {} }), envSecrets({ env: { SECRET_DB_PASSWORD: 'x' } }), failing],
    });
    expect((await secrets.get('db-password')).reveal()).toBe('x');
  });

  test('fails closed: a provider that fails is not one that has nothing', async () => {
    const secrets = createSecrets({ chain: [failing, envSecrets({ env: { SECRET_A: 'later' } })] });
    await expect(secrets.get('a')).rejects.toThrow('the provider is down');
    await expect(secrets.has('a')).rejects.toThrow('the provider is down');
  });

  test('says where it looked when nobody holds the name', async () => {
    const secrets = createSecrets({ chain: [envSecrets({ env: {} }), fileSecrets({ directory: '/somewhere' })] });
    await expect(secrets.get('db-password')).rejects.toMatchObject({
      code: 'NotFound',
      message: 'No secret "db-password"; looked in env (SECRET_DB_PASSWORD), file (/somewhere/db-password)',
    });
    expect(await secrets.has('db-password')).toBe(false);
  });

  test('asks once for callers who come together, and again after the time to live', async () => {
    let asked = 0;
    let now = 0;
    const secrets = createSecrets({
      chain: [provider(() => Promise.resolve(String(++asked)))],
      ttlMs: 1_000,
      now: () => now,
    });
    expect((await Promise.all([secrets.get('a'), secrets.get('a')])).map((s) => s.reveal())).toEqual(['1', '1']);
    now = 999;
    expect((await secrets.get('a')).reveal()).toBe('1');
    expect((await secrets.get('a', { fresh: true })).reveal()).toBe('2');
    now = 2_000;
    expect((await secrets.get('a')).reveal()).toBe('3');
  });

  test('does not keep a failure', async () => {
    let broken = true;
    const secrets = createSecrets({
      chain: [provider(() => (broken ? Promise.reject(new Error('down')) : Promise.resolve('up')))],
    });
    await expect(secrets.get('a')).rejects.toThrow('down');
    broken = false;
    expect((await secrets.get('a')).reveal()).toBe('up');
  });
});

describe('secrets in files', () => {
  test('end before the last line break', async () => {
    await writeFile(path.join(directory, 'db-password'), 'two\nlines\n');
    expect(await fileSecrets({ directory }).read('db-password')).toBe('two\nlines');
  });

  test('are missing when the file is', async () => {
    expect(await fileSecrets({ directory }).read('nothing')).toBeUndefined();
  });

  test.each(['../outside', '/etc/passwd', 'a/../../b', ''])('never lie outside of the directory: %s', async (name) => {
    await writeFile(path.join(directory, 'outside'), 'x');
    await mkdir(path.join(directory, 'inside'));
    expect(await fileSecrets({ directory: path.join(directory, 'inside') }).read(name)).toBeUndefined();
  });

  test('that cannot be read are an error, not a missing secret', async () => {
    await mkdir(path.join(directory, 'a-directory'));
    await chmod(path.join(directory, 'a-directory'), 0o700);
    await expect(fileSecrets({ directory }).read('a-directory')).rejects.toMatchObject({
      code: 'UpstreamFailed',
      retryable: false,
    });
  });
});

describe('the chain of the environment', () => {
  test('is env and file by default', async () => {
    await writeFile(path.join(directory, 'from-file'), 'f');
    const secrets = secretsFromEnv({ SWITCHYARD_SECRET_DIR: directory, SECRET_FROM_ENV: 'e' });
    expect((await secrets.get('from-env')).reveal()).toBe('e');
    expect((await secrets.get('from-file')).reveal()).toBe('f');
  });

  test('takes another prefix', async () => {
    const secrets = secretsFromEnv({
      SWITCHYARD_SECRET_CHAIN: 'env',
      SWITCHYARD_SECRET_ENV_PREFIX: 'APP_',
      APP_TOKEN: 't',
    });
    expect((await secrets.get('token')).reveal()).toBe('t');
  });

  test.each([
    [{ SWITCHYARD_SECRET_CHAIN: 'env,valt' }, 'did you mean "vault"?'],
    [{ SWITCHYARD_SECRET_CHAIN: 'vault' }, 'VAULT_ADDR'],
    [{ SWITCHYARD_SECRET_CHAIN: 'vault', VAULT_ADDR: 'http://127.0.0.1:1' }, 'VAULT_KUBERNETES_ROLE'],
    [{ SWITCHYARD_SECRET_CHAIN: 'vault', VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN_FILE: '/nowhere' }, '/nowhere'],
  ])('refuses a mistake with the way out', (env, message) => {
    expect(() => secretsFromEnv(env)).toThrow(message);
  });
});

describe('getSecret', () => {
  test('falls back to the named variable, then to its file, and never to a default', async () => {
    vi.stubEnv('PAGER_TOKEN', 'from-variable');
    expect((await getSecret('pager-token', 'PAGER_TOKEN')).reveal()).toBe('from-variable');
    vi.stubEnv('PAGER_TOKEN', '');
    await writeFile(path.join(directory, 'token'), 'from-file\n');
    vi.stubEnv('PAGER_TOKEN_FILE', path.join(directory, 'token'));
    expect((await getSecret('pager-token', 'PAGER_TOKEN')).reveal()).toBe('from-file');
    vi.stubEnv('PAGER_TOKEN_FILE', '');
    await expect(getSecret('pager-token', 'PAGER_TOKEN')).rejects.toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('PAGER_TOKEN'),
    });
  });
});
