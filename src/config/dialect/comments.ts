/** Told what is odd about a comment; line 0 is the file as a whole. */
export type CommentReport = (code: string, line: number, message: string) => void

/** Asterisk stops counting here. */
const deepest = 128

/**
 * Takes the comments out of the lines of a file: `; …` to the end of the line, `;-- … --;` over lines and nested. Files that one glob
 * matches share it, one after the other: Asterisk forgets no block between them.
 */
export class Comments {
  #report: CommentReport = () => {}
  /** The lines on which the blocks that are open now began, outermost first; 0 for one of an earlier file. */
  readonly #open: number[] = []

  /** To be called before the first line of a file. */
  begin(report: CommentReport): void {
    this.#report = report
    if (this.#open.length === 0) return
    this.#open.fill(0)
    report(
      'open-comment',
      0,
      'it begins inside a comment: a file that the same pattern matches before it never ends one',
    )
  }

  /** What of the line is outside comments, the backslash of every `\;` gone. Lines must come in order. */
  strip(line: string, number: number): string {
    let live = ''
    /** Where the text begins that is outside comments and not yet in `live`; meaningless inside a block. */
    let from = 0
    /** No token reaches back over the end of the one before it: the `;--` of `;--;` does not lend its dashes to a `--;`. */
    let floor = 0
    for (let at = line.indexOf(';'); at >= 0; at = line.indexOf(';', floor)) {
      const inside = this.#open.length > 0
      if (at > floor && line[at - 1] === '\\') {
        if (!inside) {
          live += line.slice(from, at - 1)
          from = at
        }
        floor = at + 1
      } else if (line.startsWith('--', at + 1) && line[at + 3] !== '-') {
        if (!inside) live += line.slice(from, at)
        if (this.#open.length < deepest) this.#open.push(number)
        else
          this.#report(
            'comment-depth',
            number,
            `comments are nested deeper than ${deepest} here; this ";--" does not count`,
          )
        floor = at + 3
      } else if (at >= floor + 2 && line.startsWith('--', at - 2)) {
        floor = at + 1
        if (!inside) {
          this.#report('stray-comment-end', number, stray)
          continue
        }
        this.#open.pop()
        from = floor
      } else if (inside) {
        floor = at + 1
      } else {
        return live + line.slice(from, at)
      }
    }
    return this.#open.length > 0 ? live : live + line.slice(from)
  }

  /** To be called behind the last line: reports a block that is still open. */
  end(): void {
    const line = this.#open.find(line => line > 0)
    if (line !== undefined)
      this.#report(
        'open-comment',
        line,
        'the comment that ";--" begins here is never ended by "--;": the rest of the file is ignored',
      )
  }
}

const stray =
  '"--;" ends no comment block and is taken as text (Asterisk would ignore the rest of the file); for a literal ";" write "\\;"'
