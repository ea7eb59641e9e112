import { followLinks } from './account/links.js'
import { showOtherWays } from './account/passkey-sign-in.js'
import { showAccountSettings } from './account/settings.js'
import { showAccount } from './account.js'
import { ignoreDoubleClicks } from './busy.js'
import { showDevices } from './devices.js'
import { keepLive } from './live.js'
import { showNotes } from './notes.js'
import { showProductBar } from './product-bar.js'
import { showSignIn } from './sign-in.js'
import { showUnavailable } from './unavailable.js'
import { showLessons } from './lessons/lessons.js'

ignoreDoubleClicks()
followLinks()
const parts = [
  showUnavailable,
  showSignIn,
  showOtherWays,
  showAccount,
  showAccountSettings,
  showNotes,
  showDevices,
  showProductBar,
  showLessons
]
for (const show of parts) show()
keepLive()
