import ts from 'typescript'
import type { Program } from './program.ts'

const printer = ts.createPrinter({ removeComments: true })

/** TypeScript text for readers, and the types of ours that it names. */
export interface Signature {
  readonly text: string
  readonly uses: readonly ts.Symbol[]
}

/** A type as it is written in the source, on one line and without comments. */
export function typeText(node: ts.Node): string {
  return oneLine(printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()))
}

/** The same, but a type that is derived from a value of ours is written out. */
export function readableType(node: ts.TypeNode, { checker }: Program): string {
  const isDerived = /\btypeof (?!globalThis)/.test(node.getText())
  return isDerived ? shownType(checker.getTypeFromTypeNode(node), checker) : typeText(node)
}

export function shownType(type: ts.Type, checker: ts.TypeChecker): string {
  const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias
  return checker.typeToString(type, undefined, flags).replaceAll('"', "'").replaceAll('; }', ' }')
}

function oneLine(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replaceAll('; }', ' }')
    .replace(/\( ?\| /g, '(')
    .replace(/^\| /, '')
}

/** A function, a method, or a property that is a function of ours. */
export function functionSignature(
  node: ts.SignatureDeclaration,
  { name, program }: { readonly name: string; readonly program: Program }
): Signature {
  const parameters = node.parameters.filter((parameter) => parameter.name.getText() !== 'this')
  const generics = node.typeParameters?.length ? `<${node.typeParameters.map(typeText).join(', ')}>` : ''
  const result = resultText(node, program)
  const text = `${name}${generics}(${parameters.map((one) => parameterText(one, program)).join(', ')})${result}`
  const parts = [...parameters.map(({ type }) => type), ...(node.typeParameters ?? []), node.type]
  const unwritten = [...parameters.filter(({ type }) => !type).map(typeOfNode), ...(node.type ? [] : [typeOfResult()])]
  return {
    text,
    uses: [
      ...parts.flatMap((part) => (part ? typesIn(part, program) : [])),
      ...unwritten.flatMap((type) => symbolOf(type, program))
    ]
  }

  function typeOfNode(parameter: ts.ParameterDeclaration): ts.Type {
    return program.checker.getTypeAtLocation(parameter)
  }
  function typeOfResult(): ts.Type {
    return program.checker.getSignatureFromDeclaration(node)!.getReturnType()
  }
}

function resultText(node: ts.SignatureDeclaration, { checker }: Program): string {
  if (ts.isConstructorDeclaration(node)) return ''
  if (node.type) return `: ${typeText(node.type)}`
  return `: ${shownType(checker.getSignatureFromDeclaration(node)!.getReturnType(), checker)}`
}

function parameterText(parameter: ts.ParameterDeclaration, { checker }: Program): string {
  const { type, dotDotDotToken, initializer, questionToken } = parameter
  // `...given: [needs?: Needs]` counts the arguments; a caller writes `needs`.
  if (dotDotDotToken && type && ts.isTupleTypeNode(type)) return type.elements.map(typeText).join(', ')
  const name = ts.isIdentifier(parameter.name) ? parameter.name.text : 'given'
  const shown = type ? typeText(type) : shownType(checker.getTypeAtLocation(parameter), checker)
  return `${dotDotDotToken ? '...' : ''}${name}${initializer || questionToken ? '?' : ''}: ${shown}`
}

/** The types of ours that a node names. */
export function typesIn(node: ts.Node, program: Program): ts.Symbol[] {
  const found: ts.Symbol[] = []
  const visit = (at: ts.Node): void => {
    const name = ts.isTypeReferenceNode(at)
      ? at.typeName
      : ts.isExpressionWithTypeArguments(at)
        ? at.expression
        : ts.isImportTypeNode(at)
          ? at.qualifier
          : undefined
    const symbol = name && program.checker.getSymbolAtLocation(name)
    if (symbol) found.push(...ours(canonical(symbol, program), program))
    ts.forEachChild(at, visit)
  }
  visit(node)
  return found
}

export function symbolOf(type: ts.Type, program: Program): ts.Symbol[] {
  const symbol = type.aliasSymbol ?? type.symbol
  return symbol === undefined ? [] : ours(canonical(symbol, program), program)
}

function ours(symbol: ts.Symbol, { fileOf }: Program): ts.Symbol[] {
  const [declaration] = symbol.declarations ?? []
  const isNamed =
    declaration !== undefined &&
    (ts.isInterfaceDeclaration(declaration) ||
      ts.isTypeAliasDeclaration(declaration) ||
      ts.isClassDeclaration(declaration))
  return isNamed && fileOf(declaration) !== null ? [symbol] : []
}

/** The symbol that was declared, not one that an import, an export or a `@typedef` made of it. */
export function canonical(symbol: ts.Symbol, program: Program): ts.Symbol {
  const { checker } = program
  const declared = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const [declaration] = declared.declarations ?? []
  if (declaration && ts.isJSDocTypedefTag(declaration)) {
    const { typeExpression } = declaration
    const type = typeExpression && ts.isJSDocTypeExpression(typeExpression) ? typeExpression.type : undefined
    const original = type && ts.isImportTypeNode(type) && type.qualifier && checker.getSymbolAtLocation(type.qualifier)
    if (original) return canonical(original, program)
  }
  return declared
}
