/**
 * Runs a case as often as the driver asks, and reports what that took. A case that measures each operation by itself
 * returns the median in microseconds, which replaces the mean.
 */
export function serveCases(cases, ready = {}) {
  process.on('message', async ({ name, operations }) => {
    const cpu = process.cpuUsage()
    const start = performance.now()
    const median = await cases[name](operations)
    const wallMicros = median === undefined ? (performance.now() - start) * 1000 : median * operations
    const { user, system } = process.cpuUsage(cpu)
    process.send({ operations, wallMicros, cpuMicros: user + system })
  })
  process.on('disconnect', () => process.exit())
  process.send(ready)
}
