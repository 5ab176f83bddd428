import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanerFor, secretsOf } from './without-secrets.js';

describe('what is written of a run', () => {
  const clean = cleanerFor(['s3cret-value']);

  it('has no value that the environment keeps secret, wherever it stands', () => {
    expect(clean({ tail: ['login s3cret-value failed'], 's3cret-value': 1 })).toEqual({
      tail: ['login *** failed'],
      '***': 1,
    });
  });

  it.each([
    'password',
    'dbPassword',
    'db_pass',
    'api_key',
    'privateKey',
    'GITLAB_TOKEN',
    'clientSecret',
    'ansible_pwd',
  ])('has nothing under the name %s', (name) => {
    expect(clean({ extraVars: { [name]: 'plain text' } })).toEqual({ extraVars: { [name]: '***' } });
  });

  it('has the names of secrets, for they prove which were used', () => {
    const input = { extraVars: { password: { $secret: 'app-db' } }, inventory: { tokenRef: 'cmdb' }, state: 'pass' };
    expect(clean(input)).toEqual(input);
  });

  it('has no password of a URL or of a connection text', () => {
    expect(clean(['postgres://ann:hunter2@db:5432/app', 'host=db password=hunter2 user=ann'])).toEqual([
      'postgres://ann:***@db:5432/app',
      'host=db password=*** user=ann',
    ]);
  });
});

describe('the secrets of an environment', () => {
  it('are found by the names of variables, in the files that they name and in URLs', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'secrets-'));
    const file = join(folder, 'key');
    await writeFile(file, 'key-number-one,key-number-two\n');
    const secrets = await secretsOf({
      DB_PASSWORD_SERVER: 'from-the-variable',
      SWITCHYARD_ARTIFACT_KEY_FILE: file,
      GONE_TOKEN_FILE: join(folder, 'gone'),
      PROXY: 'http://me:in-a-url@proxy',
      SHORT_TOKEN: 'word',
      HOME: '/home/ann',
    });
    expect(secrets.toSorted()).toEqual([
      'from-the-variable',
      'in-a-url',
      'key-number-one',
      'key-number-one,key-number-two',
      'key-number-two',
    ]);
    await rm(folder, { recursive: true });
  });
});
