import js from '@eslint/js';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** The directories of `src/`, from top to bottom. A file imports from its own layer and from lower ones only. */
const LAYERS = [
  ['main.ts'],
  ['server'],
  ['app.module.ts', 'index.controller.ts'],
  ['health', 'metrics'],
  ['products', 'webhooks', 'external'],
  ['response-cache', 'auth'],
  ['throttling'],
  ['config', 'database', 'redis', 'problems', 'logging', 'resilience', 'http'],
];

const pathsOf = (names) => names.map((name) => `./src/${name}`);

const layerZones = LAYERS.slice(1).map((layer, index) => ({
  target: pathsOf(layer),
  from: pathsOf(LAYERS.slice(0, index + 1).flat()),
  message: 'A lower layer must not import a higher one (see LAYERS in eslint.config.js).',
}));

/** The files of each feature that another feature may import: its module, the services that it exports, its field rules. */
const FEATURES = {
  products: ['products.module.ts', 'catalog-changes.ts', 'sku-lookup.ts', 'product-rules.ts'],
  webhooks: ['webhooks.module.ts', 'subscription.ts'],
  external: ['external.module.ts', 'inventory-client.ts'],
};

const featureZones = Object.entries(FEATURES).map(([feature, exported]) => ({
  target: pathsOf(Object.keys(FEATURES).filter((other) => other !== feature)),
  from: `./src/${feature}`,
  except: exported.map((file) => `./${file}`),
  message: 'A feature must use another feature through the service that its module exports.',
}));

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.data/', 'coverage/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // A Nest module is an empty class with a decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Nest and TypeORM declare their options as classes, which are used as plain types.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Destructuring with a rest element omits properties.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        createNodeResolver({
          extensions: ['.ts', '.js'],
          extensionAlias: { '.js': ['.ts', '.js'] },
        }),
      ],
    },
    rules: {
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-restricted-paths': [
        'error',
        {
          basePath: import.meta.dirname,
          zones: [
            {
              target: './src',
              from: ['./bench', './deploy', './dev', './migrations', './test'],
              message: 'The service must not import its tools and tests.',
            },
            ...layerZones,
            ...featureZones,
          ],
        },
      ],
    },
  },
);
