import type { ReportModel } from './model.ts';

/** A report model that cannot be shown as it is: says where and what. */
export class ReportError extends Error {
  override readonly name = 'ReportError';
}

/** @throws ReportError naming the place of a number that is NaN or infinite: what is not known must be null. */
export function requireFinite(report: ReportModel): void {
  visit(report, '');
}

function visit(value: unknown, path: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new ReportError(`The report's ${path} is ${value}; a number that is not known must be null, with a reason.`);
  }
  if (Array.isArray(value))
    value.forEach((item, i) => {
      visit(item, `${path}[${i}]`);
    });
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) visit(item, path === '' ? key : `${path}.${key}`);
  }
}
