const NAMES = [
  'PATH',
  'HOME',
  'LANG',
  'SystemRoot',
  // By it the worker finds what its program has started.
  'SONDE_WORKER',
  // The GPUs of its step alone.
  'CUDA_DEVICE_ORDER',
  'CUDA_VISIBLE_DEVICES',
];

/** What a program of the user's is given of this process's environment: no tokens, keys or passwords. */
export function programEnvironment(): Record<string, string> {
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
