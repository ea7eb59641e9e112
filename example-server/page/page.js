import { showAccount } from './account.js'
import { ignoreDoubleClicks } from './busy.js'
import { showDevices } from './devices.js'
import { keepLive } from './live.js'
import { showNotes } from './notes.js'
import { showSignIn } from './sign-in.js'
import { showUnavailable } from './unavailable.js'
import { showLessons } from './lessons/lessons.js'

ignoreDoubleClicks()
for (const show of [showUnavailable, showSignIn, showAccount, showNotes, showDevices, showLessons]) show()
keepLive()
