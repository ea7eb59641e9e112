// Waits for the driver's first message, so that it is not taken for a request below.
import '../input.js'

/**
 * Reports to the driver where to send requests, and with which cookies. From then on, responds to each message with the
 * processor time that this process has used so far, garbage collection included.
 */
export function announce(server, cookies = []) {
  // A server receives nothing between its bursts, and on a slow machine nothing for a minute after it has started.
  Object.assign(server, { keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 })
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send({ cpuMicros: user + system })
  })
  process.on('disconnect', () => process.exit())
  process.send({ port: server.address().port, cookies })
}
