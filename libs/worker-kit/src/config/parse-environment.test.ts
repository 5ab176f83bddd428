import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEnvironment, variableReference } from './parse-environment.js';
import { parsers, type Variables } from './variable.js';

const key = Buffer.alloc(32, 7).toString('base64');
let directory: string;
let keyFile: string;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'config-'));
  keyFile = path.join(directory, 'key');
  writeFileSync(keyFile, `${key}\n`);
});

afterAll(() => rmSync(directory, { recursive: true }));

const parse = (env: NodeJS.ProcessEnv, own: Variables = {}) => parseEnvironment(env, own);

describe('parseEnvironment', () => {
  it('gives every default in an empty environment, and takes an empty value for none', () => {
    const { config, secrets } = parse({ SWITCHYARD_HEALTH_PORT: '', SWITCHYARD_SECRET_DIR: '' });
    expect(config).toMatchObject({
      projectRoots: [process.cwd()],
      workDir: path.resolve('.switchyard/work'),
      healthHost: '127.0.0.1',
      healthPort: 0,
      logLevel: 'info',
      heartbeatTimeout: 10_000,
      connectTimeout: 60_000,
      allowInlineCredentials: false,
    });
    expect(config.metricsPort).toBeUndefined();
    expect(secrets).toEqual([]);
  });

  it('parses lists, durations, numbers and keys', () => {
    const { config } = parse({
      SWITCHYARD_PROJECT_ROOTS: '/srv/a: /srv/b:',
      SWITCHYARD_SHUTDOWN_GRACE: '1m30s',
      SWITCHYARD_SHUTDOWN_FORCE: '120000',
      SWITCHYARD_MAX_CONCURRENT_ACTIVITIES: '4',
      SWITCHYARD_ALLOW_INLINE_CREDENTIALS: 'true',
      SWITCHYARD_ARTIFACT_KEY: key,
    });
    expect(config).toMatchObject({
      projectRoots: ['/srv/a', '/srv/b'],
      shutdownGrace: 90_000,
      shutdownForce: 120_000,
      maxConcurrentActivities: 4,
      allowInlineCredentials: true,
    });
    expect(config.artifactKey).toHaveLength(32);
  });

  it('reads a secret from a file, and registers secrets of other parts for masking', () => {
    const { config, secrets } = parse({
      SWITCHYARD_ARTIFACT_KEY_FILE: keyFile,
      DB_PASSWORD_SERVER: 'of the database',
      VAULT_TOKEN: 'of the vault',
      TEMPORAL_API_KEY: '',
    });
    expect(config.artifactKey).toHaveLength(32);
    expect(secrets).toEqual([key, 'of the database', 'of the vault']);
  });

  it('adds the variables of an app', () => {
    const own = {
      window: { name: 'SWITCHYARD_WINDOW', description: 'A window.', schema: parsers.duration },
    } as const satisfies Variables;
    const { config } = parseEnvironment({ SWITCHYARD_WINDOW: '5s' }, own);
    expect(config.window).toBe(5_000);
    expect(() => parse({ SWITCHYARD_WINDOW: '5s' })).toThrow('SWITCHYARD_WINDOW: unknown variable');
  });

  it('names every problem at once, and shows no secret', () => {
    const wrong = Buffer.from('too short, but secret').toString('base64');
    const env = {
      SWITCHYARD_LOG_LEVL: 'info',
      SWITCHYARD_HEALTH_PORT: '70000',
      SWITCHYARD_SHUTDOWN_GRACE: '30 minutes',
      SWITCHYARD_ALLOW_INLINE_CREDENTIALS: 'yes',
      SWITCHYARD_ARTIFACT_KEY: wrong,
    };
    let message = '';
    try {
      parse(env);
    } catch (error) {
      expect(error).toMatchObject({ code: 'InvalidInput', details: { problems: expect.any(Array) } });
      message = String(error);
    }
    expect(message).toContain('SWITCHYARD_LOG_LEVL: unknown variable; did you mean SWITCHYARD_LOG_LEVEL?');
    expect(message).toContain('SWITCHYARD_HEALTH_PORT: "70000" is not a whole number from 0 to 65535');
    expect(message).toContain('SWITCHYARD_SHUTDOWN_GRACE: "30 minutes" is not a duration');
    expect(message).toContain('SWITCHYARD_ALLOW_INLINE_CREDENTIALS: "yes" is neither true nor false');
    expect(message).toContain('SWITCHYARD_ARTIFACT_KEY: is not 32 bytes in base64 (it holds 21)');
    expect(message).not.toContain(wrong);
  });

  it('refuses a value together with its file, a file that is missing, and a force time within the grace', () => {
    expect(() => parse({ SWITCHYARD_ARTIFACT_KEY: key, SWITCHYARD_ARTIFACT_KEY_FILE: keyFile })).toThrow('not both');
    expect(() => parse({ SWITCHYARD_ARTIFACT_KEY_FILE: '/no/such/file' })).toThrow(
      'SWITCHYARD_ARTIFACT_KEY_FILE: ENOENT',
    );
    expect(() => parse({ SWITCHYARD_SHUTDOWN_GRACE: '10s', SWITCHYARD_SHUTDOWN_FORCE: '10s' })).toThrow('longer than');
  });

  it('lets names of other parts and secrets under a chosen prefix pass', () => {
    const env = {
      SWITCHYARD_RUN: 'x',
      SWITCHYARD_SECRET_ENV_PREFIX: 'SWITCHYARD_S_',
      SWITCHYARD_S_TOKEN: 'y',
      DB_X: '',
    };
    expect(() => parse(env)).not.toThrow();
  });
});

describe('variableReference', () => {
  it('lists every variable with what a reference page needs', () => {
    const list = variableReference();
    expect(list.every(({ name, description }) => name.startsWith('SWITCHYARD_') && description.endsWith('.'))).toBe(
      true,
    );
    expect(list.find(({ name }) => name === 'SWITCHYARD_ARTIFACT_KEY')).toEqual({
      name: 'SWITCHYARD_ARTIFACT_KEY',
      description: expect.any(String),
      required: false,
      secret: true,
      fileForm: true,
    });
  });
});
