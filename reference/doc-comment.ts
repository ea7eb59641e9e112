import ts from 'typescript'

/** A doc comment in its parts. The texts are Markdown, except for `{@link}`, which only a page can resolve. */
export interface DocComment {
  readonly text: string
  readonly parameters: readonly { readonly name: string; readonly text: string }[]
  readonly errors: readonly string[]
}

const noComment: DocComment = { text: '', parameters: [], errors: [] }

/** The doc comment of a declaration. */
export function docCommentOf(declaration: ts.Node | undefined): DocComment {
  const comment = declaration && ts.getJSDocCommentsAndTags(holderOf(declaration)).findLast(ts.isJSDoc)
  if (comment === undefined) return noComment
  const tags: readonly ts.JSDocTag[] = comment.tags ?? []
  return {
    text: textOf(comment.comment),
    parameters: tags
      .filter(ts.isJSDocParameterTag)
      .map((tag) => ({ name: tag.name.getText(), text: textOf(tag.comment) }))
      .filter(({ text }) => text !== ''),
    errors: tags
      .filter(ts.isJSDocThrowsTag)
      // TypeScript takes a first word in braces as a type, and any other as text.
      .map((tag) => textOf(tag.comment))
  }
}

/** The comment of a variable stands before its statement. */
function holderOf(declaration: ts.Node): ts.Node {
  return ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
}

function textOf(comment: string | ts.NodeArray<ts.JSDocComment> | undefined): string {
  if (comment === undefined) return ''
  if (typeof comment === 'string') return comment.trim()
  return comment
    .map((part) => ('name' in part && part.name ? `{@link ${part.name.getText()}${part.text}}` : part.text))
    .join('')
    .trim()
}
