// What client libraries do with `auth.fetch`, on the version of Node that runs this file. libraries.rig.ts starts it.
import './stories/cookies.ts'
import './stories/http.ts'
import './stories/mcp.ts'
import './stories/trpc.ts'
import './stories/undici.ts'
