import ts from 'typescript'

/** One small mistake in one file. */
export interface Mutation {
  readonly file: string
  readonly operator: string
  /** The first line is 1. */
  readonly line: number
  /** The replaced part: offsets in the text of the file. */
  readonly start: number
  readonly end: number
  readonly replacement: string
  /** The lines that the mistake changes, joined into one: before and after. They identify a mutation that moves. */
  readonly original: string
  readonly mutated: string
}

interface Change {
  readonly start: number
  readonly end: number
  readonly replacement: string
}

type Operator = (node: ts.Node) => readonly Change[]

const none: readonly Change[] = []

function replace(node: ts.Node, replacement: string): readonly Change[] {
  return [{ start: node.getStart(), end: node.getEnd(), replacement }]
}

/** Replaces the token `from` by its partner in `pairs`, in either direction. */
function swap(node: ts.Node, pairs: readonly (readonly [string, string])[]): readonly Change[] {
  const text = node.getText()
  const other = pairs.flatMap(([one, two]) => (text === one ? [two] : text === two ? [one] : []))
  return other.flatMap((replacement) => replace(node, replacement))
}

function conditionOf(node: ts.Node): ts.Expression | null {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node)) return node.expression
  return ts.isConditionalExpression(node) ? node.condition : null
}

/** Other operators swap `!==` and `===`, and remove `!`. */
function hasOppositeAlready(condition: ts.Expression): boolean {
  return (
    ts.isPrefixUnaryExpression(condition) ||
    (ts.isBinaryExpression(condition) && /^[!=]==$/.test(condition.operatorToken.getText()))
  )
}

function isText(node: ts.Node): boolean {
  return (
    ts.isStringLiteralLike(node) ||
    ts.isTemplateExpression(node) ||
    (ts.isBinaryExpression(node) && (isText(node.left) || isText(node.right)))
  )
}

/** Whether it leaves a block, a loop or a function early. */
function isEarlyExit(node: ts.Node): boolean {
  if (ts.isThrowStatement(node) || ts.isContinueStatement(node)) return true
  if (!ts.isReturnStatement(node) && !ts.isBreakStatement(node)) return false
  const holder = ts.isBlock(node.parent) ? node.parent.parent : node.parent
  return ts.isIfStatement(holder)
}

/** An async function that returns a promise resolves as the promise does: only a `try` notices the difference. */
function isReturned(node: ts.Node): boolean {
  if (!ts.isReturnStatement(node.parent)) return false
  let holder: ts.Node = node.parent
  while (holder !== undefined && !ts.isFunctionLike(holder) && !ts.isTryStatement(holder)) holder = holder.parent
  return holder === undefined || !ts.isTryStatement(holder)
}

function isSuperCall(node: ts.ExpressionStatement): boolean {
  return ts.isCallExpression(node.expression) && node.expression.expression.kind === ts.SyntaxKind.SuperKeyword
}

function calledMethod(node: ts.Node): ts.PropertyAccessExpression | null {
  return ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) ? node.expression : null
}

/** The mistakes that programmers make, each as a function of a syntax node. */
const operators: Readonly<Record<string, Operator>> = {
  'condition negated'(node) {
    const condition = conditionOf(node)
    return condition && !hasOppositeAlready(condition) ? replace(condition, `!(${condition.getText()})`) : none
  },
  'condition fixed'(node) {
    const condition = conditionOf(node)
    if (condition === null || ts.isWhileStatement(node)) return none
    const isGuard = ts.isIfStatement(node) && node.elseStatement === undefined
    return (isGuard ? ['false'] : ['true', 'false']).flatMap((value) => replace(condition, value))
  },
  'logical operator'(node) {
    return ts.isBinaryExpression(node) ? swap(node.operatorToken, [['&&', '||']]) : none
  },
  'operand removed'(node) {
    if (!ts.isBinaryExpression(node) || !/^(&&|\|\||\?\?)$/.test(node.operatorToken.getText())) return none
    return [node.left, node.right].flatMap((kept) => replace(node, kept.getText()))
  },
  'default removed'(node) {
    if (ts.isBindingElement(node) && node.initializer) {
      return [{ start: node.name.getEnd(), end: node.initializer.getEnd(), replacement: '' }]
    }
    return ts.isBinaryExpression(node) && node.operatorToken.getText() === '??='
      ? replace(node.operatorToken, '=')
      : none
  },
  boundary(node) {
    return ts.isBinaryExpression(node)
      ? swap(node.operatorToken, [
          ['<', '<='],
          ['>', '>=']
        ])
      : none
  },
  equality(node) {
    return ts.isBinaryExpression(node) ? swap(node.operatorToken, [['===', '!==']]) : none
  },
  arithmetic(node) {
    if (ts.isPostfixUnaryExpression(node)) return replace(node, swapSteps(node.getText()))
    if (!ts.isBinaryExpression(node) || isText(node)) return none
    return swap(node.operatorToken, [
      ['+', '-'],
      ['*', '/'],
      ['+=', '-=']
    ])
  },
  'negation removed'(node) {
    return ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken
      ? replace(node, node.operand.getText())
      : none
  },
  boolean(node) {
    return node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword
      ? swap(node, [['true', 'false']])
      : none
  },
  /** Small numbers are positions and counts, so they grow by one. Large ones are limits, so they double. */
  number(node) {
    if (!ts.isNumericLiteral(node)) return none
    const value = Number(node.text)
    return replace(node, String(value < 1000 ? value + 1 : value * 2))
  },
  'error code'(node) {
    if (!ts.isStringLiteral(node) || !/^AUTH_[A-Z_]+$/.test(node.text)) return none
    return replace(node, node.text === 'AUTH_INVALID_TOKEN' ? "'AUTH_REVOKED_TOKEN'" : "'AUTH_INVALID_TOKEN'")
  },
  method(node) {
    const method = calledMethod(node)
    return method
      ? swap(method, [
          ['Math.max', 'Math.min'],
          ['Math.floor', 'Math.ceil']
        ]).concat(
          swap(method.name, [
            ['some', 'every'],
            ['startsWith', 'endsWith']
          ])
        )
      : none
  },
  'call removed'(node) {
    const method = calledMethod(node)
    if (method === null || !ts.isCallExpression(node)) return none
    if (method.getText() === 'Object.freeze') return replace(node, node.arguments[0]!.getText())
    return /^(filter|toLowerCase|trim|slice)$/.test(method.name.text)
      ? replace(node, method.expression.getText())
      : none
  },
  'statement removed'(node) {
    const isStep = ts.isExpressionStatement(node) && !isSuperCall(node)
    return isStep || isEarlyExit(node) ? replace(node, ';') : none
  },
  'await removed'(node) {
    return ts.isAwaitExpression(node) && !isReturned(node) ? replace(node, node.expression.getText()) : none
  },
  'optional chaining'(node) {
    if (node.kind !== ts.SyntaxKind.QuestionDotToken) return none
    return replace(node, ts.isPropertyAccessExpression(node.parent) ? '.' : '')
  },
  anchor(node) {
    if (!ts.isRegularExpressionLiteral(node)) return none
    const text = node.getText()
    const changed = [text.replace(/^\/\^/, '/'), text.replace(/\$(\/\w*)$/, '$1')].filter(
      (other) => other !== text && !other.startsWith('//')
    )
    return changed.flatMap((other) => replace(node, other))
  }
}

function swapSteps(text: string): string {
  return text.endsWith('++') ? text.replace(/\+\+$/, '--') : text.replace(/--$/, '++')
}

/** Syntax without an effect at run time. */
function isOfTypes(node: ts.Node): boolean {
  return (
    ts.isTypeNode(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node) ||
    ts.isModuleDeclaration(node)
  )
}

/** All mutations of a file's text, in order. */
export function mutationsOf(file: string, text: string): Mutation[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found = new Map<string, Mutation>()
  const visit = (node: ts.Node): void => {
    if (isOfTypes(node)) return
    for (const [operator, changesTo] of Object.entries(operators)) {
      for (const change of changesTo(node)) {
        const mutation = { file, operator, ...change, ...linesOf(source, change) }
        if (mutation.original !== mutation.mutated) {
          found.set(`${change.start} ${change.end} ${change.replacement}`, mutation)
        }
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return [...found.values()].sort((one, other) => one.start - other.start || one.end - other.end)
}

function linesOf(source: ts.SourceFile, { start, end, replacement }: Change) {
  const { text } = source
  const { line } = source.getLineAndCharacterOfPosition(start)
  const from = source.getPositionOfLineAndCharacter(line, 0)
  const to = text.indexOf('\n', end) < 0 ? text.length : text.indexOf('\n', end)
  return {
    line: line + 1,
    original: asOneLine(text.slice(from, to)),
    mutated: asOneLine(text.slice(from, start) + replacement + text.slice(end, to))
  }
}

function asOneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ')
}

export function apply(text: string, { start, end, replacement }: Change): string {
  return text.slice(0, start) + replacement + text.slice(end)
}
