import { printable } from '../../src/printable.ts'
import { prepare } from '../../src/sasl/prepare.ts'
import { escapeAttribute, escapeXml } from '../../src/stream/escape.ts'

/** A form in which a peer may repeat a secret. */
export type Form = (secret: string) => string | Promise<string>

const asPrepared: Form = secret => prepare(secret, 'password').catch(() => secret)
const lower = (text: string): string => text.replace(/%../g, digits => digits.toLowerCase())
const inForm = (secret: string): string => new URLSearchParams({ x: secret }).toString().slice(2)

/** All of them; a test of what hides secrets goes through each. */
export const forms: Readonly<Record<string, Form>> = {
  raw: secret => secret,
  prepared: asPrepared,
  text: escapeXml,
  attribute: escapeAttribute,
  'text twice': secret => escapeXml(escapeXml(secret)),
  'the least of escapes': secret => secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
  'prepared, as text': async secret => escapeXml(await asPrepared(secret)),
  percent: encodeURIComponent,
  'percent in lower case': secret => lower(encodeURIComponent(secret)),
  form: inForm,
  'form in lower case': secret => lower(inForm(secret)),
  json: secret => JSON.stringify(secret).slice(1, -1),
  log: printable,
  base64: secret => Buffer.from(secret).toString('base64'),
  base64url: secret => Buffer.from(secret).toString('base64url'),
  'base64 of PLAIN': secret => Buffer.from(`\0juliet\0${secret}`).toString('base64'),
  'base64 of PLAIN, prepared': async secret => Buffer.from(`\0juliet\0${await asPrepared(secret)}`).toString('base64'),
  'base64 of Basic': secret => Buffer.from(`id:${secret}`).toString('base64'),
  'base64 of a list': secret => Buffer.from(`["${secret}"]`).toString('base64'),
  hex: secret => Buffer.from(secret).toString('hex'),
  'hex in upper case': secret => Buffer.from(secret).toString('hex').toUpperCase(),
}
