/**
 * The import table (scripts/layers.json) as rules that a machine checks. A folder may import its own files, the
 * folders in `imports`, types from the folders in `types`, and the npm packages in `packages`; a pure folder nothing
 * of Node's. The files at the top of src may import anything. test/unit/gates.test.ts shows that the rules bite.
 */
const { top, folders } = require('./scripts/layers.json');

const NPM = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-bundled', 'npm-no-pkg', 'npm-unknown'];

/** A path in src that belongs to one of `names`: a folder, or a file at the top. */
function inSrc(names) {
  return names.map((name) => (name in folders ? `^src/${name}/` : `^src/${name}[.]ts$`));
}

function inPackages(patterns) {
  return patterns.map(
    (pattern) => `node_modules/${pattern.replace(/[*]$/, '')}${pattern.endsWith('*') ? '' : '/'}`,
  );
}

function rulesOf([name, { pure, imports, types, packages }]) {
  const from = { path: inSrc([name]) };
  const error = (what, to) => ({ name: `${name}-${what}`, severity: 'error', from, to });
  return [
    error('imports', { path: '^src/', pathNot: inSrc([name, ...imports, ...types]) }),
    ...(types.length > 0
      ? [error('types-only', { path: inSrc(types), dependencyTypesNot: ['type-only'] })]
      : []),
    error('packages', { dependencyTypes: NPM, pathNot: inPackages(packages) }),
    ...(pure ? [error('pure', { dependencyTypes: ['core'] })] : []),
  ];
}

module.exports = {
  forbidden: [
    ...Object.entries(folders).flatMap(rulesOf),
    {
      name: 'unknown-place',
      severity: 'error',
      from: { path: '^src/', pathNot: inSrc([...Object.keys(folders), ...top]) },
      to: {},
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Type-only imports count.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    // Parts of a package that it names in `exports`.
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'default'] },
  },
};
