import { readFile } from 'node:fs/promises';
import { CodedError, TASK_QUEUES, WORKFLOW_TYPES, nearestName, type WorkflowType } from '@switchyard/contracts';
import { Option, type Command } from 'commander';
import { action, type Context } from '../context.js';
import { checkInput } from '../input/check-input.js';
import { jsonOption, keyValues, textAmong } from '../input/key-values.js';
import { pathArgument } from '../input/path-argument.js';
import { placeOf, withSource, type SourceOptions } from '../input/place-options.js';
import { loadRunbook } from '../input/load-runbook.js';
import { CANCEL_ON_INTERRUPT, startAndReport } from '../runs/start-run.js';
import { withSession } from '../session.js';
import { usageError } from '../usage-error.js';

const collect = (value: string, all: string[]): string[] => [...all, value];

interface RunOptions {
  readonly wait?: boolean;
  readonly cancelOnInterrupt?: boolean;
  readonly id?: string;
  readonly input?: string;
}

/** Options that every `run` command has. */
function runCommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--wait', 'follow the run to its end; the exit code tells how it ended')
    .option('--cancel-on-interrupt', CANCEL_ON_INTERRUPT)
    .option('--id <id>', 'id of the run; a repeated command with the same id joins it')
    .option('--input <json>', 'more fields of the input as JSON; options win');
}

async function start(
  context: Context,
  type: WorkflowType,
  kind: string,
  given: Record<string, unknown>,
  options: RunOptions,
): Promise<number> {
  const extra = options.input === undefined ? {} : jsonOption(options.input, '--input');
  const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const input = { ...(extra as object), ...fields };
  checkInput(type, input);
  return withSession(context.root, (session) =>
    startAndReport(
      session,
      context.terminal,
      { type, taskQueue: WORKFLOW_TYPES[type].taskQueue, input, runId: options.id, kind, startedBy: context.identity },
      options,
    ),
  );
}

const some = <T>(list: readonly T[]): readonly T[] | undefined => (list.length > 0 ? list : undefined);

function integer(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number)) throw usageError(`"${value}" is not a whole number`);
  return number;
}

interface AnsibleOptions extends RunOptions, SourceOptions {
  inventory?: string;
  project?: string;
  limit: string[];
  tags: string[];
  skipTags: string[];
  startAtTask?: string;
  lock: string[];
  lockTimeout?: string;
  extraVar: string[];
  check?: boolean;
  diff?: boolean;
  become?: boolean;
  forks?: number;
  batchSize?: number;
  timeout?: string;
  attempts?: number;
  retryOf?: string;
}

interface TerraformOptions extends RunOptions, SourceOptions {
  action?: string;
  workspace?: string;
  var: string[];
  engine?: string;
  approvals?: number;
}

interface MigrationOptions extends RunOptions {
  database?: string;
  changelog?: string;
  sql?: string;
  backup?: boolean;
  approvals?: number;
  onFailure?: string;
}

interface KubernetesOptions extends RunOptions {
  namespace?: string;
  context?: string;
  set?: string;
  prune?: boolean;
  force?: boolean;
  dryRun?: boolean;
  delete?: boolean;
  ready: boolean;
  timeout?: string;
}

/** Registers `run ansible|terraform|kubernetes|migration|runbook|workflow`. */
export function registerRunCommands(program: Command): void {
  const run = program.command('run').description('start a run');

  withSource(runCommand(run, 'ansible', 'run a playbook'))
    .argument('[playbook]')
    .option('-i, --inventory <path>', 'inventory file, directory or script')
    .option('--project <path>', 'directory with ansible.cfg, roles and playbooks')
    .option('-l, --limit <pattern>', 'host pattern (repeatable)', collect, [])
    .option('-t, --tags <tag>', 'only these tags (repeatable)', collect, [])
    .option('--skip-tags <tag>', 'not these tags (repeatable)', collect, [])
    .option('--start-at-task <name>', 'skip what stands before this task')
    .option('-e, --extra-var <name=value>', 'extra variable (repeatable)', collect, [])
    .option('--lock <name>', 'hold this lock meanwhile, such as hosts/web (repeatable)', collect, [])
    .option('--lock-timeout <duration>', 'how long to wait for the locks, default 15m')
    .option('--check', 'check mode: change nothing')
    .option('--diff', 'show differences')
    .option('-b, --become', 'become root on the hosts')
    .option('--forks <n>', 'parallel hosts per process', integer)
    .option('--batch-size <n>', 'hosts per process', integer)
    .option('--timeout <duration>', 'for one process, default 15m')
    .option('--attempts <n>', 'attempts over failed hosts, default 3', integer)
    .option('--retry-of <run>', 'take up the failed hosts of a run')
    .action(
      action((context, playbook: string | undefined, o: AnsibleOptions) =>
        start(
          context,
          'AnsibleWorkflow',
          'ansible',
          {
            playbook:
              playbook === undefined
                ? undefined
                : o.project === undefined && o.git === undefined
                  ? pathArgument(playbook, context.cwd)
                  : playbook,
            inventory:
              o.inventory === undefined || o.git !== undefined ? o.inventory : pathArgument(o.inventory, context.cwd),
            project: placeOf(o.project, o, context.cwd),
            limit: some(o.limit),
            tags: some(o.tags),
            skipTags: some(o.skipTags),
            startAtTask: o.startAtTask,
            locks: some(o.lock),
            lockTimeout: o.lockTimeout,
            extraVars: o.extraVar.length > 0 ? keyValues(o.extraVar, '--extra-var') : undefined,
            check: o.check,
            diff: o.diff,
            become: o.become,
            forks: o.forks,
            batchSize: o.batchSize,
            timeout: o.timeout,
            retry: o.attempts === undefined ? undefined : { attempts: o.attempts },
            retryOf: o.retryOf,
          },
          o,
        ),
      ),
    );

  withSource(runCommand(run, 'terraform', 'plan, approve and apply a stack'))
    .argument('<stack>', 'directory of the root module')
    .option('--action <action>', 'plan, apply or destroy; default apply')
    .option('--workspace <name>')
    .option('--var <name=value>', 'input variable (repeatable)', collect, [])
    .option('--engine <engine>', 'terraform or tofu')
    .option('--approvals <n>', 'people who must approve the plan', integer)
    .action(
      action((context, stack: string, o: TerraformOptions) =>
        start(
          context,
          'TerraformWorkflow',
          'terraform',
          {
            stack: placeOf(stack, o, context.cwd),
            action: o.action,
            workspace: o.workspace,
            vars: o.var.length > 0 ? keyValues(o.var, '--var') : undefined,
            engine: o.engine,
            approval: o.approvals === undefined ? undefined : { required: o.approvals },
          },
          o,
        ),
      ),
    );

  runCommand(run, 'kubernetes', 'apply or delete objects of a cluster')
    .argument('<manifests>', 'file, or directory of YAML and JSON files')
    .option('-n, --namespace <name>', 'for objects that name none')
    .option('--context <name>', "context of the worker's kubeconfig")
    .option('--set <name>', 'the set that these objects are')
    .option('--prune', 'delete what was of the set and is no longer in it')
    .option('--force', 'take over fields that somebody else has set')
    .option('--dry-run', 'let the API server judge everything, change nothing')
    .option('--delete', 'delete the objects, last applied first')
    .option('--no-ready', 'end when the objects are applied, not when they are ready')
    .option('--timeout <duration>', 'for becoming ready, default 10m')
    .action(
      action((context, manifests: string, o: KubernetesOptions) =>
        start(
          context,
          'KubernetesApplyWorkflow',
          'kubernetes',
          {
            manifests: { path: pathArgument(manifests, context.cwd) },
            action: o.delete ? 'delete' : undefined,
            namespace: o.namespace,
            context: o.context,
            set: o.set,
            prune: o.prune,
            force: o.force,
            dryRun: o.dryRun,
            wait: o.ready ? undefined : false,
            timeout: o.timeout,
          },
          o,
        ),
      ),
    );

  runCommand(run, 'migration', 'migrate a database')
    .option('-d, --database <name>', 'connection of SWITCHYARD_DATABASES')
    .option('--changelog <file>', 'Liquibase changelog')
    .option('--sql <directory>', 'directory of plain SQL files')
    .option('--backup', 'back up first')
    .option('--approvals <n>', 'people who must approve the statements', integer)
    .addOption(
      new Option('--on-failure <what>', 'what a failed migration means').choices(['rollback', 'restore', 'hold']),
    )
    .action(
      action((context, o: MigrationOptions) =>
        start(
          context,
          'DatabaseMigrationWorkflow',
          'migration',
          {
            database: o.database,
            changelogFile: o.changelog === undefined ? undefined : pathArgument(o.changelog, context.cwd),
            migrationsDir: o.sql === undefined ? undefined : pathArgument(o.sql, context.cwd),
            backupRequired: o.backup,
            approval: o.approvals === undefined ? undefined : { required: o.approvals },
            onFailure: o.onFailure,
          },
          o,
        ),
      ),
    );

  runCommand(run, 'runbook', 'run a runbook file')
    .argument('<file>')
    .option('--set <name=value>', 'input of the runbook (repeatable)', collect, [])
    .action(
      action(async (context, file: string, o: RunOptions & { set: string[] }) => {
        const runbook = await loadRunbook(file, context.cwd);
        const inputs = o.set.length > 0 ? keyValues(o.set, '--set', textAmong(runbook.inputs)) : undefined;
        return start(context, 'RunbookWorkflow', 'runbook', { runbook, inputs }, o);
      }),
    );

  runCommand(run, 'workflow', 'start any workflow type on any task queue')
    .argument('<type>')
    .option('-q, --task-queue <queue>', 'default: the queue of a known type')
    .option('--input-file <file>', 'the input as a JSON file')
    .action(
      action(async (context, type: string, o: RunOptions & { taskQueue?: string; inputFile?: string }) => {
        const known = Object.hasOwn(WORKFLOW_TYPES, type) ? (type as WorkflowType) : undefined;
        const taskQueue = o.taskQueue ?? (known && WORKFLOW_TYPES[known].taskQueue);
        if (taskQueue === undefined) {
          const near = nearestName(type, Object.keys(WORKFLOW_TYPES));
          throw usageError(
            `"${type}" is no workflow type of Switchyard${near ? ` (did you mean "${near}"?)` : ''}; name its queue with --task-queue`,
          );
        }
        const text =
          o.inputFile === undefined
            ? (o.input ?? 'null')
            : await readFile(pathArgument(o.inputFile, context.cwd), 'utf8');
        const input = jsonOption(text, o.inputFile ?? '--input');
        if (known) checkInput(known, input);
        return withSession(context.root, async (session) => {
          if (!known) await refuseUnknownQueue(session.client, taskQueue);
          return startAndReport(
            session,
            context.terminal,
            { type, taskQueue, input, runId: o.id, kind: 'workflow', startedBy: context.identity },
            o,
          );
        });
      }),
    );
}

/** A run on a queue that nobody polls would wait for ever: refused, with the queues that are served here. */
async function refuseUnknownQueue(
  client: Parameters<Parameters<typeof withSession>[1]>[0]['client'],
  taskQueue: string,
): Promise<void> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    // The enum lives in a package of its own that nothing else here needs: 1 is TASK_QUEUE_TYPE_WORKFLOW.
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment
    taskQueueType: 1,
  });
  if (pollers && pollers.length > 0) return;
  const queues = Object.values(TASK_QUEUES);
  const near = nearestName(taskQueue, queues);
  throw new CodedError(
    'NotFound',
    `no worker polls task queue "${taskQueue}"${near ? `; did you mean "${near}"?` : ''}; Switchyard's own queues: ${queues.join(', ')}`,
  );
}
