export { attributeLabel } from './format.ts';
export type * from './model.ts';
export { areRelated } from './related-units.ts';
export { type FigureFiles, type Rendered, renderAll, renderReport } from './render.ts';
export { SCENARIO_LABELS } from './scenarios.ts';
export { type Wording, wordingOf } from './wording.ts';
