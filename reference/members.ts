import ts from 'typescript'
import { docCommentOf, type DocComment } from './doc-comment.ts'
import type { Program } from './program.ts'
import { functionSignature, readableType, shownType, symbolOf, typesIn } from './signature.ts'

/** A member of an interface, a class or an object. */
export interface Member {
  readonly name: string
  readonly signature: string
  readonly isOptional: boolean
  readonly comment: DocComment
  /** Where it is declared, for a test that finds it wanting. */
  readonly declaration: ts.Declaration
  /** The types of ours that the signature names. */
  readonly uses: readonly ts.Symbol[]
  /** The members of an object that has no type of its own: of a property, or of a parameter. */
  readonly members: readonly Member[]
}

/** The members of a type that are declared in our files, also those that it inherits. */
export function membersOf(type: ts.Type, program: Program): Member[] {
  return program.checker
    .getPropertiesOfType(type)
    .filter((property) => property.declarations?.some((declaration) => program.fileOf(declaration) !== null))
    .filter((property) => !property.declarations!.some(isPrivate))
    .map((property) => memberOf(property, { program }))
}

function isPrivate(declaration: ts.Declaration): boolean {
  const { name } = declaration as ts.NamedDeclaration
  return name !== undefined && ts.isPrivateIdentifier(name)
}

/** @param name what a reader writes. Default: the name of the property */
export function memberOf(
  property: ts.Symbol,
  { program, name = property.name }: { readonly program: Program; readonly name?: string }
): Member {
  const { checker, fileOf } = program
  const declaration = property.declarations!.find((one) => fileOf(one) !== null)!
  const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0
  const type = checker.getTypeOfSymbolAtLocation(property, declaration)
  const comment = docCommentOf(declaration)
  const base = { name, isOptional, declaration, comment }
  const written = typeNodeOf(declaration)

  if (ts.isFunctionLike(declaration) && !ts.isAccessor(declaration)) {
    return { ...base, ...functionMember(declaration, { name: name + (isOptional ? '?' : ''), program }) }
  }
  if (written && !isMadeByFunction(written)) {
    const signature = `${name}${isOptional ? '?' : ''}: ${withoutUndefined(readableType(written, program), isOptional)}`
    return { ...base, signature, uses: typesIn(written, program), members: literalMembers(written, program) }
  }
  const [call] = type.getCallSignatures()
  if (call?.declaration && !ts.isJSDocSignature(call.declaration)) {
    return { ...base, ...functionMember(call.declaration, { name, program }) }
  }
  const [named] = symbolOf(checker.getNonNullableType(type), program)
  const members = named ? [] : membersOf(type, program).filter(({ comment }) => comment.text !== '')
  const signature = members.length > 0 ? name : `${name}: ${shownType(type, checker)}`
  return { ...base, signature, uses: named ? [named] : [], members }
}

function functionMember(node: ts.SignatureDeclaration, context: { readonly name: string; readonly program: Program }) {
  const { text, uses } = functionSignature(node, context)
  const members = node.parameters.flatMap(({ type }) => (type ? literalMembers(type, context.program) : []))
  // The members are listed below the signature.
  const signature = members.length === 0 ? text : text.replace(/\{ (?:[^{}]|\{[^{}]*\})* \}/, '{ … }')
  return { signature, uses, members }
}

function typeNodeOf(declaration: ts.Declaration): ts.TypeNode | undefined {
  return (declaration as { readonly type?: ts.TypeNode }).type
}

/** `ReturnType<typeof createSessionApi>`: what the function returns is described, not its name. */
function isMadeByFunction(node: ts.TypeNode): boolean {
  return /^ReturnType<typeof |^Pick<Key|^RouteAuth</.test(node.getText())
}

/** The members of object types within a type, if they have doc comments. */
function literalMembers(node: ts.TypeNode, program: Program): Member[] {
  const found: Member[] = []
  const visit = (at: ts.Node): void => {
    if (ts.isTypeLiteralNode(at)) {
      const members = membersOf(program.checker.getTypeAtLocation(at), program)
      found.push(...members.filter(({ comment }) => comment.text !== ''))
    } else ts.forEachChild(at, visit)
  }
  visit(node)
  return found
}

function withoutUndefined(text: string, isOptional: boolean): string {
  return isOptional ? text.replace(/ \| undefined$/, '').replace(/^\((\(.*\) => .*)\)$/, '$1') : text
}
