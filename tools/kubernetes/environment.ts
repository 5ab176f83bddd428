import { parseDatabaseConfig } from '@switchyard/shared-db';
import { GATEWAY_VARIABLES, parseEnvironment } from '@switchyard/worker-kit';
import { knownNames, secretNames } from '../variables.ts';
import { environmentOf, workloadsOf, type Policy } from './policies.ts';

/** The label that tells which rules a pod's environment has to keep. */
const ROLE = 'switchyard.dev/role';

/** Room between the worker's own end and the kill by Kubernetes. */
const MARGIN_MS = 5_000;

/** Something that has the form of the secret: a key for artifacts is 32 bytes in base64, a token is long. */
const placeholder = (name: string): string =>
  name === 'SWITCHYARD_ARTIFACT_KEY' ? Buffer.alloc(32).toString('base64') : 'placeholder'.repeat(3);

/**
 * Every name is one that Switchyard reads, no secret stands there in clear, the values parse as a worker parses them,
 * and the pod lives longer than the worker needs to end: grace < force < terminationGracePeriodSeconds - 5 s.
 */
export const environment: Policy = (base) =>
  workloadsOf(base).flatMap(({ name, labels, pod }) =>
    pod.containers.flatMap((container) => {
      const env = environmentOf(base, container, placeholder);
      const known = knownNames();
      const secrets = secretNames();
      const problems = [
        ...Object.keys(env)
          .filter((variable) => !known.has(variable))
          .map((variable) => `${variable} is not known`),
        ...(container.env ?? [])
          .filter((entry) => secrets.has(entry.name) && entry.value !== undefined)
          .map((entry) => `${entry.name} stands in clear`),
        ...Object.keys(environmentOf(base, { ...container, env: [] }, placeholder))
          .filter((variable) => secrets.has(variable))
          .map((variable) => `${variable} stands in a ConfigMap`),
        ...attempt(() => parseDatabaseConfig(env)),
        ...(labels[ROLE] === 'worker' ? workerProblems(env, pod.terminationGracePeriodSeconds ?? 30) : []),
        ...(labels[ROLE] === 'gateway' ? gatewayProblems(env) : []),
      ];
      return problems.map((problem) => `${name}: ${problem}`);
    }),
  );

function workerProblems(env: Readonly<Record<string, string>>, podSeconds: number): string[] {
  return attempt(() => {
    const { config } = parseEnvironment(env, {});
    const { shutdownGrace: grace, shutdownForce: force, healthHost } = config;
    if (grace === undefined || force === undefined) {
      throw new Error(
        'SWITCHYARD_SHUTDOWN_GRACE and SWITCHYARD_SHUTDOWN_FORCE have to be set beside the grace of the pod',
      );
    }
    if (podSeconds * 1_000 <= force + MARGIN_MS) {
      throw new Error(`terminationGracePeriodSeconds ${podSeconds} is not more than SWITCHYARD_SHUTDOWN_FORCE and 5 s`);
    }
    if (healthHost === '127.0.0.1') throw new Error('SWITCHYARD_HEALTH_HOST is the loopback, which no probe reaches');
  });
}

function gatewayProblems(env: Readonly<Record<string, string>>): string[] {
  return attempt(() => {
    const { config } = parseEnvironment(env, GATEWAY_VARIABLES);
    const { gatewayHost: host, gatewayToken: token } = config;
    if (host === '127.0.0.1') throw new Error('SWITCHYARD_GATEWAY_HOST is the loopback, which no service reaches');
    if (token === undefined) throw new Error('SWITCHYARD_GATEWAY_TOKEN is not set, so the gateway refuses to start');
  });
}

/** What a check throws, as a problem. */
function attempt(check: () => unknown): string[] {
  try {
    check();
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
