/** One instruction of a Dockerfile. */
export interface Instruction {
  readonly line: number;
  /** In capitals: `FROM`, `COPY`. */
  readonly word: string;
  readonly text: string;
}

/** One `FROM` with what follows it. */
export interface Stage {
  readonly name: string;
  /** As written: `${NODE_IMAGE}`, `runtime`, `tools-${APP}`. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/** A Dockerfile, taken apart. */
export interface Dockerfile {
  /** Build arguments before the first stage; null for one without a default. */
  readonly args: ReadonlyMap<string, string | null>;
  readonly stages: readonly Stage[];
}

/** Takes a Dockerfile apart: comments dropped, continued lines joined. */
export function parseDockerfile(text: string): Dockerfile {
  const args = new Map<string, string | null>();
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsOf(text)) {
    const stage = stages.at(-1);
    if (instruction.word === 'FROM') {
      const match = /^(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?$/i.exec(instruction.text);
      if (match?.[1] === undefined)
        throw new Error(`line ${instruction.line}: FROM ${instruction.text} is not understood`);
      stages.push({ name: match[2] ?? String(stages.length), from: match[1], instructions: [] });
    } else if (stage === undefined) {
      const [name = '', value] = instruction.text.split('=', 2);
      args.set(name, value ?? null);
    } else stage.instructions.push(instruction);
  }
  return { args, stages };
}

function instructionsOf(text: string): Instruction[] {
  const found: Instruction[] = [];
  let open: { line: number; parts: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trimStart().startsWith('#') || (open === undefined && line.trim() === '')) continue;
    open ??= { line: index + 1, parts: [] };
    open.parts.push(line.replace(/\\$/, '').trim());
    if (line.endsWith('\\')) continue;
    const [word = '', ...rest] = open.parts.join(' ').split(' ');
    found.push({ line: open.line, word: word.toUpperCase(), text: rest.join(' ') });
    open = undefined;
  }
  return found;
}

/** One COPY: where from, and the sources in it. */
export interface Copy {
  readonly line: number;
  /** Stage or image; absent for the build context. */
  readonly from?: string;
  readonly sources: readonly string[];
}

/** The COPY instructions of a stage. */
export function copiesOf(stage: Stage): Copy[] {
  return stage.instructions
    .filter(({ word }) => word === 'COPY')
    .map(({ line, text }) => {
      const words = text.split(/\s+/);
      const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
      const sources = words.filter((word) => !word.startsWith('--')).slice(0, -1);
      return from === undefined ? { line, sources } : { line, from, sources };
    });
}

/** The last instruction of that word in a stage or those that it stands on. */
export function lastOf(file: Dockerfile, stage: Stage, word: string): Instruction | undefined {
  const own = stage.instructions.findLast((instruction) => instruction.word === word);
  const parent = file.stages.find(({ name }) => name === stage.from);
  return own ?? (parent && lastOf(file, parent, word));
}

/** Everything that is wrong with the structure of a Dockerfile. */
export function dockerfileProblems(file: Dockerfile, apps: readonly string[]): string[] {
  const problems: string[] = [];
  const known = new Set<string>();
  for (const stage of file.stages) {
    const resolved = resolveFrom(file, stage.from, apps);
    const unknown = resolved.filter((from) => !known.has(from) && !/[:@]/.test(from));
    problems.push(...unknown.map((from) => `${stage.name} stands on ${from}, which is no earlier stage`));
    const images = resolved.filter((from) => /[:@]/.test(from));
    problems.push(...images.filter((image) => image.endsWith(':latest')).map((image) => `${stage.name} uses ${image}`));
    for (const { line, from } of copiesOf(stage)) {
      if (from !== undefined && !known.has(from))
        problems.push(`line ${line}: COPY from ${from}, which is no earlier stage`);
    }
    for (const { line, word, text } of stage.instructions) {
      if (word === 'ADD') problems.push(`line ${line}: use COPY, or a download with a checksum`);
      if ((word === 'ENV' || word === 'ARG') && /(?:PASSWORD|SECRET_KEY|TOKEN|API_KEY|ARTIFACT_KEY)\w*=/.test(text)) {
        problems.push(`line ${line}: ${word} puts a secret into the image`);
      }
      if (word === 'RUN' && /curl|wget/.test(text) && /https?:/.test(text) && !text.includes('sha256sum -c')) {
        problems.push(`line ${line}: a download without a checksum`);
      }
    }
    known.add(stage.name);
  }
  const last = file.stages.at(-1);
  const user = last && lastOf(file, last, 'USER')?.text;
  if (user === undefined || !/^[1-9]\d*(?::[1-9]\d*)?$/.test(user))
    problems.push(`the image runs as ${user ?? 'root'}`);
  const tools = file.stages.map(({ name }) => name).filter((name) => name.startsWith('tools-'));
  const extra = tools.filter((name) => !apps.includes(name.slice('tools-'.length)));
  problems.push(...extra.map((name) => `${name} is for an app that does not exist`));
  return problems;
}

/** The stages or images that a FROM may mean: `tools-${APP}` is one per app. */
function resolveFrom({ args }: Dockerfile, from: string, apps: readonly string[]): string[] {
  if (from.includes('${APP}')) return apps.map((app) => from.replace('${APP}', app));
  return [from.replaceAll(/\$\{(\w+)\}/g, (_match, name: string) => args.get(name) ?? '')];
}
