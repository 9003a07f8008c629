import { UserError } from '@sonde/base';
import type { ReportModel } from './model.ts';

/** @throws UserError naming the place of a number that is NaN or infinite: what is not known must be null. */
export function requireFinite(report: ReportModel): void {
  visit(report, '');
}

function visit(value: unknown, path: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new UserError(
      'argument',
      `The report's ${path} is ${value}; a number that is not known must be null, with a reason.`,
    );
  }
  if (Array.isArray(value))
    value.forEach((item, i) => {
      visit(item, `${path}[${i}]`);
    });
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) visit(item, path === '' ? key : `${path}.${key}`);
  }
}
