import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { hasCudaLibrary, PROVIDERS, type Provider, tryProvider } from '@sonde/engine';

/** What doctor found out about one part of the machine. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** Something that a machine need not have, and this one has not. */
  readonly absent?: boolean;
  readonly found: string;
  readonly advice?: string;
}

const NAME = 'ONNX Runtime';

/** ONNX Runtime, and one line for each provider that Sonde can use: whether it opened a session and computed. */
export async function onnxRuntime(): Promise<readonly Finding[]> {
  try {
    await import('onnxruntime-node');
  } catch (error) {
    const advice = 'Reinstall: its binary did not load on this platform.';
    return [{ name: NAME, ok: false, found: (error as Error).message, advice }];
  }
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  const problems = new Map<Provider, string | null>();
  for (const provider of PROVIDERS) problems.set(provider, await tryProvider(provider));
  const working = PROVIDERS.filter((provider) => problems.get(provider) === null);
  const first: Finding = {
    name: NAME,
    ok: working.includes('cpu'),
    found: `${version}; providers: ${working.join(', ')}`,
    ...(working.includes('cpu') ? {} : { advice: problems.get('cpu')! }),
  };
  const rest = PROVIDERS.filter((provider) => provider !== 'cpu').map((provider): Finding => {
    const problem = problems.get(provider) ?? null;
    const name = `  ${provider}`;
    if (problem === null) return { name, ok: true, found: 'works' };
    return { name, ok: true, absent: true, found: `not usable: ${problem}` };
  });
  return [first, ...rest];
}

/** The GPUs that nvidia-smi lists. That there is none is no fault. */
export async function gpus(): Promise<Finding> {
  const query = ['--query-gpu=index,name,memory.total,driver_version', '--format=csv,noheader'];
  const listed = await promisify(execFile)('nvidia-smi', query, { timeout: 10_000 }).catch(() => undefined);
  const lines =
    listed?.stdout
      .trim()
      .split('\n')
      .filter((line) => line !== '') ?? [];
  if (lines.length === 0) return { name: 'GPU', ok: true, absent: true, found: 'none that nvidia-smi lists' };
  const found = lines.map((line) => line.trim()).join('; ');
  return hasCudaLibrary()
    ? { name: 'GPU', ok: true, found }
    : { name: 'GPU', ok: true, found, advice: 'docs/how-to/use-a-gpu.md says how to install the CUDA provider.' };
}
