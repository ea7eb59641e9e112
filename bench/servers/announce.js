// The driver's first word is no question, whether or not a server has a use for it.
import '../given.js'

/**
 * Tells the driver where to send requests and with which credentials, and answers its questions for the processor time
 * that this process, garbage collection included, has used so far.
 */
export function announce(server, cookies = []) {
  // Between its bursts a server hears nothing for long.
  server.keepAliveTimeout = 0
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send({ cpuMicros: user + system })
  })
  process.on('disconnect', () => process.exit())
  process.send({ port: server.address().port, cookies })
}
