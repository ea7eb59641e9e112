import { createClientWith } from './ours.ts'

export const createClient = createClientWith({ transport: 'bearer', storage: localStorage })
