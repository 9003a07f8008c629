import { text } from '@sonde/pipeline';

/** What every `table/…` kind gives. */
export const tableOutput = { table: { type: 'table', description: 'The resulting table.' } } as const;

export const columnName = text({ minLength: 1 });
