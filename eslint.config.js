import neostandard from 'neostandard'

// Prettier decides how code looks.
export default neostandard({ ts: true, noStyle: true, env: ['browser'], ignores: ['dist/**', '.tap/**'] })
