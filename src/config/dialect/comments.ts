/** Told what is odd about a comment. */
export type CommentReport = (code: string, line: number, message: string) => void

/** Asterisk stops counting here. */
const deepest = 128

/** Takes the comments out of the lines of one file: `; …` to the end of the line, `;-- … --;` over lines and nested. */
export class Comments {
  readonly #report: CommentReport
  /** The lines on which the blocks that are open now began, outermost first. */
  readonly #open: number[] = []

  constructor(report: CommentReport) {
    this.#report = report
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
    const [line] = this.#open
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
