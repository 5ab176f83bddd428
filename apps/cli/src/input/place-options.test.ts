import { describe, expect, it } from 'vitest';
import { placeOf } from './place-options.js';

const GIT = 'https://git.example.org/infra/plays.git';

describe('placeOf', () => {
  it('takes a path from here where something is, and leaves one of a repository as it is', () => {
    expect(placeOf('src', {}, process.cwd())).toEqual({ path: `${process.cwd()}/src` });
    expect(placeOf('src', { git: GIT }, process.cwd())).toEqual({ git: GIT, path: 'src' });
  });

  it('names secrets, and gives an option without its repository on, so that it is refused by name', () => {
    expect(placeOf(undefined, { git: GIT, ref: 'v1', gitToken: 't' }, '/')).toEqual({
      git: GIT,
      ref: 'v1',
      token: { $secret: 't' },
    });
    expect(placeOf(undefined, { ref: 'v1', gitSshKey: 'k' }, '/')).toEqual({ ref: 'v1', sshKey: { $secret: 'k' } });
    expect(placeOf(undefined, {}, '/')).toBeUndefined();
  });
});
