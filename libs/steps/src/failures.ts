import { type Division, StepError, type StepImplementation } from '@sonde/executor';

/** Errors by which the libraries say that what they were given is at fault: shown to a person as they are. */
const FORESEEN = new Set([
  'TableError',
  'ModelError',
  'TensorFormatError',
  'ScorerError',
  'ProbingError',
  'StatisticsError',
]);

const foreseen = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && FORESEEN.has(error.name)) throw new StepError('step', error.message);
    throw error;
  }
};

/** Divides a step's work; what is bad in its input is the step's own error too. */
export const divisionBy = (inputs: readonly string[], divide: Division['divide']): Division => ({
  inputs,
  divide: (config) => foreseen(async () => divide(config)),
});

/** Loads an implementation whose libraries' errors about bad input become the step's own. */
export const implementation = async (module: Promise<StepImplementation>): Promise<StepImplementation> => {
  const { run, combine } = await module;
  return {
    run: (context) => foreseen(() => run(context)),
    ...(combine && { combine: (context) => foreseen(() => combine(context)) }),
  };
};
