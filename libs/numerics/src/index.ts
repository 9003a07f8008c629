export { requireInteger, requireLevel } from './arguments.ts';
