// The file that every worker process runs: all step kinds, and those of the modules the user added.
import { serveWorker } from '@sonde/executor';
import { stepKinds } from './api.ts';
import { version } from './package.ts';

// A report says what wrote it.
process.env.SONDE_VERSION = version();

const modules: readonly string[] = JSON.parse(process.env.SONDE_MODULES ?? '[]');
serveWorker(await stepKinds(modules));
