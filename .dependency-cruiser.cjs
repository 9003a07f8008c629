// Which library may import which. The order of the libraries is the direction; what is not in this table is forbidden.
const ALLOWED = {
  base: [],
  numerics: ['base'],
  tables: ['base'],
  tensors: ['base'],
  onnx: ['base'],
  formats: ['base', 'tables', 'tensors'],
  pipeline: ['base'],
  store: ['base'],
  remote: ['base', 'store'],
  hub: ['base'],
  slurm: ['base', 'pipeline'],
  embedded: ['base'],
  data: ['base', 'pipeline', 'store', 'hub', 'embedded'],
  executor: ['base', 'pipeline', 'store', 'data'],
  checkpoints: ['base', 'onnx', 'tensors'],
  tokenizers: ['base', 'checkpoints'],
  networks: ['base', 'onnx', 'tensors', 'checkpoints'],
  engine: ['base', 'numerics', 'onnx', 'tensors', 'checkpoints', 'tokenizers', 'networks'],
  scoring: ['base', 'tensors', 'checkpoints', 'engine', 'pipeline'],
  probing: ['base', 'numerics', 'onnx'],
  statistics: ['base', 'numerics'],
  report: ['base', 'tables', 'formats'],
  steps: [
    'base',
    'executor',
    'pipeline',
    'store',
    'data',
    'tables',
    'tensors',
    'onnx',
    'formats',
    'checkpoints',
    'tokenizers',
    'engine',
    'scoring',
    'probing',
    'statistics',
    'report',
    'embedded',
    'hub',
  ],
  results: ['base', 'pipeline', 'store', 'executor', 'data'],
  bundles: ['base', 'pipeline', 'store', 'executor'],
};

/** The npm packages of the mathematics: a library named here imports no other. */
const ALLOWED_PACKAGES = { base: [], numerics: [], probing: ['onnxruntime-node'], statistics: [] };

const TOOLS = {
  cli: [
    'base',
    'bundles',
    'results',
    'data',
    'formats',
    'engine',
    'executor',
    'pipeline',
    'remote',
    'store',
    'scoring',
    'slurm',
    'steps',
    'tables',
    'tensors',
    'hub',
  ],
};

const anyOf = (names) => `(${names.join('|')})`;

const edges = (folder, name, allowed) => ({
  name: `${name}-imports`,
  comment: `${folder} may import of the libraries: ${allowed.join(', ') || 'none'}.`,
  severity: 'error',
  from: { path: `^${folder}/` },
  to: {
    path: '^(libs|tools|tests)/',
    pathNot: [`^${folder}/`, ...(allowed.length ? [`^libs/${anyOf(allowed)}/`] : [])],
  },
});

const packages = (name, allowed) => ({
  name: `${name}-packages`,
  comment: `libs/${name} may import of npm: ${allowed.join(', ') || 'nothing'}.`,
  severity: 'error',
  from: { path: `^libs/${name}/src/` },
  to: {
    dependencyTypes: ['npm', 'npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-optional', 'npm-peer'],
    ...(allowed.length ? { pathNot: `(^|/)node_modules/${anyOf(allowed)}/` } : {}),
  },
});

module.exports = {
  forbidden: [
    ...Object.entries(ALLOWED).map(([name, allowed]) => edges(`libs/${name}`, name, allowed)),
    ...Object.entries(TOOLS).map(([name, allowed]) => edges(`tools/${name}`, name, allowed)),
    ...Object.entries(ALLOWED_PACKAGES).map(([name, allowed]) => packages(name, allowed)),
    {
      name: 'known-library',
      comment: 'A new library is entered in the table of this file, with what it may import.',
      severity: 'error',
      from: { path: '^libs/', pathNot: `^libs/${anyOf(Object.keys(ALLOWED))}/` },
      to: {},
    },
    {
      name: 'no-tools-in-libraries',
      comment: 'Tools and tests stand on the libraries; nothing stands on them.',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(tools|tests)/' },
    },
    {
      name: 'no-internals',
      comment:
        'Another library is imported as @sonde/<name>, which is its src/index.ts; its other files are its own. What the columns of tables mean is also to be had as @sonde/formats/columns, the kinds of scorer as @sonde/scoring/kinds, the names of precisions as @sonde/checkpoints/precisions, and the day of chat templates as @sonde/tokenizers/usual-date, alone, for what must be light.',
      severity: 'error',
      from: { path: '^(libs/[^/]+|tools/[^/]+|tests)/' },
      to: {
        path: '^libs/[^/]+/',
        pathNot: [
          '^$1/',
          '^libs/[^/]+/src/index\\.ts$',
          '^libs/checkpoints/src/quantization/words\\.ts$',
          '^libs/formats/src/columns\\.ts$',
          '^libs/scoring/src/kinds\\.ts$',
          '^libs/tokenizers/src/usual-date\\.ts$',
        ],
      },
    },
    {
      name: 'no-relative-path-out',
      comment: 'Another library is imported by its name, not by a relative path.',
      severity: 'error',
      from: { path: '^(libs/[^/]+|tools/[^/]+|tests)/' },
      to: { path: '^libs/', pathNot: '^$1/', dependencyTypesNot: ['aliased'] },
    },
    {
      name: 'no-cycles',
      comment: 'No file goes in a circle, not even by its types: each can be read after those that it imports.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'decide-alone',
      comment: 'What is decided is decided before anything runs, and the same wherever it runs.',
      severity: 'error',
      from: { path: '^libs/executor/src/decide/' },
      to: { path: '^libs/executor/src/(run|backends)/' },
    },
    {
      name: 'any-backend',
      comment: 'A run knows what a back end is, and none of them; run-graph.ts joins the two.',
      severity: 'error',
      from: { path: '^libs/executor/src/run/' },
      to: { path: '^libs/executor/src/backends/', pathNot: '^libs/executor/src/backends/backend\\.ts$' },
    },
    {
      name: 'jobs-alone',
      comment: 'A back end performs jobs and knows neither tasks nor the store.',
      severity: 'error',
      from: { path: '^libs/executor/src/backends/' },
      to: { path: '^libs/(executor/src/(decide|run)|store|pipeline)/' },
    },
    {
      name: 'no-unresolvable',
      comment: 'The import leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-undeclared-packages',
      comment: 'A package is imported only if package.json names it.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-development-packages-in-code',
      comment: 'What is published imports only what package.json lists under "dependencies".',
      severity: 'error',
      from: { path: '^(libs/[^/]+|tools/cli)/src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(libs/embedded/assets|tools/[^/]+/\\.venv|dist)/' },
    combinedDependencies: true,
    tsPreCompilationDeps: 'specify',
    detectProcessBuiltinModuleCalls: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.d.ts'],
    },
  },
};
