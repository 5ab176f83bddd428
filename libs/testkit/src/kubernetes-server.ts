import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithParent, findTool, freePort, kubernetesTool, requireTool, toolContext } from '@switchyard/local-stack';
import { waitFor } from './wait-for.js';

/** What a request of the administrator gave. */
export interface ApiReply {
  readonly status: number;
  readonly body: unknown;
}

/** A Kubernetes API server with its etcd. Nobody works on its objects: there is no controller and no kubelet. */
export interface StartedKubernetes extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** File, in JSON, with the contexts `admin` (the current one) and `limited`, a user who may do nothing at first. */
  readonly kubeconfig: string;
  /** A request as the administrator; `type` is the content type of the body, by default application/json. */
  readonly ask: (method: string, path: string, body?: unknown, type?: string) => Promise<ApiReply>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts `kube-apiserver` on a fresh etcd, with RBAC, its own certificate and static tokens. It ends with `stop`, and
 * also when the calling process is killed.
 */
export async function startKubernetes(): Promise<StartedKubernetes> {
  const context = toolContext({ progress: (line) => process.stderr.write(`${line}\n`) });
  const { path: programs } = requireTool(await findTool(kubernetesTool(context)));
  const folder = await mkdtemp(join(tmpdir(), 'switchyard-kubernetes-'));
  const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
  const tokens = { admin: randomBytes(16).toString('hex'), limited: randomBytes(16).toString('hex') };
  await writeFile(
    join(folder, 'tokens.csv'),
    `${tokens.admin},admin,1,"system:masters"\n${tokens.limited},limited,2\n`,
    { mode: 0o600 },
  );
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(folder, 'service-account.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), {
    mode: 0o600,
  });

  const etcd = start(folder, join(programs, 'etcd'), [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    '--unsafe-no-fsync',
    '--log-level=error',
  ]);
  const server = start(folder, join(programs, 'kube-apiserver'), [
    `--etcd-servers=http://127.0.0.1:${client}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${join(folder, 'certificates')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(folder, 'service-account.key')}`,
    `--service-account-signing-key-file=${join(folder, 'service-account.key')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=RBAC',
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    // It would wait for the service account of each namespace, which a controller makes.
    '--disable-admission-plugins=ServiceAccount',
  ]);
  const stop = async (): Promise<void> => {
    await server.stop();
    await etcd.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const certificate = join(folder, 'certificates', 'apiserver.crt');
    const ask = async (method: string, path: string, body?: unknown, type = 'application/json'): Promise<ApiReply> =>
      askServer({ port, method, path, token: tokens.admin, ca: await readFile(certificate), body, type });
    await waitFor(
      async () => {
        for (const one of [etcd, server]) {
          if (one.ended() !== undefined) throw new Error(`${one.ended()}: ${await one.lastWords()}`);
        }
        // The default namespace comes a moment after the server says that it is ready.
        const [ready, namespace] = await Promise.all([ask('GET', '/readyz'), ask('GET', '/api/v1/namespaces/default')]);
        return ready.status === 200 && namespace.status === 200 ? true : undefined;
      },
      { what: `the API server; its log: ${await server.lastWords()}`, timeoutMs: 120_000, intervalMs: 200 },
    );
    const ca = (await readFile(certificate)).toString('base64');
    const config = join(folder, 'kubeconfig.json');
    await writeFile(config, kubeconfig({ ca, tokens, port }), { mode: 0o600 });
    return {
      url: `https://127.0.0.1:${port}`,
      port,
      kubeconfig: config,
      ask,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function kubeconfig({ ca, tokens, port }: { ca: string; tokens: Record<string, string>; port: number }): string {
  const users = Object.entries(tokens).map(([name, token]) => ({ name, user: { token } }));
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': ca } }],
    users,
    contexts: users.map(({ name }) => ({ name, context: { cluster: 'test', user: name } })),
    'current-context': 'admin',
  });
}

interface Program {
  readonly ended: () => string | undefined;
  readonly lastWords: () => Promise<string>;
  readonly stop: () => Promise<void>;
}

function start(folder: string, executable: string, args: readonly string[]): Program {
  const name = executable.split('/').at(-1) ?? executable;
  const file = join(folder, `${name}.log`);
  const log = openSync(file, 'a', 0o600);
  const child: ChildProcess = spawn(executable, args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let ended: string | undefined;
  const exit = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      ended = `${name} did not start: ${error.message}`;
      resolve();
    });
    child.once('exit', (code, signal) => {
      ended ??= `${name} ended with ${String(code ?? signal)}`;
      resolve();
    });
  });
  child.unref();
  const guard =
    child.pid === undefined ? undefined : endWithParent(child.pid, { signal: 'TERM', removeDirectory: folder });
  return {
    ended: () => ended,
    lastWords: async () => (await readFile(file, 'utf8').catch(() => '')).slice(-2_000),
    stop: async () => {
      guard?.release();
      child.ref();
      // Nothing of it is kept, so nothing has to be saved.
      child.kill('SIGKILL');
      await exit;
    },
  };
}

function askServer(question: {
  port: number;
  method: string;
  path: string;
  token: string;
  ca: Buffer;
  body: unknown;
  type: string;
}): Promise<ApiReply> {
  const { port, method, path, token, ca, body, type } = question;
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }) };
    const asked = request({ host: '127.0.0.1', port, method, path, ca, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('error', reject);
      response.once('end', () => {
        const isJson = response.headers['content-type']?.includes('json') ?? false;
        resolve({ status: response.statusCode ?? 0, body: isJson ? (JSON.parse(text) as unknown) : text });
      });
    });
    asked.once('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
