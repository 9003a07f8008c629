import type { Artifacts } from '../artifacts/types.ts';
import type { BlobFolder } from '../blobs/folder.ts';
import type { Context } from '../context.ts';
import { collectGarbage } from './gc.ts';
import { readPins, removePin, setPin } from './pins.ts';
import { statusOf } from './status.ts';
import type { Care } from './types.ts';
import { verifyStore } from './verify.ts';

export function createCare(context: Context, blobs: BlobFolder, artifacts: Artifacts): Care {
  return {
    status: () => statusOf(context),
    verify: (options) => verifyStore(context, blobs, artifacts, options),
    gc: (options) => collectGarbage(context, blobs, options),
    pin: (name, targets) => setPin(context, name, targets),
    unpin: (name) => removePin(context, name),
    pins: () => readPins(context),
  };
}
