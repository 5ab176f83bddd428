/** What one package may import. Names of our own libraries stand without the scope. */
export interface PackageRule {
  /** Our own libraries that it may import. */
  readonly libraries: readonly string[];
  /** Other packages that it may import. Absent: any that its package.json declares. */
  readonly packages?: readonly string[];
  /** Whether it may import Node's own modules. Default true. */
  readonly node?: boolean;
}

/** The rules of the house, as data. */
export interface LayerRules {
  /** Scope of our own packages. */
  readonly scope: string;
  /** Every library has a line here: a library without one is refused, so that its place is decided on purpose. */
  readonly libraries: Readonly<Record<string, PackageRule>>;
  /** Every app; `*` stands for those without a line of their own. */
  readonly apps: Readonly<Record<string, PackageRule>>;
  /** Files below `src/workflows` of an app, and everything that they load: this code runs in Temporal's sandbox. */
  readonly workflows: PackageRule;
}

const SANDBOX = ['@temporalio/workflow', '@temporalio/common', 'zod'] as const;

export const LAYER_RULES: LayerRules = {
  scope: '@switchyard',
  libraries: {
    contracts: { libraries: [], packages: ['zod'], node: false },
    'yaml-file': { libraries: ['contracts'], packages: ['yaml'], node: false },
    runbook: { libraries: ['contracts', 'yaml-file'], packages: ['zod', '@marcbachmann/cel-js'], node: false },
    'workflow-kit': {
      libraries: ['contracts', 'runbook'],
      packages: [...SANDBOX, '@noble/hashes'],
      node: false,
    },
    'schema-change': { libraries: ['contracts', 'yaml-file'], packages: ['zod', 'libpg-query'], node: false },
    flags: { libraries: [], packages: ['zod', '@noble/hashes'], node: false },
    process: { libraries: ['contracts'] },
    'git-source': { libraries: ['contracts', 'process'] },
    'shared-db': { libraries: ['contracts'] },
    pgoutput: { libraries: ['contracts', 'shared-db'] },
    'change-database': { libraries: ['contracts', 'schema-change', 'shared-db'] },
    store: { libraries: ['contracts', 'flags'] },
    'run-probe': { libraries: [], packages: ['@temporalio/client'] },
    'worker-kit': { libraries: ['contracts', 'process', 'shared-db', 'store'] },
    'local-stack': { libraries: ['contracts', 'process'] },
    testkit: { libraries: ['contracts', 'local-stack'] },
  },
  apps: {
    // Workers: never the local stack, which starts them, and never the test kit.
    '*': {
      libraries: [
        'change-database',
        'contracts',
        'flags',
        'git-source',
        'pgoutput',
        'process',
        'run-probe',
        'runbook',
        'schema-change',
        'shared-db',
        'store',
        'worker-kit',
        'workflow-kit',
        'yaml-file',
      ],
    },
    cli: {
      libraries: [
        'contracts',
        'flags',
        'local-stack',
        'process',
        'run-probe',
        'runbook',
        'schema-change',
        'shared-db',
        'store',
      ],
    },
  },
  workflows: { libraries: ['contracts', 'workflow-kit', 'runbook', 'schema-change'], packages: SANDBOX, node: false },
};
