import { Readable } from 'node:stream';
import { Route53Client, Route53ServiceException, type Route53ClientConfig } from '@aws-sdk/client-route-53';
import { CodedError, type DnsInput, type Route53Target } from '@switchyard/contracts';
import type { CallTools } from '../activities/call.js';

/** Sends commands to Route 53. */
export interface Route53 {
  /** @throws CodedError NotFound (zone), AuthFailed, UpstreamFailed, TimedOut */
  readonly ask: <T>(work: (client: Route53Client) => Promise<T>) => Promise<T>;
  readonly close: () => void;
}

/** A signed request as the client hands it on. */
interface SignedRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly body?: unknown;
}

/** The refusals of Route 53 that mean something else than a mistake in the request. */
const PASSING = ['PriorRequestNotComplete', 'Throttling', 'ThrottlingException', 'RequestLimitExceeded'];
const ZONE_MISSING = ['NoSuchHostedZone', 'InvalidDomainName'];
const NO_RIGHT =
  /^(AccessDenied|InvalidClientTokenId|SignatureDoesNotMatch|ExpiredToken|UnrecognizedClient|MissingAuthenticationToken|CredentialsProviderError)/;

/** Amazon's own client, which signs and parses, over our connections, waits and time-outs. */
export async function openRoute53(tools: CallTools, target: Route53Target, input: DnsInput): Promise<Route53> {
  const ca = input.ca === undefined ? undefined : await tools.text(input.ca);
  const credentials = await credentialsOf(tools, target);
  const config: Route53ClientConfig = {
    region: target.region,
    ...(target.endpoint === undefined ? {} : { endpoint: target.endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    // Temporal tries again: it keeps the wait, and shows it.
    maxAttempts: 1,
    requestHandler: handlerFor(tools, input.timeout, ca),
  };
  const client = new Route53Client(config);
  return {
    async ask(work) {
      try {
        return await work(client);
      } catch (error) {
        throw codedError(error);
      }
    },
    close: () => client.destroy(),
  };
}

async function credentialsOf(tools: CallTools, target: Route53Target) {
  const { accessKeyId, secretAccessKey, sessionToken } = target;
  // Without them the client looks for the identity of the worker: its environment, its pod, its machine.
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return {
    accessKeyId: await tools.text(accessKeyId),
    secretAccessKey: await tools.text(secretAccessKey),
    ...(sessionToken === undefined ? {} : { sessionToken: await tools.text(sessionToken) }),
  };
}

function handlerFor(
  tools: CallTools,
  timeoutMs: number,
  ca: string | undefined,
): NonNullable<Route53ClientConfig['requestHandler']> {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(request: SignedRequest) {
      const { protocol, hostname, port, path, method, headers, query } = request;
      const parameters = new URLSearchParams(
        Object.entries(query ?? {}).flatMap(([name, value]) =>
          [value ?? ''].flat().map((one): [string, string] => [name, one]),
        ),
      ).toString();
      const answer = await tools.send({
        url: `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}${parameters === '' ? '' : `?${parameters}`}`,
        method,
        headers: { ...headers },
        body: typeof request.body === 'string' ? request.body : undefined,
        timeoutMs,
        ca,
      });
      const text = typeof answer.body === 'string' ? answer.body : '';
      return {
        response: {
          statusCode: answer.status,
          headers: { 'content-type': answer.header('content-type') ?? '' },
          body: Readable.from([Buffer.from(text)]),
        },
      };
    },
  };
}

function codedError(error: unknown): unknown {
  if (error instanceof CodedError || !(error instanceof Error)) return error;
  const { name } = error;
  const message = `Route 53 answered ${name}: ${error.message}`;
  if (ZONE_MISSING.includes(name)) return new CodedError('NotFound', message);
  if (NO_RIGHT.test(name)) {
    return new CodedError('AuthFailed', `${message}; check the keys and the policy of who uses them`);
  }
  if (!(error instanceof Route53ServiceException)) return error;
  const status = error.$metadata.httpStatusCode;
  return new CodedError('UpstreamFailed', message, {
    retryable: PASSING.includes(name) || (status !== undefined && status >= 500),
    details: { error: name, ...(status === undefined ? {} : { status }) },
  });
}
