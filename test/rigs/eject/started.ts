import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'

/** `npm start` in the folder of a project, until it listens. `stop()` resolves to what it printed. */
export async function startProject(t: Test, folder: string) {
  const child = spawn('npm', ['start'], {
    cwd: folder,
    shell: true,
    // A process group of its own, because npm, the shell and the server must all end.
    detached: process.platform !== 'win32',
    env: { ...process.env, PORT: '0', LOG_LEVEL: 'info', NODE_ENV: '' },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const closed = once(child, 'close')
  t.teardown(() => kill('SIGKILL'))

  function kill(signal: NodeJS.Signals): void {
    try {
      process.kill(-child.pid!, signal)
    } catch {
      // All of them have ended.
    }
  }

  let output = ''
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
        const [, url] = /^listening on (\S+)$/m.exec(output) ?? []
        if (url !== undefined) resolve(url)
      })
    }
    closed.then(() => reject(new Error(`npm start ended: ${output}`)), reject)
  })
  return {
    url,
    async stop(): Promise<string> {
      kill('SIGTERM')
      await closed
      return output
    }
  }
}
