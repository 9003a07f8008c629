import type { CorrelationRow, CorrelationSection } from './model.ts';

type Units = Pick<CorrelationSection, 'families' | 'models'>;

/** Whether units are known to be related: p-values that take them as independent then say too much. */
export function areRelated({ families, models }: Units): boolean {
  return families != null && families < models;
}

/** The p that says whether a correlation stands: of related units that in which families change places as blocks. */
export function decisiveP({ p, familyWise }: CorrelationRow, section: Units): number | null {
  return areRelated(section) ? (familyWise ?? null) : p;
}

/** The same of the partial correlation. */
export function decisivePartialP({ partialP, partialFamilyWise }: CorrelationRow, section: Units): number | null {
  return (areRelated(section) ? partialFamilyWise : partialP) ?? null;
}

export function pName(section: Units): string {
  return areRelated(section) ? 'family-wise p with families as blocks' : 'adjusted p';
}
