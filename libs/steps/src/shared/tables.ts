/** What every `table/…` kind gives. */
export const tableOutput = { table: { type: 'table', description: 'The resulting table.' } } as const;

export const columnName = { type: 'string', minLength: 1 } as const;
