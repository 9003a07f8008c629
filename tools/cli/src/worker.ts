// The file that every worker process runs: all step kinds, and those of the modules the user added.
import { serveWorker } from '@sonde/executor';
import { stepKinds } from './api.ts';

const modules: readonly string[] = JSON.parse(process.env.SONDE_MODULES ?? '[]');
serveWorker(await stepKinds(modules));
