import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CodedError } from '@switchyard/contracts';
import { createMasker } from '@switchyard/process';
import { leftovers, tools } from '@switchyard/testkit';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openRegoPolicies, type RegoOptions, type RegoPolicies } from '../src/rego/rego-policies.js';
import { OPA_LIMITS, type OpaLimits } from '../src/rego/run-opa.js';

/** Where OPA is not there and its download is out of reach, it is built. */
const BUILDING_MS = 10 * 60_000;

let executable: string;
let base: string;

beforeAll(async () => {
  executable = (await tools(['opa']))['SWITCHYARD_OPA_BIN'] ?? '';
}, BUILDING_MS);
beforeEach(async () => {
  base = await realpath(await mkdtemp(path.join(tmpdir(), 'rego-')));
});
afterEach(() => rm(base, { recursive: true, force: true }));

const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(base, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
};

interface Given {
  readonly paths?: readonly string[];
  readonly namespace?: string;
  readonly workerPolicies?: string;
  readonly limits?: Partial<OpaLimits>;
  readonly signal?: AbortSignal;
  readonly findOpa?: RegoOptions['findOpa'];
}

const open = async (given: Given = {}): Promise<RegoPolicies> =>
  openRegoPolicies({
    policies: {
      rego: (given.paths ?? ['policies']).map((one) => ({ path: one })),
      namespace: given.namespace ?? 'main',
    },
    roots: [base],
    workerPolicies: given.workerPolicies,
    findOpa: given.findOpa ?? (() => Promise.resolve(executable)),
    scratch: await mkdtemp(path.join(base, 'scratch-')),
    opa: {
      marker: `rego-test-${path.basename(base)}`,
      signal: given.signal ?? new AbortController().signal,
      limits: { ...OPA_LIMITS, ...given.limits },
    },
  });

const PLAN = JSON.stringify({ resource_changes: [{ address: 'x.y', type: 'x', change: { actions: ['create'] } }] });

/** Opens one policy file and judges a plan by it. */
const judged = async (text: string, given: Given = {}, plan = PLAN) => {
  await write({ 'policies/a.rego': text });
  return (await open(given)).judge(plan, createMasker(['run-secret']));
};
const messagesOf = (report: Awaited<ReturnType<typeof judged>>): string[] =>
  report.violations.map(({ message }) => message);

const refusal = async (promise: Promise<unknown>): Promise<CodedError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof CodedError) return error;
  throw new Error(`it was expected to be refused, and was not: ${String(error)}`);
};

const DENY = `package main
deny contains sprintf("%s may not be made", [change.address]) if some change in input.resource_changes
`;
const HARMLESS = `package main
deny contains "never" if input.nothing
`;

describe('policies in Rego', () => {
  it('refuse by deny and violation, warn by warn, and tell where that stands', async () => {
    const report = await judged(`${DENY}
violation_owner contains {"msg": "no owner", "address": "x.y", "team": "ops"} if input.resource_changes
warn contains "have a look" if input.resource_changes
`);
    expect(report.violations).toMatchObject([
      {
        rule: 'rego',
        address: null,
        message: 'rego: x.y may not be made (deny of package main in policies/a.rego)',
        policy: { from: 'input', package: 'main', files: ['policies/a.rego'] },
      },
      { address: 'x.y', message: 'rego: no owner (violation_owner of package main in policies/a.rego)' },
    ]);
    expect(report.warnings).toMatchObject([{ message: 'rego: have a look (warn of package main in policies/a.rego)' }]);
    expect(report.results).toEqual([]);
  });

  it('that hold are told with their digest, and what they warn of', async () => {
    const report = await judged(`${HARMLESS}warn contains "have a look" if input.resource_changes\n`);
    expect(report).toMatchObject({
      violations: [],
      results: [
        {
          rule: 'rego',
          required: expect.stringMatching(/package main.*1 files, sha256:\w{12}\)/) as string,
          observed: 'nothing',
        },
        { rule: 'rego', observed: 'rego: have a look (warn of package main in policies/a.rego)' },
      ],
    });
  });

  it('come from files and directories, share what they import, and leave tests, hidden files and links out', async () => {
    await write({
      'policies/deep/deny.rego':
        'package terraform.net\nimport data.lib\ndeny contains lib.text if input.resource_changes\n',
      'policies/deep/deny_test.rego': 'package broken {',
      'policies/.hidden/x.rego': 'package broken {',
      'outside.rego': 'package broken {',
      'lib/lib.rego': 'package lib\ntext := "by the library"\n',
    });
    await symlink(path.join(base, 'outside.rego'), path.join(base, 'policies/link.rego'));
    const policies = await open({ paths: ['policies', 'lib/lib.rego'], namespace: 'terraform.net' });
    expect(policies.sets).toMatchObject([
      {
        from: 'input',
        namespace: 'terraform.net',
        files: [{ name: 'lib/lib.rego' }, { name: 'policies/deep/deny.rego' }],
      },
    ]);
    expect(messagesOf(await policies.judge(PLAN, createMasker()))).toEqual([
      'rego: by the library (deny of package terraform.net in policies/deep/deny.rego)',
    ]);
  });

  it('hide what the plan marks as sensitive, and the secrets of the run', async () => {
    const plan = JSON.stringify({
      resource_changes: [
        { address: 'x', change: { after: { input: 'hunter2222' }, after_sensitive: { input: true } } },
      ],
    });
    const report = await judged(
      `package main
deny contains sprintf("%s, %s, run-secret", [c.change.after.input, base64.encode(c.change.after.input)]) if some c in input.resource_changes
`,
      {},
      plan,
    );
    expect(messagesOf(report)).toEqual(['rego: ***, ***, *** (deny of package main in policies/a.rego)']);
  });

  it('hide it also where a rule fails of it', async () => {
    const plan = JSON.stringify({
      resource_changes: [
        { address: 'x', change: { after: { input: 'hunter2222' }, after_sensitive: { input: true } } },
      ],
    });
    const report = await judged(
      `package main
deny contains "x" if to_number(input.resource_changes[0].change.after.input) > 1
`,
      {},
      plan,
    );
    expect(messagesOf(report)).toEqual([expect.stringContaining('could not be judged: policies/a.rego:2: to_number')]);
    expect(JSON.stringify(report)).not.toContain('hunter2222');
  });

  it.each<[string, string, RegExp]>([
    ['a syntax error', 'package main\ndeny contains "x" if {', /policies\/a\.rego:2: unexpected eof/],
    ['Rego of version 0', 'package main\ndeny[msg] { msg := "x" }', /policies\/a\.rego:2: `if` keyword is required/],
    ['another package', DENY.replace('main', 'other'), /a\.rego: has deny in package other, and only main is asked/],
    ['no rule that could refuse', 'package main\nwarn contains "x" if input.y', /no file has deny or violation/],
    ['a rule that is no set', 'package main\ndeny := "x" if input.y', /a\.rego: deny is no set; write/],
    ['a rule that makes keys', 'package main\ndeny[msg] if { msg := "x" }', /a\.rego: deny is no set; write/],
    [
      'http.send',
      'package main\ndeny contains "x" if http.send({"method": "get", "url": "http://localhost"})',
      /undefined function http\.send/,
    ],
    ['opa.runtime', 'package main\ndeny contains opa.runtime().env.HOME', /undefined function opa\.runtime/],
    [
      'a look-up of a name',
      'package main\ndeny contains x if some x in net.lookup_ip_addr("localhost")',
      /undefined function net\.lookup_ip_addr/,
    ],
    ['chance', 'package main\ndeny contains "x" if rand.intn("x", 2) == 1', /undefined function rand\.intn/],
  ])('are refused before there is a plan: %s', async (_, text, message) => {
    await write({ 'policies/a.rego': text });
    const error = await refusal(open());
    expect(error.code).toBe('InvalidInput');
    expect(error.message).toMatch(/^policies\.rego: /);
    expect(error.message).toMatch(message);
  });

  it('are refused where there are none, and where they lie outside of the project roots', async () => {
    await write({ 'policies/a_test.rego': DENY, 'plan.json': '{}' });
    expect((await refusal(open())).message).toContain('"policies" holds no .rego file');
    expect((await refusal(open({ paths: ['plan.json'] }))).message).toContain('neither a .rego file nor a directory');
    expect(await refusal(open({ paths: ['nowhere'] }))).toMatchObject({ code: 'NotFound' });
    expect(await refusal(open({ paths: ['../..'] }))).toMatchObject({ code: 'PathRefused' });
  });

  it('may compute with addresses and ask for the time', async () => {
    const report = await judged(`package main
deny contains "open" if { net.cidr_contains("10.0.0.0/8", "10.1.0.0/16"); time.now_ns() > 0 }
`);
    expect(messagesOf(report)).toEqual(['rego: open (deny of package main in policies/a.rego)']);
  });

  it('are not looked at, nor is OPA sought, where nobody asks', async () => {
    const findOpa = (): Promise<never> => Promise.reject(new Error('sought'));
    const policies = await open({ paths: [], findOpa });
    expect(await policies.judge(PLAN, createMasker())).toEqual({ results: [], violations: [], warnings: [] });
    await write({ 'policies/a.rego': DENY });
    const missing = new CodedError('ToolMissing', 'opa is not in PATH');
    const error = await refusal(open({ findOpa: () => Promise.reject(missing) }));
    expect(error).toMatchObject({
      code: 'ToolMissing',
      message: 'policies.rego is judged by OPA, and opa is not in PATH',
    });
  });
});

describe('policies that cannot be judged refuse', () => {
  const ENDLESS = `package main
deny contains "x" if { some i in numbers.range(1, 1000000); some j in numbers.range(1, 1000000); i * j == -1 }
`;
  it.each<[string, string, Partial<OpaLimits>, RegExp]>([
    ['an endless rule', ENDLESS, { timeoutMs: 2_000 }, /it took longer than 2\.0 s/],
    [
      'a rule without bound in memory',
      `package main
deny contains "x" if { all := [[i, j] | some i in numbers.range(1, 50000); some j in numbers.range(1, 50000)]; count(all) == -1 }
`,
      { memoryMb: 1_400 },
      /it needed more than 1400 MB of memory/,
    ],
    [
      'an answer without bound',
      'package main\ndeny contains sprintf("%d", [i]) if some i in numbers.range(1, 20000)',
      { outputBytes: 10_000 },
      /it answered more than 10000 bytes/,
    ],
    [
      'an error while it runs',
      'package main\ndeny contains "x" if 1 / (count(input.resource_changes) - 1) == 2',
      {},
      /a\.rego:2: div: divide by zero/,
    ],
    ['a message that is none', 'package main\ndeny contains 5', {}, /deny gave something that is neither/],
    [
      'an object without msg',
      'package main\ndeny contains {"message": "x"}',
      {},
      /deny gave something that is neither/,
    ],
  ])('%s', async (_, text, limits, message) => {
    const report = await judged(text, { limits });
    expect(report.results).toEqual([]);
    expect(messagesOf(report)).toEqual([
      expect.stringMatching(/^rego: the policies of policies\.rego could not be judged: /),
    ]);
    expect(messagesOf(report)[0]).toMatch(message);
    expect(await leftovers(`SWITCHYARD_RUN=rego-test-${path.basename(base)}`)).toEqual([]);
  });

  it('and end with the run that is cancelled', async () => {
    await write({ 'policies/a.rego': ENDLESS });
    const cancel = new AbortController();
    const policies = await open({ signal: cancel.signal });
    const judging = policies.judge(PLAN, createMasker());
    cancel.abort(new Error('no longer wanted'));
    await expect(judging).rejects.toThrow('no longer wanted');
    expect(await leftovers(`SWITCHYARD_RUN=rego-test-${path.basename(base)}`)).toEqual([]);
  });

  it('say at most so much', async () => {
    const report = await judged(`package main
deny contains sprintf("%d %s", [i, concat("", [x | some _ in numbers.range(1, 1000); x := "long"])]) if some i in numbers.range(1, 150)
`);
    expect(report.violations).toHaveLength(101);
    expect(report.violations.at(-1)?.message).toBe('rego: and 50 more');
    expect(Math.max(...messagesOf(report).map(({ length }) => length))).toBeLessThan(700);
  });
});

describe('policies of the worker', () => {
  it('are asked beside those of the run, which cannot make an exception to them', async () => {
    await write({
      'worker/deny.rego': `package main
deny contains "not without an exception" if not excepted
excepted if input.excepted
`,
      'policies/a.rego': `package main
deny contains "never" if input.nothing
excepted := true
`,
    });
    const policies = await open({ workerPolicies: path.join(base, 'worker') });
    expect(policies.sets).toMatchObject([{ from: 'worker', files: [{ name: 'deny.rego' }] }, { from: 'input' }]);
    expect((await policies.judge(PLAN, createMasker())).violations).toMatchObject([
      {
        message: 'rego: not without an exception (deny of package main in deny.rego of the worker)',
        policy: { from: 'worker' },
      },
    ]);
  });

  it('that are not there or ask nothing are refused', async () => {
    const workerPolicies = path.join(base, 'worker');
    expect((await refusal(open({ paths: [], workerPolicies }))).message).toMatch(
      /^SWITCHYARD_TERRAFORM_POLICIES: .* cannot be read/,
    );
    await mkdir(workerPolicies);
    expect((await refusal(open({ paths: [], workerPolicies }))).message).toContain('holds no .rego file');
    expect(await readdir(workerPolicies)).toEqual([]);
  });
});
