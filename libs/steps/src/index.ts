export { FOLDER_READERS } from './folder-readers.ts';
export { STEP_KINDS } from './kinds.ts';
export { keepQuantized } from './shared/model/kept-weights.ts';
export { textScoreWith } from './text-score/kind.ts';
