/** The programs that the local stack and the workers need. */
export const TOOLS = ['temporal', 'postgres', 'postgres-client', 'ansible', 'terraform', 'java', 'liquibase'] as const;

/** What some inputs need, and nothing else: a stack starts without. */
export const OPTIONAL_TOOLS = ['opa', 'tofu'] as const;

/** What only Switchyard's own tests need beside the others. */
export const TEST_TOOLS = ['temporal-test-server', 'kubernetes'] as const;

/** One of {@link TOOLS}, {@link OPTIONAL_TOOLS} or {@link TEST_TOOLS}. */
export type ToolName = (typeof TOOLS | typeof OPTIONAL_TOOLS | typeof TEST_TOOLS)[number];

/** A program that was found. */
export interface FoundTool {
  readonly tool: ToolName;
  /** The executable, or the directory that holds several of them (see the table in the README). */
  readonly path: string;
  readonly version: string;
  /** Name of the source that it came from. */
  readonly source: string;
}

/** What one source said. */
export interface Attempt {
  readonly source: string;
  /** `absent`: it has none. `unfit`: it has one that cannot be used. `failed`: it should have worked. `skipped`: would fetch, and was not asked to. */
  readonly outcome: 'found' | 'absent' | 'unfit' | 'failed' | 'skipped';
  readonly detail: string;
}

/** What a source answers: a program, or why there is none. */
export type SourceAnswer =
  | { readonly path: string; readonly version: string }
  | { readonly outcome: 'absent' | 'unfit' | 'failed'; readonly detail: string };

/** One place that a tool can come from. */
export interface ToolSource {
  /** Shown to people: `SWITCHYARD_JAVA_BIN`, `PATH`, `cache`, `official download`, `go install`. */
  readonly name: string;
  /** What it does or where it looks, for people. */
  readonly what: string;
  /** Whether it fetches something from the network. */
  readonly fetches: boolean;
  readonly find: () => Promise<SourceAnswer>;
}

/** A tool with its sources in the order of trying. */
export interface ToolDefinition {
  readonly tool: ToolName;
  /** For people: `Temporal server and CLI`. */
  readonly title: string;
  readonly sources: readonly ToolSource[];
  /** What a person does when no source has it. */
  readonly fix: string;
  /** What does not work without it, where all else does. Absent for a tool that must be there. */
  readonly neededFor?: string;
}

/** What finding a tool gave. */
export interface ToolReport {
  readonly tool: ToolName;
  readonly title: string;
  readonly found: FoundTool | null;
  readonly attempts: readonly Attempt[];
  /** How it would be obtained, when it is not there yet. Null when it is there or nothing can fetch it. */
  readonly wouldObtain: string | null;
  /** What a person does when it is missing. Null when it is there. */
  readonly fix: string | null;
  /** What does not work without it, where all else does. Null for a tool that must be there. */
  readonly neededFor: string | null;
}

/** What tool sources get from outside. */
export interface ToolContext {
  readonly env: NodeJS.ProcessEnv;
  /** The folder of all fetched tools: `$XDG_CACHE_HOME/switchyard` or `~/.cache/switchyard`. */
  readonly cacheDir: string;
  readonly platform: NodeJS.Platform;
  /** As Node names it: `x64`, `arm64`. */
  readonly arch: string;
  /** One line about something that takes more than two seconds. */
  readonly progress: (line: string) => void;
}
