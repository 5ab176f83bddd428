import { describe, expect, it } from 'vitest';
import { formatProblems, parse } from '../parse.js';
import { ansibleInputSchema } from './ansible.js';
import { gitPinText, gitProtocolOf } from './git-source.js';
import { terraformInputSchema } from './terraform.js';

const problemsOf = (project: unknown): string => {
  const result = parse(ansibleInputSchema, { playbook: 'site.yml', project });
  return result.ok ? '' : formatProblems(result.problems);
};
const HTTPS = 'https://git.example.org/infra/plays.git';

describe('the address of a repository', () => {
  it.each([
    [HTTPS, 'https'],
    ['git@git.example.org:infra/plays.git', 'ssh'],
    ['ssh://git@git.example.org:2222/infra/plays.git', 'ssh'],
    ['/srv/git/plays.git', 'file'],
    ['file:///srv/git/plays.git', 'file'],
    ['git://git.example.org/plays', 'git'],
    ['ext::sh -c touch% /tmp/x', undefined],
    ['ext::sh', undefined],
    ['--upload-pack=touch', undefined],
    ['-oProxyCommand=x@y:z', undefined],
    ['infra/plays', undefined],
    ['https://git.example.org/a b', undefined],
    ['ftp://git.example.org/plays', undefined],
  ])('%s is reached by %s', (address, protocol) => {
    expect(gitProtocolOf(address)).toBe(protocol);
  });

  it.each([
    'https://me:pw@git.example.org/plays.git',
    'https://glpat-token@git.example.org/plays.git',
    'ssh://git:pw@git.example.org/plays.git',
    'https://git.example.org/plays.git?private_token=x',
  ])('is refused with credentials: %s', (git) => {
    expect(problemsOf({ git })).toContain('must hold no credentials');
  });
});

describe('a project or stack in git', () => {
  it('is taken with ref, path and token', () => {
    expect(problemsOf({ git: HTTPS, ref: 'release/1.4', path: 'ansible', token: { $secret: 'git-token' } })).toBe('');
    const stack = { git: HTTPS, path: 'infra/network', ref: 'v1.2.0' };
    expect(terraformInputSchema.parse({ stack })).toMatchObject({ stack });
  });

  it.each<readonly [object, string]>([
    [{ path: 'x', ref: 'main' }, 'needs `git`'],
    [{}, 'is required'],
    [{ git: HTTPS, path: '../other' }, 'must lie inside the repository'],
    [{ git: HTTPS, path: '/etc' }, 'must lie inside the repository'],
    [{ git: HTTPS, sshKey: { $secret: 'k' } }, 'give `token` for https'],
    [{ git: 'git@h.example:a/b', token: { $secret: 'k' } }, 'give `sshKey` for ssh'],
    [{ git: HTTPS, token: 'glpat-clear' }, 'token'],
    [{ git: HTTPS, username: 'me' }, 'needs `token`'],
    [{ git: HTTPS, commit: 'abc1234' }, 'whole commit hash'],
    ...['-x', 'a..b', 'a b', 'a:b', 'a@{1}', '/a', 'a/', 'a.', 'a\nb', 'main^', ''].map(
      (ref) => [{ git: HTTPS, ref }, 'is no name of a branch'] as const,
    ),
  ])('is refused where it makes no sense: %j', (project, said) => {
    expect(problemsOf(project)).toContain(said);
  });

  it('is shown with as much of the commit as people read', () => {
    const commit = '0123456789abcdef0123456789abcdef01234567';
    expect(gitPinText({ git: HTTPS, ref: 'main', commit })).toBe(`main of ${HTTPS} at 0123456789ab`);
    expect(gitPinText({ git: HTTPS, ref: commit, commit })).toBe(`${HTTPS} at 0123456789ab`);
  });
});
