import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'

const SALT = Buffer.from('salt of the bench')
const ITERATIONS = 4096
const hashes = { 'SCRAM-SHA-1': 'sha1', 'SCRAM-SHA-256': 'sha256' }
const keys = new Map()

/** What the server keeps of a password; derived once, for only the clients are measured. */
function keysOf(hash, password) {
  const name = `${hash} ${password}`
  let found = keys.get(name)
  if (found === undefined) {
    const salted = pbkdf2Sync(password, SALT, ITERATIONS, createHash(hash).digest().length, hash)
    const mac = text => createHmac(hash, salted).update(text).digest()
    found = { stored: createHash(hash).update(mac('Client Key')).digest(), server: mac('Server Key') }
    keys.set(name, found)
  }
  return found
}

/** The server's side of SCRAM (RFC 5802) without channel binding, for any user with this password. */
export class Scram {
  #hash
  #password
  #bare
  #first
  #nonce

  constructor(mechanism, password) {
    this.#hash = hashes[mechanism]
    this.#password = password
  }

  /** @returns the challenge */
  first(message) {
    this.#bare = message.slice(message.indexOf(',', message.indexOf(',') + 1) + 1)
    this.#nonce = /(?:^|,)r=([^,]*)/.exec(this.#bare)[1] + randomBytes(12).toString('base64')
    this.#first = `r=${this.#nonce},s=${SALT.toString('base64')},i=${ITERATIONS}`
    return this.#first
  }

  /** @returns the server's own proof, undefined when the client's is wrong */
  final(message) {
    const at = message.lastIndexOf(',p=')
    const proof = Buffer.from(message.slice(at + 3), 'base64')
    const text = `${this.#bare},${this.#first},${message.slice(0, at)}`
    const { stored, server } = keysOf(this.#hash, this.#password)
    const mac = key => createHmac(this.#hash, key).update(text).digest()
    const signature = mac(stored)
    if (proof.length !== signature.length || !message.includes(`r=${this.#nonce}`)) return undefined
    const key = Buffer.from(signature.map((byte, index) => byte ^ proof[index]))
    if (!timingSafeEqual(createHash(this.#hash).update(key).digest(), stored)) return undefined
    return `v=${mac(server).toString('base64')}`
  }
}
