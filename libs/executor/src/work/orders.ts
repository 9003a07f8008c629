import type { Key, OrderName, Store } from '@sonde/store';

/** A look at the folders is good for so long, in milliseconds. */
const FRESH = 2000;
/** Of orders that are as good as one another a worker takes any of so many: not all workers reach for the same one. */
const CHOICE = 8;

export interface OrderList {
  /** The next order for whoever has this loaded; none where all that is left is held by others, or nothing is. */
  next(loaded: string): Promise<OrderName | undefined>;
  /** One that others hold: perhaps they are dead. */
  heldByOthers(): readonly OrderName[];
  /** Whoever took it was first, or it is not for this worker. */
  setAside(name: OrderName, forGood: boolean): void;
  /** Taken here, or done. */
  drop(key: Key): void;
}

/** The orders of some shapes that are ready, looked up now and then. */
export function createOrderList(store: Store, shapes: () => Promise<readonly string[]>): OrderList {
  let ready: OrderName[] = [];
  let held: OrderName[] = [];
  let looked = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  const strange = new Set<string>();
  const ours = new Set<Key>();

  async function look(): Promise<void> {
    const names: OrderName[] = [];
    for (const shape of await shapes()) names.push(...(await store.spool.list(shape)));
    const taken = await store.leases.held();
    const possible = names.filter(({ key, shape }) => !ours.has(key) && !strange.has(`${shape} ${key}`));
    held = possible.filter(({ key }) => taken.has(key));
    ready = possible.filter(({ key }) => !taken.has(key)).sort((one, other) => other.rank - one.rank);
    looked = performance.now();
  }

  function choose(loaded: string): OrderName | undefined {
    const fitting = loaded === '' ? undefined : ready.find(({ affinity }) => affinity === loaded);
    if (fitting !== undefined) return fitting;
    const [first] = ready;
    if (first === undefined) return undefined;
    const equals = ready.filter(({ rank }) => Math.floor(rank) === Math.floor(first.rank));
    // What nobody has loaded: so that one model is not loaded twice while others wait.
    const busy = new Set(held.map(({ affinity }) => affinity));
    const others = equals.filter(({ affinity }) => affinity !== '' && !busy.has(affinity));
    const from = (others.length > 0 ? others : equals).slice(0, CHOICE);
    return from[Math.floor(Math.random() * from.length)];
  }

  return {
    async next(loaded) {
      if (ready.length === 0 || performance.now() - looked > FRESH) {
        looking ??= look().finally(() => {
          looking = undefined;
        });
        await looking;
      }
      const chosen = choose(loaded);
      if (chosen !== undefined) {
        ours.add(chosen.key);
        ready = ready.filter(({ key }) => key !== chosen.key);
      }
      return chosen;
    },
    heldByOthers: () => held,
    setAside(name, forGood) {
      ours.delete(name.key);
      if (forGood) strange.add(`${name.shape} ${name.key}`);
      else held.push(name);
    },
    drop: (key) => void ours.delete(key),
  };
}
