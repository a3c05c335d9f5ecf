/**
 * `sidelight completion`: a script for a shell, made of the commands as they are. It holds words only and asks nothing when it is
 * used, so that a press of a key starts no process.
 */
import type { Command } from 'commander';
import { ConfigError, quote } from '../config/error.ts';
import { didYouMean, nearest } from '../config/suggest.ts';
import { KEYS } from '../filter/keys.ts';

interface Completed {
  /** Of a command, or of a group and the command in it, with a blank between. Empty: sidelight itself. */
  readonly path: string;
  readonly description: string;
  readonly options: readonly {
    readonly flag: string;
    readonly description: string;
    readonly takesValue: boolean;
    readonly choices: readonly string[];
  }[];
  /** Commands, terms of a filter, or `last`. */
  readonly words: readonly string[];
}

const SHELLS: Readonly<Record<string, (commands: readonly Completed[]) => string>> = { bash, zsh, fish };
/** Arguments that commands take, by their names. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  session: ['last'],
  shell: Object.keys(SHELLS),
  filter: KEYS.flatMap(({ key, words }) => [`${key}:`, ...(words ?? []).map((word) => `${key}:${word}`)]),
};

/** Throws a ConfigError for a shell that it does not know. */
export function completion(shell: string, program: Command): string {
  const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (script !== undefined) return script(completedOf(program, ''));
  const near = didYouMean(nearest(shell, Object.keys(SHELLS)));
  throw new ConfigError(`completion: ${quote(shell)} is not one of bash, zsh, fish${near}`);
}

function completedOf(command: Command, path: string): readonly Completed[] {
  const below = command.commands.map((one) => ({ one, path: `${path} ${one.name()}`.trim() }));
  return [
    {
      path,
      description: command.description(),
      options: command.options
        .filter(({ hidden, long }) => !hidden && long !== undefined)
        .map(({ long, description, required, optional, argChoices }) => ({
          flag: long ?? '',
          description,
          takesValue: required || optional,
          choices: argChoices ?? [],
        })),
      words: [
        ...below.map(({ one }) => one.name()),
        ...command.registeredArguments.flatMap((argument) => ARGUMENTS[argument.name()] ?? []),
      ],
    },
    ...below.flatMap((next) => completedOf(next.one, next.path)),
  ];
}

/** As a pattern of `case`: what stands between the command and the word that is completed may be anything. */
function cases(commands: readonly Completed[], body: (command: Completed) => string): string {
  // The longest first: a group is also the start of its commands.
  const ordered = [...commands].sort((a, b) => b.path.length - a.path.length);
  return ordered.map((one) => `    ${quotedCase(one.path)}) ${body(one)} ;;`).join('\n');
}

function quotedCase(path: string): string {
  return path === '' ? '*' : `'${path} '*`;
}

function words({ options, words: operands }: Completed): string {
  return single([...operands, ...options.map(({ flag }) => flag), '--help'].join(' '));
}

/** `option) list` for each option that takes a value: its choices, which depend on the command, or a file. `line`: as for `cases`. */
function values(commands: readonly Completed[], line: string): string {
  const taking = new Map<string, Completed[]>();
  for (const command of commands)
    for (const { flag, takesValue } of command.options)
      if (takesValue) taking.set(flag, [...(taking.get(flag) ?? []), command]);
  const choicesOf = ({ options }: Completed, flag: string): string =>
    options.find((option) => option.flag === flag)?.choices.join(' ') ?? '';
  const free: string[] = [];
  const lines: string[] = [];
  for (const [flag, some] of taking) {
    const [choices = '', ...others] = new Set(some.map((command) => choicesOf(command, flag)));
    if (others.length > 0) {
      const own = cases(some, (command) => `list=${single(choicesOf(command, flag))}`);
      lines.push(`    ${flag}) case ${line} in\n${own}\n    esac ;;`);
    } else if (choices === '') free.push(flag);
    else lines.push(`    ${flag}) list=${single(choices)} ;;`);
  }
  return [...lines, `    ${free.join('|')}) return 0 ;;`].join('\n');
}

function bash(commands: readonly Completed[]): string {
  const line = '"${said[*]:1} "';
  return `# Completion of sidelight for bash.
_sidelight() {
  local line="\${COMP_LINE:0:COMP_POINT}" list='' previous='' current
  local -a said
  read -ra said <<< "$line"
  # The word that is written, which bash itself breaks at each colon.
  if [[ $line == *[[:space:]] ]]; then current=''; else current="\${said[-1]}"; unset 'said[-1]'; fi
  previous="\${said[-1]}"
  [[ " \${said[*]} " == *' -- '* ]] && return 0
  case "$previous" in
${values(commands, line)}
    *) case ${line} in
${cases(commands, (command) => `list=${words(command)}`)}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$list" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *: ]] && compopt -o nospace
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("\${COMPREPLY[@]#"\${current%"\${current##*:}"}"}")
  fi
  return 0
}
complete -o bashdefault -o default -F _sidelight sidelight`;
}

function zsh(commands: readonly Completed[]): string {
  const line = '"${words[2,CURRENT-1]} "';
  return `#compdef sidelight
# Completion of sidelight for zsh.
_sidelight() {
  local list='' previous="\${words[CURRENT-1]}"
  local -a found
  [[ " \${words[1,CURRENT-1]} " == *' -- '* ]] && { _files; return }
  case "$previous" in
${values(commands, line).replaceAll('return 0', '_files; return')}
    *) case ${line} in
${cases(commands, (command) => `list=${words(command)}`)}
    esac ;;
  esac
  found=(\${=list})
  compadd -S '' -- \${(M)found:#*:}
  compadd -- \${found:#*:} || _files
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _sidelight "$@"; else compdef _sidelight sidelight; fi`;
}

function fish(commands: readonly Completed[]): string {
  const described = new Map(commands.map(({ path, description }) => [path, description]));
  const lines = commands.flatMap(({ path, options, words: operands }) => {
    const seen = path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
    // What follows -- is the command of a server.
    const isOurs = 'not contains -- -- (commandline -opc)';
    const condition = single([isOurs, ...(path === '' ? ['__fish_use_subcommand'] : seen)].join('; and '));
    const start = `complete -c sidelight -n ${condition}`;
    const isGroup = path !== '' && operands.some((word) => described.has(`${path} ${word}`));
    return [
      // Only its commands can follow, and no file.
      ...(isGroup ? [`${start} -f`] : []),
      ...operands.map((word) => {
        const description = described.get(`${path} ${word}`.trim());
        const told = description === undefined ? '' : ` -d ${escaped(description)}`;
        return `${start} -f -a ${escaped(word)}${told}`;
      }),
      ...options.map(({ flag, description, takesValue, choices }) => {
        const value = choices.length > 0 ? ` -x -a ${escaped(choices.join(' '))}` : takesValue ? ' -r' : '';
        return `${start} -l ${flag.slice(2)}${value} -d ${escaped(description)}`;
      }),
    ];
  });
  return ['# Completion of sidelight for fish.', ...lines].join('\n');
}

/** Between single quotes, for bash and zsh. */
function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Between single quotes, for fish. */
function escaped(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replace(/\s+/g, ' ')}'`;
}
