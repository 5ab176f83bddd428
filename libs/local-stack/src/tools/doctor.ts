import { ansibleTool } from './ansible.js';
import { toolContext } from './context.js';
import { findTool, requireTools, type FindOptions } from './find-tool.js';
import { kubernetesTool } from './kubernetes.js';
import { javaTool } from './java.js';
import { liquibaseTool } from './liquibase.js';
import { opaTool } from './opa.js';
import { postgresClientTool, postgresTool } from './postgres.js';
import { temporalTool } from './temporal.js';
import { terraformTool } from './terraform.js';
import { testServerTool } from './test-server.js';
import { tofuTool } from './tofu.js';
import {
  OPTIONAL_TOOLS,
  TOOLS,
  type FoundTool,
  type ToolContext,
  type ToolDefinition,
  type ToolName,
  type ToolReport,
} from './tool.js';

/** Options of {@link doctor}, {@link obtainTools} and {@link presentTools}. */
export interface ToolsOptions extends Partial<ToolContext> {
  /** Which ones. Default: all of TOOLS; for `doctor` those of OPTIONAL_TOOLS, too. */
  readonly only?: readonly ToolName[];
}

const DEFINITIONS: Readonly<Record<ToolName, (context: ToolContext) => ToolDefinition | Promise<ToolDefinition>>> = {
  temporal: temporalTool,
  postgres: postgresTool,
  'postgres-client': postgresClientTool,
  ansible: ansibleTool,
  terraform: terraformTool,
  java: javaTool,
  liquibase: liquibaseTool,
  opa: opaTool,
  tofu: tofuTool,
  'temporal-test-server': testServerTool,
  kubernetes: kubernetesTool,
};

/** The sources of one tool on this machine. */
export async function toolDefinition(tool: ToolName, context: ToolContext): Promise<ToolDefinition> {
  return DEFINITIONS[tool](context);
}

/** Looks for every tool without fetching anything: where it is, how it would be obtained, what is missing and the fix. */
export function doctor(options: ToolsOptions = {}): Promise<readonly ToolReport[]> {
  return reports({ only: [...TOOLS, ...OPTIONAL_TOOLS], ...options }, { fetch: false });
}

/** The tools that are there already. Those that are not are left out. */
export async function presentTools(options: ToolsOptions = {}): Promise<readonly FoundTool[]> {
  return (await reports(options, { fetch: false })).flatMap(({ found }) => found ?? []);
}

/** Finds every tool, fetching those that are not there. Throws ToolMissing that names each missing one with its fix. */
export async function obtainTools(options: ToolsOptions = {}): Promise<readonly FoundTool[]> {
  const found = await reports(options, { fetch: true });
  return requireTools(found);
}

async function reports(options: ToolsOptions, find: FindOptions): Promise<ToolReport[]> {
  const context = toolContext(options);
  return Promise.all((options.only ?? TOOLS).map(async (tool) => findTool(await toolDefinition(tool, context), find)));
}
