import { CodedError } from '@switchyard/contracts';
import { Secret } from '../secret.js';
import type { SecretProvider } from './provider.js';

/** How long a value is used before its provider is asked again: 60 s. */
const DEFAULT_TTL_MS = 60_000;

/** Options of {@link createSecrets}. */
export interface SecretsOptions {
  /** The providers, asked in this order; the first that holds the name answers. */
  readonly chain: readonly SecretProvider[];
  /** Milliseconds that a value is kept. Default: 60 000. 0 asks every time. */
  readonly ttlMs?: number;
  /** Milliseconds now. Default: `Date.now`. */
  readonly now?: () => number;
}

/** Reads secrets by name through a chain of providers that fail closed. */
export interface Secrets {
  /**
   * The secret of that name. NotFound when no provider holds it; the provider's own error when one of them could not say.
   * @param options.fresh asks the providers even when a value is cached, for use after a refused password
   */
  get(name: string, options?: { readonly fresh?: boolean }): Promise<Secret>;
  /** Whether the name exists, without its value. Throws like `get` when a provider fails. */
  has(name: string): Promise<boolean>;
  /** Forgets cached values and ends the providers' timers. */
  close(): void;
}

interface Cached {
  readonly secret: Promise<Secret>;
  readonly until: number;
}

/** Opens a chain of secret providers with a cache. */
export function createSecrets({ chain, ttlMs = DEFAULT_TTL_MS, now = Date.now }: SecretsOptions): Secrets {
  const cache = new Map<string, Cached>();

  async function find(name: string): Promise<Secret> {
    for (const provider of chain) {
      // In order, and an error ends the search: a later provider must not answer for one that could not be asked.
      // oxlint-disable-next-line no-await-in-loop
      const value = await provider.read(name);
      if (value !== undefined) return new Secret(value);
    }
    const places = chain.map((provider) => `${provider.name} (${provider.whereIs(name)})`);
    throw new CodedError(
      'NotFound',
      places.length > 0
        ? `No secret "${name}"; looked in ${places.join(', ')}`
        : `No secret "${name}": no provider is configured; set SWITCHYARD_SECRET_CHAIN to env, file or vault`,
      { details: { secret: name } },
    );
  }

  async function get(name: string, { fresh = false }: { readonly fresh?: boolean } = {}): Promise<Secret> {
    const cached = cache.get(name);
    if (cached && !fresh && cached.until > now()) return cached.secret;
    // The promise is cached, so that callers who come together ask once.
    const entry: Cached = { secret: find(name), until: now() + ttlMs };
    cache.set(name, entry);
    try {
      return await entry.secret;
    } catch (error) {
      if (cache.get(name) === entry) cache.delete(name);
      throw error;
    }
  }

  return {
    get,
    async has(name) {
      try {
        await get(name);
        return true;
      } catch (error) {
        if (error instanceof CodedError && error.code === 'NotFound') return false;
        throw error;
      }
    },
    close() {
      cache.clear();
      for (const provider of chain) provider.close?.();
    },
  };
}
