import neostandard from 'neostandard'
import { plugin } from 'typescript-eslint'

export default [
  // Prettier decides how code looks.
  ...neostandard({ ts: true, noStyle: true, env: ['browser'], ignores: ['dist/**', '.tap/**', '**/.cache/**'] }),
  {
    files: ['**/*.ts'],
    // A project of its own, whose packages a rig installs.
    ignores: ['test/package/testing/consumer/**', 'test/package/consumer/**'],
    languageOptions: {
      parserOptions: {
        project: [
          './tsconfig.json',
          './example-server/tsconfig.json',
          './client/tsconfig.json',
          './test/rigs/tsconfig.json',
          './test/ecosystem/tsconfig.json',
          './test/package/tsconfig.json',
          './test/rigs/client/page/tsconfig.json',
          './test/rigs/example-server/tsconfig.json'
        ],
        tsconfigRootDir: import.meta.dirname
      }
    },
    plugins: { '@typescript-eslint': plugin },
    rules: {
      // `void` marks a promise that is deliberately not awaited.
      'no-void': ['error', { allowAsStatement: true }],
      // A promise is awaited, returned or explicitly ignored. tap runs subtests in order by itself.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafePromises: [{ from: 'package', name: 'PromiseWithSubtest', package: '@tapjs/core' }],
          allowForKnownSafeCalls: [{ from: 'package', name: 'test', package: 'node:test' }]
        }
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false }
      ]
    }
  }
]
