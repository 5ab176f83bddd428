export { DEFAULT_ENDING, endMarked, type EndingPlan, type EndingStage, type Leftover } from './ending.js';
export { baseEnvironment } from './environment.js';
export { findExecutable, type FindExecutableOptions } from './find-executable.js';
export { createMasker, MASK, SHORTEST_SECRET, type Masker } from './masker.js';
export { findMarked, MARKER_NAME, type ProcessInfo } from './process-table.js';
export type { EventChannel, OutputStream, ProgramEnd, ProgramOptions, RunResult } from './program-options.js';
export { startReaper, type Reaper, type ReaperOptions } from './reaper.js';
export { resolveInside } from './resolve-inside.js';
export { runProgram } from './run-program.js';
