import { Type, type TSchema } from '@sinclair/typebox'
import t from 'tap'
import { findUnsatisfiable } from '../../plugin/tokens/unsatisfiable-schema.ts'

const empty = Type.String({ minLength: 2, maxLength: 1 })

t.test('findUnsatisfiable() finds the part of a schema that no JSON value matches', async (t) => {
  const rows: [string, TSchema, string[]][] = [
    ['never', Type.Never(), []],
    ['a value that JSON does not have', Type.Date(), []],
    ['undefined', Type.Object({ a: Type.Undefined() }), ['a']],
    ['not any', Type.Not(Type.Any()), []],
    ['not unknown', Type.Not(Type.Unknown()), []],
    ['a required property', Type.Object({ a: Type.String(), b: Type.Object({ c: empty }) }), ['b', 'c']],
    ['every branch of a union', Type.Union([Type.Object({ a: empty }), Type.Never()]), ['a']],
    ['a member of an intersection', Type.Intersect([Type.Object({}), Type.Object({ a: empty })]), ['a']],
    ['an item of a list that must have one', Type.Array(empty, { minItems: 1 }), []],
    ['an item of a tuple', Type.Tuple([Type.String(), empty]), []],
    ['lengths of a text', empty, []],
    ['lengths of a list', Type.Array(Type.String(), { minItems: 2, maxItems: 1 }), []],
    ['numbers of properties', Type.Object({}, { minProperties: 2, maxProperties: 1 }), []],
    ['bounds', Type.Number({ minimum: 2, maximum: 1 }), []],
    ['bounds, the upper exclusive', Type.Number({ minimum: 1, exclusiveMaximum: 1 }), []],
    ['bounds, the lower exclusive', Type.Number({ exclusiveMinimum: 1, maximum: 1 }), []],
    ['bounds, both exclusive', Type.Number({ exclusiveMinimum: 1, exclusiveMaximum: 1 }), []],
    ['bounds of a whole number', Type.Integer({ minimum: 2, maximum: 1 }), []],
    ['no whole number within', Type.Integer({ minimum: 1.2, maximum: 1.8 }), []],
    ['no whole number between', Type.Integer({ exclusiveMinimum: 1, exclusiveMaximum: 2 }), []]
  ]
  for (const [what, schema, path] of rows) t.strictSame(findUnsatisfiable(schema), path, what)
})

t.test('findUnsatisfiable() returns null if a value matches, or may match', async (t) => {
  const rows: [string, TSchema][] = [
    ['any', Type.Any()],
    ['not a text', Type.Not(Type.String())],
    ['an optional property', Type.Object({ a: Type.Optional(Type.Never()) })],
    ['a required property that is not described', Type.Object({}, { required: ['a'] })],
    ['a required property named like a method', Type.Object({}, { required: ['toString'] })],
    ['an object without properties', Type.Object({}, { minProperties: 1, maxProperties: 1 })],
    ['one branch of a union', Type.Union([Type.Never(), Type.String(), empty])],
    ['an empty list', Type.Array(Type.Never(), { maxItems: 0 })],
    ['an empty tuple', Type.Tuple([])],
    ['one length', Type.String({ minLength: 1, maxLength: 1 })],
    ['one number of items', Type.Array(Type.String(), { minItems: 1, maxItems: 1 })],
    ['one number', Type.Number({ minimum: 1, maximum: 1 })],
    ['a fraction between', Type.Number({ exclusiveMinimum: 1, exclusiveMaximum: 1.1 })],
    ['a lower bound alone', Type.Integer({ exclusiveMinimum: 1 })],
    ['an upper bound alone', Type.Integer({ exclusiveMaximum: 1 })],
    ['one whole number', Type.Integer({ minimum: 1, maximum: 1 })],
    ['one whole number between', Type.Integer({ exclusiveMinimum: 1, exclusiveMaximum: 3 })],
    ['one whole number between fractions', Type.Integer({ exclusiveMinimum: 0.5, exclusiveMaximum: 1.5 })],
    ['a recursive schema', Type.Recursive((This) => Type.Object({ next: This }))]
  ]
  for (const [what, schema] of rows) t.equal(findUnsatisfiable(schema), null, what)
})
