/** A connection of a peer that counts what it hears, and can ask the server something in a message. */
export class Counted {
  /** The last message that was no answer of the server's. */
  from
  body
  /** Messages with a character that had not been decoded. */
  corrupted = 0
  #connection
  #heard = 0
  #wanted = 0
  #reached = () => {}
  #answered

  constructor(connection) {
    this.#connection = connection
    connection.onMessage((from, body) => this.#hear(from, body))
  }

  #hear(from, body) {
    if (this.#answered !== undefined && body?.charCodeAt(0) === HASH) {
      this.#answered(body)
      this.#answered = undefined
      return
    }
    this.from = from
    this.body = body
    if (body?.includes('\ufffd')) this.corrupted++
    if (++this.#heard === this.#wanted) this.#reached()
  }

  /** Lets the server send so many messages of a kind; resolves when the last has been heard. */
  hear(count, kind) {
    this.#heard = 0
    this.#wanted = count
    const heard = new Promise(resolve => {
      this.#reached = resolve
    })
    this.send('srv@localhost', `!blast ${count} ${kind}`)
    return heard
  }

  /** What the server says to a command. */
  ask(command) {
    const answer = new Promise(resolve => {
      this.#answered = resolve
    })
    this.send('srv@localhost', `!${command}`)
    return answer.then(body => body.slice(body.indexOf(' ') + 1))
  }

  send(to, body) {
    return this.#connection.send(to, body)
  }

  ping(to) {
    return this.#connection.ping(to)
  }

  close() {
    return this.#connection.close()
  }
}

const HASH = 35
