import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

function program(name: string): string | undefined {
  return ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin']
    .map((folder) => path.join(folder, name))
    .find(existsSync);
}

function has(...names: readonly string[]): boolean {
  return names.every((name) => program(name) !== undefined);
}

const CLIENTS = ['sbatch', 'squeue', 'sacct', 'scancel', 'scontrol'];

/** For how many milliseconds something is waited for that should come about: only what hangs ends so. */
export const PATIENCE = 300_000;

export interface SlurmSettings {
  /** `n1`, `n2` …; each has two CPUs, 8000 MB and two GPUs that are none. */
  readonly nodes?: number;
  /** The most jobs of an array. */
  readonly array?: number;
  /** The most jobs that the controller holds. */
  readonly jobs?: number;
  /** For how many seconds the queue shows a job that has ended. */
  readonly remembers?: number;
  readonly accounting?: boolean;
  /** Default: `PATIENCE`. */
  readonly patience?: number;
}

export interface Slurm {
  readonly folder: string;
  /** What finds it: PATH and SLURM_CONF. Its clients count their calls. */
  readonly env: Readonly<Record<'PATH' | 'SLURM_CONF', string>>;
  /** Runs one of Slurm's programs, uncounted. */
  ask(name: string, ...args: string[]): Promise<string>;
  /** The moments (in ms) at which a client was called. */
  calls(name: string): Promise<readonly number[]>;
  /** Until squeue's lines (`-h -r -o format`) are as wanted. */
  untilQueue(format: string, wanted: (lines: readonly string[]) => boolean): Promise<readonly string[]>;
  stopController(): Promise<void>;
  startController(): Promise<void>;
  /** The node's daemon and all that runs under it, at once. */
  killNode(name: string): Promise<void>;
  startNode(name: string): Promise<void>;
  stopAccounting(): Promise<void>;
  startAccounting(): Promise<void>;
  /** Processes of jobs. */
  jobProcesses(): readonly number[];
  /** Ends all that it has started. */
  stop(): Promise<void>;
}

/** A Slurm of its own on this machine: munged, slurmctld and several slurmd, all that they write under one folder. */
export async function startSlurm(settings: SlurmSettings = {}): Promise<Slurm> {
  const { nodes = 2, array = 50, jobs = 10_000, remembers = 300, accounting = false, patience = PATIENCE } = settings;
  const folder = await mkdtemp(path.join(tmpdir(), 'sonde-slurm-'));
  await chmod(folder, 0o711);
  for (const name of ['state', 'spool', 'log', 'bin', 'db', 'calls']) await mkdir(path.join(folder, name));
  const names = Array.from({ length: nodes }, (_, at) => `n${at + 1}`);
  const ports = await freePorts(3 + nodes);
  const [controllerPort, accountingPort, databasePort] = ports;
  const socket = path.join(folder, 'munge.socket');
  const conf = path.join(folder, 'slurm.conf');
  const user = userInfo().username;
  const host = hostname().split('.')[0]!;

  await writeFile(path.join(folder, 'munge.key'), crypto.getRandomValues(new Uint8Array(1024)), { mode: 0o400 });
  await writeFile(
    conf,
    `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=${user}
SlurmdUser=${user}
AuthType=auth/munge
AuthInfo=socket=${socket}
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool/%n
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/%n.pid
SlurmctldLogFile=${folder}/log/slurmctld
SlurmdLogFile=${folder}/log/%n
SlurmctldPort=${controllerPort}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
GresTypes=gpu
ReturnToService=2
SlurmdTimeout=10
KillWait=2
MessageTimeout=5
MinJobAge=${remembers}
MaxArraySize=${array}
MaxJobCount=${jobs}
${accounting ? `AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\nAccountingStoragePort=${accountingPort}\nAccountingStoragePass=${socket}\nAccountingStorageEnforce=associations,limits,qos` : ''}
${names.map((name, at) => `NodeName=${name} NodeAddr=127.0.0.1 NodeHostname=${host} Port=${ports[3 + at]} CPUs=2 RealMemory=8000 Gres=gpu:2`).join('\n')}
PartitionName=main Nodes=${names.join(',')} Default=YES DefMemPerCPU=500 MaxTime=60 State=UP
PartitionName=soon Nodes=${names.join(',')} DefMemPerCPU=500 MaxTime=1 State=UP
`,
  );
  // A GPU of Slurm is a device file; which one does not matter to it.
  await writeFile(
    path.join(folder, 'gres.conf'),
    names.map((name, at) => `NodeName=${name} Name=gpu File=/dev/tty[${2 * at + 1}-${2 * at + 2}]\n`).join(''),
  );
  await writeFile(
    path.join(folder, 'slurmdbd.conf'),
    `AuthType=auth/munge
AuthInfo=socket=${socket}
DbdHost=${host}
DbdAddr=127.0.0.1
DbdPort=${accountingPort}
SlurmUser=${user}
LogFile=${folder}/log/slurmdbd
PidFile=${folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=${databasePort}
StorageUser=${user}
StorageLoc=sonde
`,
    { mode: 0o600 },
  );
  for (const name of CLIENTS) {
    await writeFile(
      path.join(folder, 'bin', name),
      `#!/bin/sh\ndate +%s%3N >> '${folder}/calls/${name}'\nexec '${program(name)}' "$@"\n`,
      { mode: 0o755 },
    );
  }

  const env = { ...process.env, SLURM_CONF: conf };
  const running = new Map<string, { readonly child: ChildProcess; readonly ended: Promise<unknown> }>();

  function start(name: string, command: string, args: readonly string[]): void {
    const log = openSync(path.join(folder, 'log', `${name}.out`), 'a');
    const child = spawn(program(command)!, args, { env, stdio: ['ignore', log, log] });
    running.set(name, { child, ended: new Promise((resolve) => child.once('exit', resolve)) });
  }

  async function end(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const one = running.get(name);
    if (one === undefined) return;
    running.delete(name);
    one.child.kill(signal);
    const forced = setTimeout(() => one.child.kill('SIGKILL'), 20_000);
    await one.ended;
    clearTimeout(forced);
  }

  async function ask(name: string, ...args: string[]): Promise<string> {
    return (await execute(program(name)!, args, { env })).stdout;
  }

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const last = Date.now() + patience;
    while (!(await holds().catch(() => false))) {
      if (Date.now() > last) throw new Error(`${what} did not come about:\n${lastLines(path.join(folder, 'log'))}`);
      await wait(100);
    }
  }

  /** Every process that was started with this configuration, by what the system knows of its environment. */
  function processes(match: (command: string, environment: string) => boolean): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((name) => {
        try {
          const environment = readFileSync(`/proc/${name}/environ`, 'utf8');
          if (!environment.includes(`SLURM_CONF=${conf}\0`)) return false;
          return match(readFileSync(`/proc/${name}/cmdline`, 'utf8'), environment);
        } catch {
          return false;
        }
      })
      .map(Number);
  }

  function kill(pids: readonly number[]): void {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  async function startController(): Promise<void> {
    start('slurmctld', 'slurmctld', ['-D']);
    await until('an answer of slurmctld', async () => (await ask('scontrol', 'ping')).includes('is UP'));
  }

  async function startNode(name: string): Promise<void> {
    start(name, 'slurmd', ['-D', '-N', name]);
    await until(`the node ${name}`, async () =>
      /^(idle|mixed|allocated|completing)$/.test(
        (await ask('sinfo', '-h', '-n', name, '-p', 'main', '-o', '%T')).trim(),
      ),
    );
  }

  async function startAccounting(): Promise<void> {
    start('slurmdbd', 'slurmdbd', ['-D']);
    await until('an answer of slurmdbd', async () => (await ask('sacctmgr', '-n', 'show', 'cluster')) !== undefined);
  }

  const slurm: Slurm = {
    folder,
    env: { PATH: `${folder}/bin:${process.env.PATH}`, SLURM_CONF: conf },
    ask,
    async calls(name) {
      const text = await readFile(path.join(folder, 'calls', name), 'utf8').catch(() => '');
      return text.split('\n').filter(Boolean).map(Number);
    },
    async untilQueue(format, wanted) {
      let lines: string[] = [];
      await until(`the queue as wanted (${format})`, async () => {
        lines = (await ask('squeue', '-h', '-r', '-t', 'all', '-o', format)).split('\n').filter(Boolean);
        return wanted(lines);
      });
      return lines;
    },
    stopController: () => end('slurmctld'),
    startController,
    async killNode(name) {
      await end(name, 'SIGKILL');
      // A daemon's helpers live on without it. Where a node fails they do not: the helper of a job is its parent.
      const own = processes((_, environment) => environment.includes(`\0SLURMD_NODENAME=${name}\0`));
      kill([...own.map(parentOf).filter((pid) => pid > 1 && pid !== process.pid), ...own]);
    },
    startNode,
    stopAccounting: () => end('slurmdbd'),
    startAccounting,
    jobProcesses: () => processes((_, environment) => environment.includes('\0SLURM_JOB_ID=')),
    async stop() {
      for (const name of names) await end(name);
      for (const name of ['slurmctld', 'slurmdbd', 'mariadbd', 'munged']) await end(name);
      kill(processes(() => true));
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };

  async function bringUp(): Promise<void> {
    start('munged', 'munged', [
      '--foreground',
      '--force',
      `--key-file=${folder}/munge.key`,
      `--socket=${socket}`,
      `--pid-file=${folder}/munged.pid`,
      `--log-file=${folder}/log/munged`,
      `--seed-file=${folder}/munged.seed`,
    ]);
    await until('the socket of munged', async () => existsSync(socket));
    if (accounting) {
      const data = path.join(folder, 'db', 'data');
      await execute(program('mariadb-install-db')!, [
        '--no-defaults',
        `--user=${user}`,
        `--datadir=${data}`,
        '--skip-test-db',
      ]);
      start('mariadbd', 'mariadbd', [
        '--no-defaults',
        `--user=${user}`,
        `--datadir=${data}`,
        `--socket=${folder}/db/socket`,
        `--pid-file=${folder}/db/pid`,
        `--port=${databasePort}`,
        '--bind-address=127.0.0.1',
        '--skip-grant-tables',
        '--innodb-buffer-pool-size=16M',
        '--innodb-flush-log-at-trx-commit=0',
      ]);
      await until('the socket of mariadbd', async () => existsSync(`${folder}/db/socket`));
      await startAccounting();
      await ask('sacctmgr', '-i', 'add', 'cluster', 'test');
      await ask('sacctmgr', '-i', 'add', 'account', 'lab', 'cluster=test');
      await ask('sacctmgr', '-i', 'add', 'user', user, 'account=lab', 'cluster=test');
    }
    await startController();
    for (const name of names) await startNode(name);
  }

  try {
    await bringUp();
  } catch (error) {
    await slurm.stop();
    throw error;
  }
  return slurm;
}

/** The end of each log in a folder. */
function lastLines(folder: string): string {
  return readdirSync(folder)
    .map((name) => `${name}:\n${readFileSync(path.join(folder, name), 'utf8').split('\n').slice(-6).join('\n')}`)
    .join('\n');
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0;
  }
}

async function freePorts(many: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: many }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether it starts: a system can have the programs and not let them run, a container without their capabilities, say. */
async function starts(settings: SlurmSettings): Promise<boolean> {
  try {
    await (await startSlurm({ ...settings, nodes: 1, patience: 60_000 })).stop();
    return true;
  } catch (error) {
    console.warn(`Slurm is installed and does not start here: its tests are skipped\n${(error as Error).message}`);
    return false;
  }
}

/** Debian's packages slurmctld, slurmd, slurm-client and munge, and they run. */
export const hasSlurm = has('slurmctld', 'slurmd', 'sbatch', 'squeue', 'munged') && (await starts({}));
/** And slurmdbd with mariadb-server, for an accounting. */
export const hasAccounting = hasSlurm && has('slurmdbd', 'mariadbd', 'mariadb-install-db');
