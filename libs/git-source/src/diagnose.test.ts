import { describe, expect, it } from 'vitest';
import { diagnose } from './diagnose.js';

describe('diagnose', () => {
  it.each([
    ['fatal: write error: No space left on device', 'GitFailed', 'free space below SWITCHYARD_WORK_DIR'],
    ["fatal: Authentication failed for 'https://h/x.git/'", 'AuthFailed', 'check the secret'],
    ["fatal: could not read Username for 'https://h': terminal prompts disabled", 'AuthFailed', 'check the secret'],
    ['git@h: Permission denied (publickey).', 'AuthFailed', 'check the secret'],
    ['Host key verification failed.', 'AuthFailed', 'SWITCHYARD_GIT_KNOWN_HOSTS'],
    ["remote: Repository not found.\nfatal: repository 'https://h/x.git/' not found", 'NotFound', 'check `git`'],
    ["fatal: unable to access 'https://h/x.git/': Could not resolve host: h", 'GitFailed', 'Could not resolve host'],
    ['something new', 'GitFailed', 'something new'],
    ['', 'GitFailed', 'it said nothing'],
  ])('%s is %s', (text, code, said) => {
    const error = diagnose('reading https://h/x.git', text.split('\n'));
    expect(error.code).toBe(code);
    expect(error.message).toContain(said);
  });
});
