import { pipelineSchema } from '@sonde/pipeline';
import { stepKinds } from '../api.ts';
import type { CommonOptions } from '../pipeline.ts';
import { openTerminal, printJson } from '../terminal.ts';

/** `sonde schema`. */
export const schema = async (options: CommonOptions): Promise<void> =>
  printJson(openTerminal(options), pipelineSchema(await stepKinds()));
