// Prints how long the import of Fastify takes in this process, and then the import and the registration of the plugin.
const input = JSON.parse(process.argv[2])

function now() {
  const { user, system } = process.cpuUsage()
  return { wallMs: performance.now(), cpuMs: (user + system) / 1000 }
}

const start = now()
const { default: fastify } = await import('fastify')
const imported = now()
const app = fastify()
const created = now()
const { default: authenticate } = await import('../../dist/index.js')
await app.register(authenticate, input)
await app.ready()
const registered = now()

const since = (from, to) => ({ wallMs: to.wallMs - from.wallMs, cpuMs: to.cpuMs - from.cpuMs })
console.log(JSON.stringify({ fastify: since(start, imported), plugin: since(created, registered) }))
