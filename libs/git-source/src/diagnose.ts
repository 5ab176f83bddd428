import { CodedError, type FailureCode } from '@switchyard/contracts';

interface Meaning {
  readonly code: FailureCode;
  /** What it comes to, after what git was asked to do. */
  readonly meaning: string;
}

/** git ends with 128 whatever went wrong, so its words (in English, by its locale) tell. Unknown ones are GitFailed. */
const TEXTS: readonly (readonly [RegExp, Meaning])[] = [
  [
    /no space left on device|disk quota exceeded/i,
    { code: 'GitFailed', meaning: 'the disk of the worker is full; free space below SWITCHYARD_WORK_DIR' },
  ],
  [
    /host key verification failed|remote host identification has changed/i,
    {
      code: 'AuthFailed',
      meaning: 'the key of the server is not known; add it to the file that SWITCHYARD_GIT_KNOWN_HOSTS names',
    },
  ],
  [
    /authentication failed|could not read (?:username|password)|terminal prompts disabled|permission denied|invalid credentials|requested url returned error: 40[13]/i,
    {
      code: 'AuthFailed',
      meaning: 'the server refused the credentials; check the secret that `token` or `sshKey` names',
    },
  ],
  [
    /requested url returned error: 30\d|unable to update url base from redirection/i,
    { code: 'NotFound', meaning: 'the repository has moved; give its new address in `git`' },
  ],
  [
    /repository .*not found|does not appear to be a git repository|repository .* does not exist|requested url returned error: 404/i,
    {
      code: 'NotFound',
      meaning: 'there is no such repository, or these credentials may not see it; check `git` and `token`',
    },
  ],
];

const WORTH_READING = /^(?:fatal|error|remote|ssh|host key|permission)/i;
const MOST_CHARACTERS = 400;

/** What git said last that people need; masked lines come in, one line goes out. */
export function sayingOf(lines: readonly string[]): string {
  const told = lines.map((line) => line.trim()).filter((line) => WORTH_READING.test(line));
  const text = (told.length > 0 ? told : lines.slice(-3)).join(' ').trim();
  if (text === '') return 'it said nothing';
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}...` : text;
}

/**
 * The error of a git process that ended badly.
 * @param doing what it was asked to do, such as `reading https://host/repo.git`
 */
export function diagnose(doing: string, lines: readonly string[]): CodedError {
  const text = lines.join('\n');
  const found = TEXTS.find(([pattern]) => pattern.test(text))?.[1];
  const said = sayingOf(lines);
  if (found === undefined) return new CodedError('GitFailed', `${doing} failed: ${said}`);
  return new CodedError(found.code, `${doing} failed: ${found.meaning} (git said: ${said})`);
}
