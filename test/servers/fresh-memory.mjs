// The reference server for memory, each time with an empty store of its own, which goes with it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'sidelight-memory-'));
process.env.MEMORY_FILE_PATH = join(folder, 'memory.jsonl');
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('SIGTERM', () => process.exit(0));
process.stdin.on('end', () => process.exit(0));
await import('@modelcontextprotocol/server-memory/dist/index.js');
