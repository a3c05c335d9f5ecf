/**
 * The Dockerfile as stages of instructions, for its tests and for the build without an engine. It reads the part of the
 * syntax that ours uses, and throws at what it does not know.
 */

export interface Instruction {
  readonly keyword: string;
  readonly flags: ReadonlyMap<string, string>;
  /** Those of the JSON form, or what white space separates. */
  readonly words: readonly string[];
  /** After the flags, as written, in one line. */
  readonly text: string;
}

export interface Stage {
  readonly name: string;
  /** With the defaults of the global ARGs. */
  readonly image: string;
  readonly instructions: readonly Instruction[];
}

const KNOWN: ReadonlySet<string> = new Set(
  'FROM ARG ENV LABEL WORKDIR COPY RUN USER VOLUME EXPOSE HEALTHCHECK ENTRYPOINT CMD'.split(' '),
);

export function parseDockerfile(text: string): readonly Stage[] {
  const args = new Map<string, string>();
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const instruction of instructionsOf(text)) {
    const { keyword, words, text: body } = instruction;
    const stage = stages.at(-1);
    if (keyword === 'FROM') {
      const [image = '', as, name] = words;
      if (as !== 'AS' || name === undefined) throw new Error(`a stage without a name: FROM ${body}`);
      stages.push({ name, image: filled(image, args), instructions: [] });
    } else if (stage !== undefined) stage.instructions.push(instruction);
    else if (keyword === 'ARG') for (const [key, value] of pairs(body)) args.set(key, value);
    else throw new Error(`${keyword} before FROM`);
  }
  return stages;
}

/** `$NAME` and `${NAME}`, as the builder fills them in. */
export function filled(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$\{(\w+)\}|\$(\w+)/g, (_all, braced?: string, bare?: string) => {
    return values.get(braced ?? bare ?? '') ?? '';
  });
}

/** `KEY=value KEY="a value"`. */
export function pairs(text: string): (readonly [string, string])[] {
  return [...text.matchAll(/([\w.-]+)=(?:"([^"]*)"|(\S*))/g)].map(
    ([, key = '', quoted, bare = '']) => [key, quoted ?? bare] as const,
  );
}

/** What is said of a stage by one keyword, later ones over earlier ones. */
export function settings(stage: Stage, keyword: 'ENV' | 'LABEL' | 'ARG'): ReadonlyMap<string, string> {
  return new Map(
    stage.instructions.filter((one) => one.keyword === keyword).flatMap(({ text }) => pairs(text)),
  );
}

/** The last instruction of a kind, which is the one that counts. */
export function last(stage: Stage, keyword: string): Instruction | undefined {
  return stage.instructions.findLast((one) => one.keyword === keyword);
}

function instructionsOf(text: string): Instruction[] {
  return text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, keyword = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
      if (!KNOWN.has(keyword)) throw new Error(`not read here: ${line}`);
      const [options = ''] = /^(?:--[\w-]+=\S+\s+)*/.exec(rest) ?? [];
      const body = rest.slice(options.length);
      const words = body.startsWith('[') ? (JSON.parse(body) as string[]) : body.split(/\s+/);
      return { keyword, flags: new Map(pairs(options.replaceAll('--', ''))), words, text: body };
    });
}
