/**
 * Bad data or a wrong name given by the person: one sentence that says what was found, where,
 * what was expected and what to do. Never a fault of the program.
 */
export class TableError extends Error {
  override readonly name = 'TableError';
}
