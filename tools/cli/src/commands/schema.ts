import { pipelineSchema } from '@sonde/pipeline';
import { stepKinds } from '../api.ts';
import { checkConsent, type ModuleOptions } from '../pipeline.ts';
import { openTerminal, printJson } from '../terminal.ts';

/** `sonde schema`. */
export async function schema(options: ModuleOptions): Promise<void> {
  checkConsent(options);
  printJson(openTerminal(options), pipelineSchema(await stepKinds(options.module)));
}
