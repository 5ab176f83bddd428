import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, formatProblems, parse, retryAfterMs, type CmdbInventory } from '@switchyard/contracts';
import { cmdbPageSchema, type CmdbHost } from './cmdb-page.js';
import type { AskedWaits } from './asked-waits.js';

/** Bytes of one page. */
const MOST_BYTES = 32 * 1024 * 1024;
const MOST_PAGES = 10_000;
/** Pause before the second attempt at a page, in milliseconds; it doubles. */
const FIRST_PAUSE_MS = 250;

/**
 * All hosts of a CMDB, every page of them: a page that does not come, or comes cut, ends the call.
 * @param token sent as a bearer token to this server only
 * @param waits what 429 and 503 with Retry-After may cost; a longer wait fails the call at once
 * @throws CodedError UpstreamFailed or TimedOut after the last attempt, AuthFailed, AnsibleInventoryInvalid for hosts
 * that are not as they must be; none of them is tried again by the activity
 */
export async function fetchCmdb(
  source: Pick<CmdbInventory, 'url' | 'timeout' | 'attempts'>,
  token: string | undefined,
  signal: AbortSignal,
  waits: AskedWaits,
): Promise<readonly CmdbHost[]> {
  const first = new URL(source.url);
  first.pathname = `${first.pathname.replace(/\/+$/, '')}/hosts`;
  const hosts = new Map<string, CmdbHost>();
  const seen = new Set<string>();
  let total: number | null | undefined;
  for (let page: URL | undefined = first; page !== undefined;) {
    seen.add(page.href);
    // Each page names the next one.
    // oxlint-disable-next-line no-await-in-loop
    const body: unknown = await pageWithRetries(page, source, token, signal, waits);
    const parsed = parse(cmdbPageSchema, body);
    if (!parsed.ok) throw invalid(page, formatProblems(parsed.problems));
    for (const host of parsed.value.hosts) {
      if (hosts.has(host.name)) throw invalid(page, `host "${host.name}" comes twice`);
      hosts.set(host.name, host);
    }
    total = parsed.value.total ?? total;
    page = parsed.value.next ? nextPage(page, parsed.value.next, seen) : undefined;
  }
  if (total !== undefined && total !== null && total !== hosts.size) {
    throw invalid(
      first,
      `it says that there are ${total} hosts, and its pages held ${hosts.size}: it changed meanwhile`,
    );
  }
  return [...hosts.values()];
}

/** A page without its query, where tokens like to be. */
const shown = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

const invalid = (page: URL, problem: string): CodedError =>
  new CodedError('AnsibleInventoryInvalid', `inventory: the CMDB at ${shown(page)} gave no usable page: ${problem}`);

function nextPage(page: URL, next: string, seen: ReadonlySet<string>): URL {
  if (!URL.canParse(next, page.href)) throw invalid(page, 'its `next` is no address');
  const url = new URL(next, page);
  // The token would go to whatever server the answer names.
  if (url.origin !== page.origin) throw invalid(page, `its \`next\` leads to another server (${url.origin})`);
  if (seen.has(url.href) || seen.size >= MOST_PAGES) throw invalid(page, 'its pages have no end');
  return url;
}

async function pageWithRetries(
  page: URL,
  { timeout, attempts }: Pick<CmdbInventory, 'timeout' | 'attempts'>,
  token: string | undefined,
  signal: AbortSignal,
  waits: AskedWaits,
): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    try {
      // oxlint-disable-next-line no-await-in-loop
      return await requestPage(page, timeout, token, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CodedError)) throw error;
      if (error.retryable && attempt < attempts) {
        const pauseMs = FIRST_PAUSE_MS * 2 ** (attempt - 1);
        const askedMs = error instanceof BusyError ? error.waitMs : undefined;
        // oxlint-disable-next-line no-await-in-loop
        if (askedMs !== undefined && !(await waits.grant(page.host, error.message, askedMs))) {
          throw final(page, error, ` ${waits.refusal}`);
        }
        // oxlint-disable-next-line no-await-in-loop
        await sleep(Math.max(pauseMs, askedMs ?? 0), undefined, { signal });
        continue;
      }
      throw final(page, error, attempt === 1 ? '' : `, ${attempt} attempts`);
    }
  }
}

const final = (page: URL, error: CodedError, more: string): CodedError =>
  new CodedError(error.code, `inventory: the CMDB at ${shown(page)} ${error.message}${more}`, {
    retryable: false,
    cause: error,
  });

/** One request. Its errors go on "the CMDB at ... ". */
async function requestPage(
  page: URL,
  timeoutMs: number,
  token: string | undefined,
  signal: AbortSignal,
): Promise<unknown> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(page, {
      headers: { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      redirect: 'manual',
      signal: AbortSignal.any([timeout, signal]),
    });
    const text = await readText(response);
    if (response.status !== 200) throw refused(response);
    return parseJson(text);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    if (timeout.aborted) {
      throw new CodedError('TimedOut', `did not answer within ${timeoutMs} ms`, { retryable: true, cause: error });
    }
    throw new CodedError('UpstreamFailed', `gave no complete answer (${reasonOf(error)})`, {
      retryable: true,
      cause: error,
    });
  }
}

/** The server is there and wants to be asked later. */
class BusyError extends CodedError {
  /** Milliseconds. */
  readonly waitMs: number;

  constructor(status: number, waitMs: number) {
    super('UpstreamFailed', `answered ${status}`, { retryable: true });
    this.waitMs = waitMs;
  }
}

function refused({ status, headers }: Response): CodedError {
  const waitMs = status === 429 || status === 503 ? retryAfterMs(headers.get('retry-after'), Date.now()) : undefined;
  if (waitMs !== undefined) return new BusyError(status, waitMs);
  if (status === 401 || status === 403) {
    return new CodedError('AuthFailed', `answered ${status}: check the secret that \`token\` names`);
  }
  const isPassing = status >= 500 || status === 429 || status === 408;
  return new CodedError('UpstreamFailed', `answered ${status}`, { retryable: isPassing });
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MOST_BYTES) {
      throw new CodedError('UpstreamFailed', `sent a page of more than ${MOST_BYTES} bytes`, { retryable: false });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    // A proxy that gave up in the middle answers 200 as well.
    throw new CodedError('UpstreamFailed', `sent ${text.length} characters that are no whole JSON`, {
      retryable: true,
      cause,
    });
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? `${String(cause.code)}: ` : '';
  return `${code}${cause instanceof Error ? cause.message : String(cause)}`;
}
