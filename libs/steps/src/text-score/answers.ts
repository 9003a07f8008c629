import type { JsonObject, JsonValue } from '@sonde/base';
import type { Memory } from '@sonde/executor';
import { type ScoreOutcome, type Scorer, scoreBatches } from '@sonde/scoring';
import { openStore } from '@sonde/store';

/** Scores each distinct text of a round, given by their digests. */
export interface Answers {
  of(
    texts: ReadonlyMap<string, string>,
    onKnown: (known: number) => void,
  ): Promise<{ get(digest: string): ScoreOutcome | undefined }>;
  close(): Promise<void>;
}

export interface AnswersOptions {
  readonly memory: Memory | undefined;
  /** What the scores depend on beside the scorer's identity. */
  readonly runtime: JsonObject;
  readonly signal: AbortSignal;
  readonly log: (level: 'info' | 'warning', message: string) => void;
}

/** What makes two scorers one, whatever each is called. */
function makerOf({ identity, attributes }: Scorer, runtime: JsonObject): JsonObject {
  const { name, ...told } = identity;
  const is = typeof told.digest === 'string' || name === undefined ? told : { ...told, name };
  return { made: 'scores', scorer: is as JsonObject, attributes: [...attributes], runtime };
}

/** The digests of texts in the order in which they are scored: the same, however the table's rows lie. */
function inOrder({ byLength }: Scorer, texts: ReadonlyMap<string, string>): string[] {
  const digests = [...texts.keys()].sort();
  return byLength ? digests.sort((a, b) => texts.get(a)!.length - texts.get(b)!.length) : digests;
}

/**
 * Answers of a scorer. In a store each text is scored once, whichever steps, models and runs have it, and what was scored
 * is kept batch by batch.
 */
export async function openAnswers(scorer: Scorer, { memory, runtime, signal, log }: AnswersOptions): Promise<Answers> {
  async function* make(
    digests: readonly string[],
    texts: ReadonlyMap<string, string>,
  ): AsyncGenerator<(readonly [string, JsonValue])[]> {
    let at = 0;
    const ordered = digests.map((digest) => texts.get(digest)!);
    for await (const outcomes of scoreBatches(scorer, ordered, { signal })) {
      yield outcomes.map((outcome) => [digests[at++]!, outcome as unknown as JsonValue] as const);
    }
  }
  if (memory === undefined || scorer.lookup) {
    return {
      async of(texts, onKnown) {
        const known = new Map<string, ScoreOutcome>();
        for await (const batch of make(inOrder(scorer, texts), texts)) {
          for (const [digest, outcome] of batch) known.set(digest, outcome as unknown as ScoreOutcome);
          onKnown(known.size);
        }
        return known;
      },
      async close() {},
    };
  }
  const store = await openStore(memory.store);
  const memo = store.memos.of(makerOf(scorer, runtime));
  if (scorer.onlyKept) {
    return {
      async of(texts, onKnown) {
        const kept = await memo.kept([...texts.keys()], signal);
        const others = [...texts].filter(([digest]) => kept.get(digest) === undefined);
        const said = await scorer.score(others.map(([, text]) => text));
        const notKept = new Map(others.map(([digest], i) => [digest, said[i]!]));
        onKnown(texts.size);
        return { get: (digest) => notKept.get(digest) ?? (kept.get(digest) as unknown as ScoreOutcome | undefined) };
      },
      close: () => store.close(),
    };
  }
  return {
    async of(texts, onKnown) {
      const values = await memo.workOut(inOrder(scorer, texts), (missing) => make(missing, texts), {
        holder: 'text/score',
        refresh: memory.refresh,
        signal,
        onKnown,
        onWait: (count) => log('info', `Another step is scoring ${count} of these texts: it is waited for.`),
      });
      return { get: (digest) => values.get(digest) as unknown as ScoreOutcome | undefined };
    },
    close: () => store.close(),
  };
}
