export { ReportError } from './check.ts';
export type * from './model.ts';
export { renderReport } from './render.ts';
