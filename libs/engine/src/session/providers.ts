import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { UserError } from '@sonde/base';
import type { ComputeDtype, Precision } from '@sonde/checkpoints';
import { type DecodingForm, fusedProduct, type GraphForm, plainProduct } from '@sonde/networks';
import { buildGraph, encodeModel, SHORT_SPIN } from '@sonde/onnx';
import type { InferenceSession } from 'onnxruntime-node';

/** Who executes a graph: one of ONNX Runtime's execution providers. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

export const PROVIDERS: readonly Provider[] = ['cpu', 'cuda', 'webgpu'];

function isProvider(name: string): name is Provider {
  return PROVIDERS.some((provider) => provider === name);
}

/** Where and how a graph runs. */
export interface Placement {
  readonly provider: Provider;
  readonly threads: number;
  readonly decoding: DecodingForm;
}

/**
 * The form that suits a provider. On the CPU both take the same time, but steps take less memory, pack away what has
 * ended and tell of progress; between a device's own memory and the host's they would carry the cache to and fro.
 */
function formOf(provider: Provider): DecodingForm {
  return provider === 'cpu' ? 'steps' : 'loop';
}

/**
 * Where a model is to run.
 * @param form of decoding; the one that suits the device if not given
 * @throws UserError if there is no such device, or the threads are not a number of them
 */
export function placementOf(
  { device, threads }: { readonly device: string; readonly threads: number },
  form?: DecodingForm,
): Placement {
  if (!isProvider(device)) {
    throw new UserError('model', `There is no device "${device}"; expected one of ${PROVIDERS.join(', ')}.`);
  }
  if (!Number.isInteger(threads) || threads < 1) {
    throw new UserError('model', `threads is ${threads}; expected an integer of 1 or more.`);
  }
  return { provider: device, threads, decoding: form ?? formOf(device) };
}

/** The types of 16 bits that a provider computes in. The CPU's kernels would go by float32 and round in between. */
const COMPUTES: Readonly<Record<Provider, readonly ComputeDtype[]>> = {
  cpu: [],
  cuda: ['float16', 'bfloat16'],
  webgpu: ['float16'],
};

/** @throws UserError if the provider does not compute so, saying what it does */
export function refusePrecision(provider: Provider, { compute, layerwiseCasting }: Precision): void {
  if (layerwiseCasting && provider !== 'cpu') {
    throw new UserError(
      'model',
      `layerwise_casting is for the CPU; the device is ${provider}.`,
      'On a GPU `compute: float16` or `bfloat16` halves the memory of linear layers.',
    );
  }
  if (compute === null || COMPUTES[provider].includes(compute)) return;
  const others = PROVIDERS.filter((name) => COMPUTES[name].includes(compute));
  const able = ['float32', ...COMPUTES[provider]].join(' and ');
  throw new UserError(
    'model',
    `compute is ${compute}, but the device ${provider} computes in ${able} alone.`,
    `Leave \`compute\` out, or run it with --device ${others.join(' or ')}.`,
  );
}

/** The graph for a placement. */
export function graphFormOf({ provider, decoding }: Placement): GraphForm {
  return { decoding, product: provider === 'webgpu' ? plainProduct : fusedProduct };
}

/** What every session of ours is opened with. What the provider does not execute, ONNX Runtime leaves to the CPU. */
export function sessionOptions(provider: Provider, threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // Shapes change from run to run; a memory plan would be kept for each.
    enableMemPattern: false,
    extra: SHORT_SPIN,
  };
}

/** Where onnxruntime-node's install script puts the CUDA provider; it has one for Linux on x64 alone. */
function cudaLibrary(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null;
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  return join(root, 'bin', 'napi-v6', 'linux', 'x64', 'libonnxruntime_providers_cuda.so');
}

/** Whether the CUDA provider is installed; whether it works is for `tryProvider` to say. */
export function hasCudaLibrary(): boolean {
  const library = cudaLibrary();
  return library !== null && existsSync(library);
}

/** What is missing, in a sentence, from what ONNX Runtime said. */
function explain(provider: Provider, said: string): string {
  const guide = 'docs/how-to/use-a-gpu.md says how to install it.';
  const lacking = /\b(lib[\w.+-]+): cannot open shared object file/.exec(said)?.[1];
  if (provider === 'cuda') {
    if (cudaLibrary() === null) {
      return `onnxruntime-node has a CUDA provider for Linux on x64 alone; this is ${process.platform} on ${process.arch}.`;
    }
    if (!hasCudaLibrary()) {
      return `ONNX Runtime's CUDA provider (libonnxruntime_providers_cuda.so) is not installed. ${guide}`;
    }
    if (lacking !== undefined) {
      return `ONNX Runtime's CUDA provider is installed, but it needs ${lacking}, which is not found. ${guide}`;
    }
  }
  if (provider === 'webgpu' && /adapter/i.test(said)) {
    return `WebGPU found no graphics driver that it can use (Vulkan, Metal or Direct3D 12). ${guide}`;
  }
  const line = said.split('\n').find((text) => text.trim() !== '') ?? 'it said nothing';
  return `ONNX Runtime cannot use ${provider}: ${line.trim()}`;
}

/**
 * Opens a session of a graph, given by its path.
 * @throws UserError if the provider cannot be used, saying what is missing
 */
export async function openSession(path: string, provider: Provider, threads: number): Promise<InferenceSession> {
  const refusal = (said: string): UserError =>
    new UserError('model', `Device ${provider} cannot be used. ${explain(provider, said)}`);
  if (provider === 'cuda' && !hasCudaLibrary()) throw refusal('');
  // ONNX Runtime lets CUDA round products to TF32 (10 bits), and its Node binding has no option against that.
  if (provider === 'cuda') process.env.NVIDIA_TF32_OVERRIDE = '0';
  const { InferenceSession: Session } = await import('onnxruntime-node');
  try {
    return await Session.create(path, sessionOptions(provider, threads));
  } catch (error) {
    throw provider === 'cpu' ? error : refusal((error as Error).message);
  }
}

const TRIAL = `
const [entry, provider, bytes] = process.argv.slice(1);
const { InferenceSession, Tensor } = require(entry);
InferenceSession.create(Buffer.from(bytes, 'base64'), { executionProviders: [provider] })
  .then((session) => session.run({ x: new Tensor('float32', [1], [1]) }))
  .then(({ y }) => process.exit(y.data[0] === 2 ? 0 : 1))
  .catch((error) => { console.error(error.message); process.exit(1); });
`;
const TRIAL_SECONDS = 60;

function trialGraph(): string {
  const graph = buildGraph('trial');
  const x = graph.input('x', 'float32', ['n']);
  graph.output('y', graph.node('Add', [x, graph.scalar(1)]), 'float32', ['n']);
  const model = { irVersion: 10, producerName: 'sonde', opsets: { '': 23 }, graph: graph.finish() };
  return Buffer.from(encodeModel(model)).toString('base64');
}

/**
 * Whether a provider really opens a session and computes with it. It is tried in a process of its own, which takes a
 * crash, the driver's messages and the device's memory with it when it ends.
 * @param env added to the environment, to choose a device
 * @returns null, or what is missing in a sentence
 */
export async function tryProvider(
  provider: Provider,
  env: Readonly<Record<string, string>> = {},
): Promise<string | null> {
  if (provider === 'cuda' && !hasCudaLibrary()) return explain('cuda', '');
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--eval', TRIAL, entry, provider, trialGraph()],
      { env: { ...process.env, ...env }, timeout: TRIAL_SECONDS * 1000, killSignal: 'SIGKILL' },
      (error, _stdout, stderr) => resolve(error === null ? null : explain(provider, stderr)),
    );
  });
}
