import { mkdir, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, type PolicyViolation, type RegoSource, type TerraformPolicies } from '@switchyard/contracts';
import { createMasker, resolveInside, type Masker } from '@switchyard/process';
import { sha256 } from '../plan/manifest.js';
import { NOTHING_SAID, type PolicyReport, type PolicyResult, type PolicyWarning } from '../plan/policies.js';
import { restrictCapabilities } from './capabilities.js';
import { readPolicyFiles, type PolicyFile } from './policy-files.js';
import { askedRules, HEADS_QUERY, verdictQuery, type AskedRule } from './rules.js';
import { evaluate, readCapabilities, type Opa, type OpaAnswer } from './run-opa.js';
import { sensitiveValues } from './sensitive-values.js';
import { readVerdict, type Said, type Verdict } from './verdict.js';

/** Policies that are judged together: those of the input, or those of the worker. */
export interface PolicySet {
  readonly from: RegoSource['from'];
  readonly namespace: string;
  readonly files: readonly { readonly name: string; readonly digest: string }[];
}

/** Policies in Rego that are ready to judge a plan. */
export interface RegoPolicies {
  /** What they are: part of what is approved. */
  readonly sets: readonly PolicySet[];
  /**
   * Judges a plan. Never passes what it could not judge.
   * @param plan what `show -json` printed
   * @param mask hides the secrets of the run; values that the plan marks are hidden, too
   */
  readonly judge: (plan: string, mask: Masker) => Promise<PolicyReport>;
}

/** Options of {@link openRegoPolicies}. */
export interface RegoOptions {
  readonly policies: Pick<TerraformPolicies, 'rego' | 'namespace'> | undefined;
  readonly roots: readonly string[];
  /** Directory of the policies that the worker asks of every plan. */
  readonly workerPolicies: string | undefined;
  readonly findOpa: () => Promise<string>;
  /** A directory of this attempt, which the caller removes. */
  readonly scratch: string;
  readonly opa: Omit<Opa, 'executable' | 'directory'>;
}

const NO_POLICIES: RegoPolicies = { sets: [], judge: () => Promise.resolve(NOTHING_SAID) };

/**
 * Reads and compiles the policies of a run, apart from each other: a file of the caller must not be able to add an
 * exception to a rule of the worker. What can be refused without a plan is refused here.
 * @throws ToolMissing without OPA; InvalidInput, NotFound or PathRefused for policies that cannot be asked
 */
export async function openRegoPolicies(options: RegoOptions): Promise<RegoPolicies> {
  const { policies, workerPolicies, scratch } = options;
  const given: Given[] = [];
  if (workerPolicies !== undefined) given.push(await givenByWorker(workerPolicies));
  if (policies !== undefined && policies.rego.length > 0) given.push(await givenByInput(options, policies));
  const [first] = given;
  if (first === undefined) return NO_POLICIES;
  const executable = await options.findOpa().catch((error: unknown) => {
    throw error instanceof CodedError
      ? new CodedError(error.code, `${first.what} is judged by OPA, and ${error.message}`, {
          details: error.details,
          cause: error,
        })
      : error;
  });
  const opa: Opa = { ...options.opa, executable, directory: scratch };
  await writeFile(path.join(scratch, CAPABILITIES), restrictCapabilities(await readCapabilities(opa)), { mode: 0o600 });
  const judges: Judge[] = [];
  for (const one of given) judges.push(await compile(opa, one));
  return {
    sets: given.map(({ from, namespace, files }) => ({
      from,
      namespace,
      files: files.map(({ name, digest }) => ({ name, digest })),
    })),
    async judge(plan, mask) {
      const hidden = createMasker(sensitiveValues(JSON.parse(plan)));
      const hide = (text: string): string => mask.mask(hidden.mask(text));
      const reports: PolicyReport[] = [];
      for (const judge of judges) reports.push(await judge(plan, hide));
      return {
        results: reports.flatMap(({ results }) => results),
        violations: reports.flatMap(({ violations }) => violations),
        warnings: reports.flatMap(({ warnings }) => warnings),
      };
    },
  };
}

const CAPABILITIES = 'capabilities.json';

/** Policies as they were given, read. */
interface Given {
  readonly from: RegoSource['from'];
  /** Where they were given, for messages. */
  readonly what: string;
  readonly namespace: string;
  readonly files: readonly PolicyFile[];
}

async function givenByWorker(directory: string): Promise<Given> {
  const what = 'SWITCHYARD_TERRAFORM_POLICIES';
  const location = await realpath(directory).catch((error: unknown) => {
    throw new CodedError('InvalidInput', `${what}: "${directory}" cannot be read by the worker`, { cause: error });
  });
  return { from: 'worker', what, namespace: 'main', files: await readPolicyFiles([{ given: '', location }], what) };
}

async function givenByInput(
  { roots }: Pick<RegoOptions, 'roots'>,
  { rego, namespace }: Pick<TerraformPolicies, 'rego' | 'namespace'>,
): Promise<Given> {
  const what = 'policies.rego';
  const places = await Promise.all(
    rego.map(async ({ path: given }) => ({ given, location: await resolveInside(roots, given) })),
  );
  return { from: 'input', what, namespace, files: await readPolicyFiles(places, what) };
}

type Judge = (plan: string, hide: (text: string) => string) => Promise<PolicyReport>;

/** Writes the policies where OPA reads them, compiles them, and finds out what is to be asked. */
async function compile(opa: Opa, given: Given): Promise<Judge> {
  const { from, what, namespace, files } = given;
  const policies = `policies-${from}`;
  // Under names of our own: OPA takes some paths for addresses, and people may name files as they like.
  await mkdir(path.join(opa.directory, policies), { mode: 0o700 });
  const nameOf = new Map(files.map(({ name }, i) => [`${i}.rego`, name]));
  for (const [i, { text }] of files.entries())
    await writeFile(path.join(opa.directory, policies, `${i}.rego`), text, { mode: 0o600 });
  const asking = { policies, capabilities: CAPABILITIES };

  const modules = Object.fromEntries(files.map(({ name, text }) => [name, text]));
  const heads = await evaluate(opa, { ...asking, query: HEADS_QUERY, input: JSON.stringify({ modules }) });
  const asked = 'value' in heads ? askedRules(heads.value, namespace) : { rules: [], problems: told(heads, nameOf) };
  if (asked.problems.length > 0) {
    const named = asked.problems.slice(0, MOST_SHOWN);
    throw new CodedError('InvalidInput', `${what}: ${named.map(textOf).join('; ')}`, {
      details: { problems: named.map(({ file, message }) => ({ path: file || what, message })) },
    });
  }
  const { rules } = asked;
  const query = verdictQuery(rules, namespace);
  return async (plan, hide) => {
    const answer = await evaluate(opa, { ...asking, query, input: plan });
    try {
      if (!('value' in answer)) throw new Error(told(answer, nameOf).map(textOf).join('; '));
      return reportOf(given, rules, readVerdict(answer.value, rules, hide));
    } catch (error) {
      return {
        ...NOTHING_SAID,
        violations: [unjudged(given, hide(String(error instanceof Error ? error.message : error)))],
      };
    }
  };
}

const textOf = ({ file, message }: { file: string; message: string }): string =>
  file === '' ? message : `${file}: ${message}`;

/** What OPA said, with the names that people know. */
function told(answer: OpaAnswer, nameOf: ReadonlyMap<string, string>): { file: string; message: string }[] {
  if ('value' in answer) return [];
  return answer.problems.map(({ file, row, message }) => {
    const name = nameOf.get(file) ?? file;
    return { file: name === '' || row === null ? name : `${name}:${row}`, message };
  });
}

function reportOf(given: Given, rules: readonly AskedRule[], { said, more }: Verdict): PolicyReport {
  const refusals = said.filter(({ rule }) => rule.refuses);
  const warnings = said.filter(({ rule }) => !rule.refuses).map((one) => warningOf(given, one));
  if (more.warnings > 0)
    warnings.push({ message: `rego: and ${more.warnings} more warnings`, policy: sourceOf(given) });
  const violations = refusals.map((one) => violationOf(given, one));
  if (more.refusals > 0) violations.push({ ...unjudged(given, ''), message: `rego: and ${more.refusals} more` });
  return { results: violations.length > 0 ? [] : resultsOf(given, rules, warnings), violations, warnings };
}

/** What people are shown, and history keeps, is at most so many of anything. */
const MOST_SHOWN = 20;

function resultsOf(
  { from, namespace, files }: Given,
  rules: readonly AskedRule[],
  warnings: readonly PolicyWarning[],
): PolicyResult[] {
  const asked = rules.filter(({ refuses }) => refuses).map(({ name }) => name);
  const digest = sha256(JSON.stringify(files.map(({ name, digest: of }) => [name, of]))).slice(
    0,
    'sha256:'.length + 12,
  );
  const whose = from === 'worker' ? 'of the worker' : 'of the run';
  const more = warnings.length - MOST_SHOWN;
  return [
    {
      rule: 'rego',
      required: `nothing in ${asked.join(', ')} of package ${namespace}, policies ${whose} (${files.length} files, ${digest})`,
      observed: 'nothing',
    },
    ...warnings.slice(0, MOST_SHOWN).map(({ message }): PolicyResult => ({
      rule: 'rego',
      required: `a look at the warnings of the policies ${whose}`,
      observed: message,
    })),
    ...(more > 0 ? [{ rule: 'rego', required: 'as above', observed: `and ${more} more warnings` } as const] : []),
  ];
}

const sourceOf = ({ from, namespace, files }: Given, rule?: AskedRule): RegoSource => ({
  from,
  package: namespace,
  files: (rule?.files ?? files.map(({ name }) => name)).slice(0, MOST_SHOWN),
});

const placeOf = ({ from, namespace }: Given, { rule }: Said): string =>
  `${rule.name} of package ${namespace} in ${rule.files.slice(0, 3).join(', ')}${from === 'worker' ? ' of the worker' : ''}`;

const warningOf = (given: Given, said: Said): PolicyWarning => ({
  message: `rego: ${said.message} (${placeOf(given, said)})`,
  policy: sourceOf(given, said.rule),
});

const wayOutOf = ({ from }: Given): string =>
  from === 'worker'
    ? 'Change the configuration; the policy is one that the worker asks of every plan'
    : 'Change the configuration or the policy';

const violationOf = (given: Given, said: Said): PolicyViolation => ({
  rule: 'rego',
  address: said.address,
  message: `rego: ${said.message} (${placeOf(given, said)})`,
  wayOut: wayOutOf(given),
  policy: sourceOf(given, said.rule),
});

/** What could not be judged is refused: a policy that fails must not be one that passes. */
const unjudged = (given: Given, why: string): PolicyViolation => ({
  rule: 'rego',
  address: null,
  message: `rego: the policies ${given.from === 'worker' ? 'of the worker' : `of ${given.what}`} could not be judged: ${why}`,
  wayOut: 'Mend the policy',
  policy: sourceOf(given),
});
