import { artifacts, type ConfigOf, object } from '@sonde/pipeline';

export const config = object({ tables: artifacts('table', { description: 'Tables with the same columns.' }) });

export type Config = ConfigOf<typeof config>;
