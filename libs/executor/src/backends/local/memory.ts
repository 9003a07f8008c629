import { readFileSync } from 'node:fs';

/**
 * How many processes the kernel has killed for want of memory, in this process's control group, else on the whole
 * machine, as far as can be read (Linux: `memory.events` of cgroup v2, `memory.oom_control` of v1, `/proc/vmstat`). A
 * count that grows while a worker dies of SIGKILL says why it died.
 */
export function memoryKills(): number | undefined {
  const counts = groupFiles()
    .map(killsIn)
    .filter((count) => count !== undefined);
  return counts.length === 0 ? killsIn('/proc/vmstat') : counts.reduce((sum, count) => sum + count, 0);
}

function groupFiles(): string[] {
  const groups = read('/proc/self/cgroup')?.split('\n') ?? [];
  return groups.flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    if (controllers === '') return [`/sys/fs/cgroup${path}/memory.events`];
    return controllers.split(',').includes('memory') ? [`/sys/fs/cgroup/memory${path}/memory.oom_control`] : [];
  });
}

function killsIn(file: string): number | undefined {
  const count = /^oom_kill (\d+)$/m.exec(read(file) ?? '')?.[1];
  return count === undefined ? undefined : Number(count);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
