export type * from './model.ts';
export { renderReport } from './render.ts';
