import ts from 'typescript'
import { docCommentOf, type DocComment } from './doc-comment.ts'
import { entries, type Entry } from './entries.ts'
import { memberOf, membersOf, type Member } from './members.ts'
import type { Program } from './program.ts'
import { canonical, functionSignature, readableType, shownType, typesIn, typeText } from './signature.ts'

/** Something that an application imports, or a type that one of these consists of. */
export interface Item {
  readonly name: string
  readonly entry: Entry
  readonly kind: 'function' | 'class' | 'value' | 'interface' | 'type'
  /** Empty for an interface, whose members say all. */
  readonly signature: string
  readonly comment: DocComment
  readonly declaration: ts.Declaration
  readonly members: readonly Member[]
  readonly uses: readonly ts.Symbol[]
  /** False for a type that applications cannot import. */
  readonly isExported: boolean
  readonly symbol: ts.Symbol
}

export interface PublicApi {
  /** What the plugin adds to Fastify: `app.sessions`, `reply.signIn()` and so on. */
  readonly added: readonly Member[]
  readonly items: readonly Item[]
  /** The names that an entry exports, and the item of each. */
  readonly exported: ReadonlyMap<Entry, readonly Item[]>
}

/** Everything that an application sees of the entries. */
export function readPublicApi(program: Program): PublicApi {
  const items = new Map<ts.Symbol, Item>()
  const exported = new Map<Entry, readonly Item[]>()
  for (const entry of entries) {
    const module = program.checker.getSymbolAtLocation(program.source(entry.source))!
    const symbols = program.checker.getExportsOfModule(module)
    exported.set(
      entry,
      symbols.map((exportedAs) => {
        const symbol = canonical(exportedAs, program)
        const known = items.get(symbol)
        const item = known ?? itemOf(symbol, { program, entry: ownerOf(symbol, program) ?? entry, isExported: true })
        items.set(symbol, item)
        return item
      })
    )
  }
  const added = addedToFastify(program)
  const [plugin] = entries
  const used = [
    ...added.flatMap((member) => usesOf(member)).map((symbol) => ({ symbol, entry: plugin! })),
    ...[...items.values()].flatMap((item) => usesOf(item).map((symbol) => ({ symbol, entry: item.entry })))
  ]
  // The list grows while it is read: parts of a type have parts themselves.
  for (const { symbol, entry } of used) {
    if (items.has(symbol)) continue
    const item = itemOf(symbol, { program, entry, isExported: false })
    items.set(symbol, item)
    used.push(...usesOf(item).map((part) => ({ symbol: part, entry })))
  }
  return { added, items: [...items.values()], exported }
}

/** The entry that is the file of the declaration itself, if another one exports it too. */
function ownerOf({ declarations = [] }: ts.Symbol, { fileOf }: Program): Entry | undefined {
  return entries.find(({ source }) => declarations.some((declaration) => fileOf(declaration) === source))
}

function usesOf({ uses, members }: { readonly uses: readonly ts.Symbol[]; readonly members: readonly Member[] }) {
  return [...uses, ...members.flatMap((member): ts.Symbol[] => usesOf(member))]
}

function itemOf(
  symbol: ts.Symbol,
  { program, entry, isExported }: { readonly program: Program; readonly entry: Entry; readonly isExported: boolean }
): Item {
  const { checker } = program
  const declaration = symbol.declarations![0]!
  const base = { name: symbol.name, entry, isExported, symbol, declaration, comment: docCommentOf(declaration) }
  const nothing = { signature: '', members: [], uses: [] }

  if (ts.isInterfaceDeclaration(declaration)) {
    const heritage = declaration.heritageClauses?.flatMap(({ types }) => [...types]) ?? []
    const generics = declaration.typeParameters?.map(typeText).join(', ')
    const foreign = heritage.filter((type) => typesIn(type, program).length === 0).map(typeText)
    const head = `interface ${symbol.name}${generics ? `<${generics}>` : ''}`
    return {
      ...base,
      kind: 'interface',
      signature: generics || foreign.length ? `${head}${foreign.length ? ` extends ${foreign.join(', ')}` : ''}` : '',
      members: membersOf(checker.getDeclaredTypeOfSymbol(symbol), program),
      uses: []
    }
  }
  if (ts.isTypeAliasDeclaration(declaration)) {
    const type = checker.getDeclaredTypeOfSymbol(symbol)
    const isFlat = !type.isUnion() && hasLiteral(declaration.type)
    return {
      ...base,
      kind: 'type',
      signature: isFlat ? '' : aliasText(declaration, program),
      members: isFlat ? membersOf(type, program) : [],
      uses: isFlat ? [] : typesIn(declaration, program)
    }
  }
  if (ts.isClassDeclaration(declaration)) {
    const type = checker.getDeclaredTypeOfSymbol(symbol)
    const constructor = declaration.members.find(ts.isConstructorDeclaration)
    const created = constructor && functionSignature(constructor, { name: `new ${symbol.name}`, program })
    return {
      ...base,
      kind: 'class',
      signature: created?.text ?? `class ${symbol.name} extends Error`,
      members: membersOf(type, program),
      uses: created?.uses ?? []
    }
  }
  if (ts.isFunctionDeclaration(declaration)) {
    const { text, uses } = functionSignature(declaration, { name: `function ${symbol.name}`, program })
    return { ...base, kind: 'function', signature: text, members: [], uses }
  }
  if (ts.isExportAssignment(declaration)) {
    return { ...base, ...nothing, name: 'authenticate', kind: 'value', signature: defaultExport }
  }
  const type = shownType(checker.getTypeAtLocation(declaration), checker)
  return { ...base, ...nothing, kind: 'value', signature: `const ${symbol.name}: ${type}` }
}

/** What applications write. Its type, `FastifyPluginAsync`, does not say more. */
const defaultExport = "import authenticate from 'fastify-authenticate'\n\nawait app.register(authenticate, options)"

/** Whether a type has members of its own, and not only those of types that have names. */
function hasLiteral(node: ts.TypeNode): boolean {
  return ts.isIntersectionTypeNode(node) && node.types.some(ts.isTypeLiteralNode)
}

/** As it is written, with its comments, unless it is derived from a value. */
function aliasText(declaration: ts.TypeAliasDeclaration, program: Program): string {
  const { name, type } = declaration
  const readable = readableType(type, program)
  return readable === typeText(type) ? declaration.getText().replace(/^export /, '') : `type ${name.text} = ${readable}`
}

function addedToFastify(program: Program): Member[] {
  const { checker, fileOf } = program
  const file = program.source('reference/added-to-fastify.ts')
  const [seen] = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!)
  return checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(seen!)).flatMap((owner) =>
    checker
      .getPropertiesOfType(checker.getTypeOfSymbolAtLocation(owner, file))
      .filter(({ declarations = [] }) => declarations.some((declaration) => fileOf(declaration) !== null))
      .map((property) => memberOf(property, { program, name: `${owner.name}.${property.name}` }))
  )
}
