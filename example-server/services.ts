import type { AccountServices } from './accounts/account-services.ts'
import type { Attempts } from './attempts/attempts.ts'
import type { Config } from './config/config.ts'
import type { Database } from './database/database.ts'
import type { LiveSockets } from './live/live-sockets.ts'
import type { AuthEvents } from './operations/auth-events.ts'
import type { Metrics } from './operations/metrics.ts'
import type { AssertEncrypted } from './operations/transport-security.ts'
import type { Passwords } from './passwords/passwords.ts'

/** Everything that the routes work with. Each plugin in `routes/` names the members that it uses. */
export interface Services extends AccountServices {
  readonly config: Config
  readonly database: Database
  readonly passwords: Passwords
  /** Aborted when the server begins to stop. */
  readonly stopping: AbortSignal
  readonly attempt: Attempts
  readonly assertEncrypted: AssertEncrypted
  readonly events: AuthEvents
  readonly liveSockets: LiveSockets
  readonly metrics: Metrics
}
