import { runProgram, type Said } from './commands.ts';
import type { JobRequest, Profile } from './profile.ts';

/** What jobs can be given at once, as far as the cluster's nodes are up. */
export interface Capacity {
  readonly nodes: number;
  readonly cpus: number;
  readonly gpus: number;
  /** Sorts of GPU by Slurm's names: `a100`. */
  readonly cards: readonly string[];
}

/** Nodes that take no jobs, and (`*`) those that do not answer. */
const AWAY = /^(down|drain|drng|fail|maint|boot|unk|inval|futr)|\*/;
/** A place that is asked for where it is not looked for: then what there is cannot be said. */
const PLACED = /^(-p|-w|-x|-C|--partition|--nodelist|--exclude|--constraint|--nodefile)\b/;

/** What there is for jobs with and for jobs without GPUs; undefined where it cannot be said. */
export interface Capacities {
  readonly gpu: Capacity | undefined;
  readonly cpu: Capacity | undefined;
}

/**
 * What jobs can be given, asked of Slurm by one call of sinfo. It cannot be said where Slurm gives no answer, or the profile
 * asks in a way that only Slurm understands.
 */
export async function capacitiesFor(profile: Profile): Promise<Capacities> {
  const said = await runProgram('sinfo', ['--noheader', '--Node', '--format=%N|%P|%t|%c|%f|%G']).catch(
    (): Said => ({ status: undefined, stdout: '', stderr: '' }),
  );
  const capacity = (withGpus: boolean): Capacity | undefined => {
    const asked = withGpus ? profile.gpu : profile.cpu;
    const isPlain = /^[\w.:-]*$/.test(asked.constraint ?? '') && !asked.sbatch.some((option) => PLACED.test(option));
    return said.status === 0 && isPlain ? capacityIn(said.stdout, profile, asked, withGpus) : undefined;
  };
  return { gpu: capacity(true), cpu: capacity(false) };
}

function capacityIn(text: string, profile: Profile, asked: JobRequest, withGpus: boolean): Capacity {
  const partitions = asked.partition?.split(',');
  const sort = withGpus ? /([A-Za-z][\w.-]*):\{n\}$/.exec(profile.gpuRequest)?.[1] : undefined;
  const nodes = new Map<string, { cpus: number; gpus: number; cards: readonly string[] }>();
  for (const line of text.split('\n')) {
    const [name = '', partition = '', state = '', cpus = '', features = '', gres = ''] = line.trim().split('|');
    const isIn = partitions === undefined ? partition.endsWith('*') : partitions.includes(partition.replace('*', ''));
    const has = asked.constraint === undefined || features.split(',').includes(asked.constraint);
    if (name === '' || !isIn || !has || AWAY.test(state) || profile.exclude.includes(name)) continue;
    const found = gpusIn(gres, sort === 'gpu' ? undefined : sort);
    if (withGpus && found.count === 0) continue;
    nodes.set(name, { cpus: Number(cpus) || 0, gpus: found.count, cards: found.cards });
  }
  const all = [...nodes.values()];
  return {
    nodes: all.length,
    cpus: all.reduce((sum, node) => sum + node.cpus, 0),
    gpus: all.reduce((sum, node) => sum + node.gpus, 0),
    cards: [...new Set(all.flatMap(({ cards }) => cards))].sort(),
  };
}

/** `gpu:a100:4(S:0-1),gpu:2`; `sort`: of that sort alone. */
function gpusIn(gres: string, sort: string | undefined): { count: number; cards: readonly string[] } {
  const found = [...gres.matchAll(/(?:^|,)gpu(?::([A-Za-z][\w.-]*))?:(\d+)/g)]
    .map(([, card, count]) => ({ card, count: Number(count) }))
    .filter(({ card }) => sort === undefined || card === sort);
  return {
    count: found.reduce((sum, { count }) => sum + count, 0),
    cards: found.flatMap(({ card }) => (card === undefined ? [] : [card])),
  };
}
