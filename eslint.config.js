import neostandard from 'neostandard'

export default neostandard({ ts: true, env: ['browser'], ignores: ['dist/**', '.tap/**'] })
