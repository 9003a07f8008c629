import { defineConfig, type UserConfig } from 'tsdown';

const common: UserConfig = {
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  fixedExtension: false,
  outDir: 'dist',
  deps: { alwaysBundle: [/^@sonde\//] },
  sourcemap: false,
  report: false,
  checks: { pluginTimings: false },
};

export default defineConfig([
  // The libraries are inlined, what npm installs stays outside. Code that only a worker needs (ONNX Runtime, tokenizers,
  // vega) is split off by dynamic imports, so that the command line starts fast.
  {
    ...common,
    clean: ['dist/*.js'],
    entry: { cli: 'tools/cli/src/main.ts', worker: 'tools/cli/src/worker.ts', index: 'tools/cli/src/index.ts' },
    dts: false,
  },
  // The types of the programming interface, in one file. They are found through `paths` in tsconfig.json: a library's
  // sources reached through node_modules count as foreign, and no declarations are made of those.
  {
    ...common,
    clean: ['dist/*.d.ts'],
    entry: { index: 'tools/cli/src/index.ts' },
    dts: { emitDtsOnly: true, compilerOptions: { noCheck: true } },
  },
]);
