import { afterAll, afterEach, beforeAll } from 'vitest';
import { forget } from './people.js';
import { openWorld, type World } from './world.js';

/** One world with both workers for a test file; each test leaves neither table nor flags. */
export function useWorld(): () => World {
  let world: World | undefined;
  const opened = (): World => {
    if (!world) throw new Error('the world is there within tests only');
    return world;
  };
  beforeAll(async () => {
    world = await openWorld();
    await Promise.all([world.start('migration-worker'), world.start('cdc-worker')]);
  });
  afterAll(() => world?.[Symbol.asyncDispose]());
  afterEach(() => forget(opened()));
  return opened;
}

/** Ends what a test hands over after that test, the newest first. Gives back what it was handed. */
export function useDisposal(): <T extends AsyncDisposable>(one: T) => T {
  const handed: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of handed.splice(0).toReversed()) await one[Symbol.asyncDispose]();
  });
  return (one) => {
    handed.push(one);
    return one;
  };
}
