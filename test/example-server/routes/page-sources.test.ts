import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { excerpts, linesOf, type Lines } from '../../../example-server/routes/page-sources.ts'
import { production } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.test('linesOf() takes a block to the line with the same indentation, and removes the indentation', async (t) => {
  const source = 'const a = 1\n  function b() {\n    return a\n\n  }\n  b()\n'
  t.strictSame(linesOf({ path: 'b.ts', from: 'function b(' }, source), {
    line: 2,
    text: 'function b() {\n  return a\n\n}'
  })
})

t.test('linesOf() takes the body of a function whose arguments have several lines', async (t) => {
  const source = 'function a(\n  b,\n  c\n): D {\n  return b\n}\nfunction e() {\n}\n'
  t.equal(
    linesOf({ path: 'a.ts', from: 'function a(' }, source).text,
    source.slice(0, source.indexOf('function e')).trim()
  )
})

t.test('linesOf() refuses a start that no line has, or that several have', async (t) => {
  for (const [from, count] of [
    ['renamed', 0],
    ['a', 2]
  ] as const) {
    t.throws(() => linesOf({ path: 'b.ts', from }, 'a()\na()\n'), {
      message: `b.ts must have one line that starts with "${from}": it has ${count}`
    })
  }
})

t.test(
  '/page/sources.json has each excerpt as it is in its file, and /page/source/ the files, and no others',
  async (t) => {
    const { app } = await createInjected(t)
    const sources = (await app.inject('/page/sources.json')).json<Record<string, Lines>>()
    t.strictSame(Object.keys(sources), Object.keys(excerpts))
    for (const [name, { path, line, text }] of Object.entries(sources)) {
      const file = readFileSync(path, 'utf8')
      const first = file.split('\n')[line - 1]!
      t.ok(first.trim() === text.split('\n')[0]!.trim(), `${name} is in line ${line} of ${path}`)
      const served = await app.inject(`/page/source/${path}`)
      t.match([served.body, served.headers['content-type']], [file, 'text/plain; charset=utf-8'], path)
    }
    for (const path of [
      'package.json',
      'example-server/data',
      'example-server/../package.json',
      '%2e%2e/package.json'
    ]) {
      t.equal((await app.inject(`/page/source/${path}`)).statusCode, 404, path)
    }
  }
)

t.test("in production /page/source/ has the plugin's files only", async (t) => {
  const { app } = await createInjected(t, { env: production })
  const sources = Object.values((await app.inject('/page/sources.json')).json<Record<string, Lines>>())
  for (const { path, href } of sources) {
    const isPublic = path.startsWith('plugin/')
    t.equal(href, isPublic ? `/page/source/${path}` : null, path)
    t.equal((await app.inject(`/page/source/${path}`)).statusCode, isPublic ? 200 : 404, path)
  }
})

t.test('each excerpt is shown by a lesson, and each lesson names excerpts that exist', async (t) => {
  const folder = 'example-server/page/lessons'
  const lessons = readdirSync(folder).filter((file) => file.endsWith('.js') && existsSync(`${folder}/${file}`))
  const named = lessons.flatMap((file) => {
    const lists = readFileSync(`${folder}/${file}`, 'utf8').matchAll(/\bcode: \[([^\]]*)\]/g)
    return [...lists].flatMap(([, list]) => [...list!.matchAll(/'([^']+)'/g)].map(([, name]) => name!))
  })
  t.strictSame([...new Set(named)].sort(), Object.keys(excerpts).sort())
})
