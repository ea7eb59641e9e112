// docs/production.md: test/rigs/example-server/production.rig.ts runs its proxies.
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readConfig } from '../../example-server/config/config.ts'
import { namedBlock } from '../fixtures/named-block.ts'

const block = (name: string) => namedBlock('docs/production.md', name)

t.test('the settings of docs/production.md are those of a production server without warnings', async (t) => {
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
  const folder = t.testdir({
    secret: 'Zm9yIGEgdGVzdCBvbmx5LCBub3QgYSBzZWNyZXQhISE=\n',
    'redis-url': /echo (redis:\S+) >/.exec(block('production secrets'))![1]!,
    keys: { 'keys.json': JSON.stringify([{ state: 'active', since: '2026-01-01T00:00:00Z', key }]) }
  })
  const env = Object.fromEntries(
    [...block('production settings').matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [
      name!,
      value!.replace('/etc/auth', folder)
    ])
  )
  t.match(readConfig(env), {
    production: true,
    databaseUrl: 'postgres://auth@%2Fvar%2Frun%2Fpostgresql/auth',
    redisUrl: 'redis://:REDIS_PASSWORD@127.0.0.1:6379/0',
    keysDir: join(folder, 'keys'),
    trustProxy: ['127.0.0.1'],
    warnings: []
  })
})

t.test('the systemd unit of docs/production.md starts the server as npm start does', async (t) => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } }
  t.match(block('production systemd'), `ExecStart=/usr/bin/${scripts.start}\n`)
})
