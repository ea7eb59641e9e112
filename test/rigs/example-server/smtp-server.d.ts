/** The part that `smtp.rig.ts` uses: the package has no types. */
declare module 'smtp-server' {
  import type { Server } from 'node:net'
  import type { Readable } from 'node:stream'

  type Done = (error?: Error | null, result?: object) => void

  export interface SMTPServerOptions {
    readonly disabledCommands?: readonly string[]
    readonly allowInsecureAuth?: boolean
    readonly onAuth?: (auth: { username: string; password: string }, session: object, done: Done) => void
    readonly onRcptTo?: (address: { address: string }, session: object, done: Done) => void
    readonly onData?: (stream: Readable, session: object, done: Done) => void
  }

  export class SMTPServer {
    constructor(options: SMTPServerOptions)
    listen(port: number, host: string, listening: () => void): Server
    close(closed: () => void): void
    on(event: 'error', listener: (error: Error) => void): this
  }
}
