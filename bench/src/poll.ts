import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until there is an answer. Throws, with what was waited for, when the time is over. */
export async function poll<T>(
  ask: () => Promise<T | undefined>,
  options: { readonly what: string; readonly everyMs: number; readonly timeoutMs: number },
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    // Each question comes after the answer before it.
    // oxlint-disable-next-line no-await-in-loop
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${options.timeoutMs} ms in vain for ${options.what}`);
    // oxlint-disable-next-line no-await-in-loop
    await sleep(options.everyMs);
  }
}
