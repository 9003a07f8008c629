import { covers, type Features, joinFeatures } from '@sonde/networks';

/** What is built for features and does no more than those. */
interface Featured {
  readonly features: Features;
  release(): Promise<void>;
}

/** An engine that is built anew, for more, when it lacks a feature that is asked for. */
export interface GrowingEngine<Built> {
  engine(features: Features): Promise<Built>;
  release(): Promise<void>;
}

/** @param first one that is there already */
export function growEngine<Built extends Featured>(
  { check, build }: { check(features: Features): void; build(features: Features): Promise<Built> },
  first: Built | null = null,
): GrowingEngine<Built> {
  let engine = first;
  const release = async (): Promise<void> => {
    await engine?.release();
    engine = null;
  };
  return {
    release,
    async engine(features) {
      check(features);
      if (engine && covers(engine.features, features)) return engine;
      const wanted = engine ? joinFeatures(engine.features, features) : features;
      await release();
      engine = await build(wanted);
      return engine;
    },
  };
}
