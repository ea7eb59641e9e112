import type { PrettyOptions } from 'pino-pretty'

/** What this server's lines about requests contain, besides others. */
interface RequestLine {
  readonly req?: { readonly method: string; readonly url: string }
  readonly res?: { readonly statusCode: number }
  readonly responseTime?: number
  readonly code?: string
  readonly detail?: string
}

const options: PrettyOptions = {
  translateTime: 'SYS:HH:MM:ss.l',
  singleLine: true,
  ignore: 'pid,hostname,reqId,req,res,responseTime,code,detail',
  messageFormat: (line, messageKey) => describe(line as RequestLine) ?? String(line[messageKey])
}

/** `GET /me 401 in 3 ms, AUTH_NO_CREDENTIALS: …`; `null` for other lines. */
function describe({ req, res, responseTime = 0, code, detail }: RequestLine): string | null {
  if (req === undefined || res === undefined) return null
  const reason = code === undefined ? '' : `, ${code}${detail === undefined ? '' : `: ${detail}`}`
  return `${req.method} ${req.url} ${res.statusCode} in ${Math.round(responseTime)} ms${reason}`
}

/** Makes a line of the log (JSON) readable for people. */
export async function loadPrettyLog(): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty')
  return prettyFactory(options)
}

/** Prints such lines. */
export async function createPrettyStream() {
  const pretty = await loadPrettyLog()
  return {
    write(line: string): void {
      process.stdout.write(pretty(line))
    }
  }
}

/** Whether people read this process' log: in a terminal, outside production. Programs want JSON. */
export function isReadByPeople({ production }: { readonly production: boolean }): boolean {
  return !production && process.stdout.isTTY
}
