/**
 * The bare Node pipe relay that everything is compared with: two pipes and the exit code, nothing else. Its stdout is
 * a socket of its own because `process.stdout` blocks the process on a slow reader.
 */
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';

const [command, ...args] = process.argv.slice(2);
const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
process.stdin.pipe(server.stdin);
server.stdout.pipe(new Socket({ fd: 1, readable: false, writable: true }));
server.on('exit', (code) => {
  process.exitCode = code ?? 1;
  process.stdin.destroy();
});
