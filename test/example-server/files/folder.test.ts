import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeFolder } from '../../../example-server/files/folder.ts'
import { runProgram } from '../../fixtures/example-server.ts'

// Processes that start from TypeScript are slow on a busy machine.
t.setTimeout(600_000)

t.test('makeFolder() creates a folder and those above it, which only their owner can use', async (t) => {
  const path = join(t.testdir(), 'made', 'by', 'the server')
  makeFolder(path)
  makeFolder(path)
  for (const made of [path, join(path, '..')]) t.equal(statSync(made).mode & 0o777, 0o700, made)
  const file = join(t.testdir({ file: '' }), 'file')
  t.throws(() => makeFolder(file), { code: 'EEXIST' })
  t.throws(() => makeFolder(join(file, 'inside')), { code: /^(?:ENOTDIR|EEXIST)$/ })
})

t.test(
  'a server whose DATA_DIR cannot be created ends with one line that names it',
  { skip: existsSync('/proc/self') ? false : 'there is no /proc' },
  async (t) => {
    const { output, exitCode } = runProgram(t, { entry: 'server.ts', env: { DATA_DIR: '/proc/x/data' } })
    t.equal(await exitCode(), 1)
    t.equal(output.text, "Cannot start: ENOENT: no such file or directory, mkdir '/proc/x'\n")
  }
)
