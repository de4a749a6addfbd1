import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import type { DataForm } from '../../src/xep/0004-data-forms.ts'
import { type DiscoInfo, readInfo } from '../../src/xep/0030-disco.ts'
import { flaw, isKnownHash, unverified, verificationString, verified } from '../../src/xep/0115-verification.ts'
import { received } from '../helper/received.ts'

/** What an answer with these children says. */
const answer = (children: string): DiscoInfo =>
  readInfo(received(`<query xmlns='http://jabber.org/protocol/disco#info'>${children}</query>`))

/** The hash of what is written down here, by nothing of ours. */
const hashed = (s: string, algorithm = 'sha1'): string => createHash(algorithm).update(s).digest('base64')

const pc = "<identity category='client' type='pc'/>"
const features = (...names: string[]): string => names.map(name => `<feature var='${name}'/>`).join('')
const field = (name: string, ...values: string[]): string =>
  `<field var='${name}'>${values.map(value => `<value>${value}</value>`).join('')}</field>`
const kind = (...values: string[]): string => field('FORM_TYPE', ...values).replace('<field', "<field type='hidden'")
const form = (...fields: string[]): string => `<x xmlns='jabber:x:data' type='result'>${fields.join('')}</x>`

t.test('the example of §5.2', async t => {
  const exodus = answer(`<identity category='client' name='Exodus 0.9.1' type='pc'/>
    <feature var='http://jabber.org/protocol/caps'/>
    <feature var='http://jabber.org/protocol/muc'/>
    <feature var='http://jabber.org/protocol/disco#info'/>
    <feature var='http://jabber.org/protocol/disco#items'/>`)
  t.equal(verificationString(exodus), 'QgayPKawpkPSDYmwT/WM94uAlu0=')
  t.ok(verified(exodus, 'sha-1', 'QgayPKawpkPSDYmwT/WM94uAlu0='))
  t.equal(verified(exodus, 'sha-1', 'q07IKJEyjvHSyhy//CH0CxmKi8w='), undefined)
})

t.test('the example of §5.3', async t => {
  const psi = answer(`<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
    <identity xml:lang='el' category='client' name='&#936; 0.11' type='pc'/>
    ${features('http://jabber.org/protocol/caps', 'http://jabber.org/protocol/disco#info')}
    ${features('http://jabber.org/protocol/disco#items', 'http://jabber.org/protocol/muc')}
    ${form(
      field('os', 'Mac'),
      field('software', 'Psi'),
      kind('urn:xmpp:dataforms:softwareinfo'),
      field('software_version', '0.11'),
      field('ip_version', 'ipv6', 'ipv4'),
      field('os_version', '10.5.1'),
    )}`)
  t.equal(verificationString(psi), 'q07IKJEyjvHSyhy//CH0CxmKi8w=')
  t.match(verified(psi, 'sha-1', 'q07IKJEyjvHSyhy//CH0CxmKi8w='), {
    identities: [{ lang: 'el', name: 'Ψ 0.11' }, { lang: 'en' }],
    forms: [{ fields: [{ var: 'FORM_TYPE' }, { var: 'ip_version', values: ['ipv4', 'ipv6'] }, { var: 'os' }] }],
  })
})

t.test('every hash function there is, and no other', async t => {
  const info = answer(pc + features('a'))
  for (const [hash, algorithm] of [
    ['sha-1', 'sha1'],
    ['sha-224', 'sha224'],
    ['sha-256', 'sha256'],
    ['sha-384', 'sha384'],
    ['sha-512', 'sha512'],
    ['sha3-256', 'sha3-256'],
    ['sha3-512', 'sha3-512'],
  ] as const) {
    const ver = hashed('client/pc//<a<', algorithm)
    t.equal(verificationString(info, hash), ver, hash)
    t.ok(verified(info, hash, ver), hash)
    t.equal(verified(info, hash, hashed('client/pc//<a<', 'md5')), undefined, hash)
  }
  for (const hash of ['md5', 'sha1', 'SHA-1', '', 'constructor', '__proto__', 'ripemd160']) {
    t.notOk(isKnownHash(hash), hash)
    t.equal(verified(info, hash, hashed('client/pc//<a<', 'md5')), undefined, hash)
    t.throws(() => verificationString(info, hash), RangeError, hash)
  }
  t.notOk(isKnownHash(undefined))
})

/** Each answer gives that S of §5.1. */
function gives(t: Test, children: string, s: string): void {
  const info = answer(children)
  t.equal(verificationString(info), hashed(s), s)
  t.ok(verified(info, 'sha-1', hashed(s)), s)
}

t.test('everything is sorted by octets of UTF-8', async t => {
  const [rose, tilde] = ['\u{1f339}', '\uff5e']
  t.ok(rose < tilde, 'JavaScript has it the other way')
  gives(t, pc + features(rose, tilde, 'é', 'z', 'Z', ''), `client/pc//<<Z<z<é<${tilde}<${rose}<`)
  gives(t, pc + form(kind('k'), field('f', rose, tilde)), `client/pc//<k<f<${tilde}<${rose}<`)
  gives(t, pc + form(kind('k'), field(rose), field(tilde)), `client/pc//<k<${tilde}<${rose}<`)
  gives(t, pc + form(kind(rose)) + form(kind(tilde)), `client/pc//<${tilde}<${rose}<`)
  const identity = (category: string, type: string, more = ''): string =>
    `<identity category='${category}' type='${type}' ${more}/>`
  gives(t, identity(rose, 'x') + identity(tilde, 'x'), `${tilde}/x//<${rose}/x//<`)
  gives(t, identity('client-x', 'a') + identity('client', 'b'), 'client/b//<client-x/a//<')
  gives(t, identity('c', 'pc', "xml:lang='el' name='b'") + identity('c', 'pc', "name='z'"), 'c/pc//z<c/pc/el/b<')
})

t.test('values, and fields without any', async t => {
  gives(t, pc + form(kind('k', 'k'), field('b', '2', '1'), field('a')), 'client/pc//<k<a<b<1<2<')
  gives(t, pc + form(kind('k'), '<field><value>v</value></field>'), 'client/pc//<k<<v<')
  gives(t, pc + form(kind('k'), field('v', '')), 'client/pc//<k<v<<')
  gives(t, `<identity category='client' type='pc' name='a/b &amp;lt; c'/>`, 'client/pc//a/b &lt; c<')
})

t.test('a form that has no hidden FORM_TYPE is ignored, and is not kept either (§5.4, 3.6)', async t => {
  const s = 'client/pc//<a<k<f<v<'
  const good = form(kind('k'), field('f', 'v'))
  for (const other of [
    form(field('f', 'v')),
    form(field('FORM_TYPE', 'other'), field('f', 'v')),
    form(kind(), field('f', 'v')),
    form(kind('other').replace('hidden', 'text-single')),
  ]) {
    gives(t, pc + features('a') + other + good, s)
    t.equal(verified(answer(pc + features('a') + other + good), 'sha-1', hashed(s))?.forms.length, 1)
  }
})

t.test('an answer that is ill-formed is never verified, though its hash fits (§5.4, 3.3 to 3.5)', async t => {
  const named = "<identity category='client' type='pc' name='n' xml:lang='en'/>"
  for (const [why, children, s] of [
    [/identity is there twice/, pc + pc, 'client/pc//<client/pc//<'],
    [/identity is there twice/, named + named, 'client/pc/en/n<client/pc/en/n<'],
    [/feature is there twice/, pc + features('a', 'b', 'a'), 'client/pc//<a<a<b<'],
    [/two forms/, pc + form(kind('k')) + form(kind('k')), 'client/pc//<k<k<'],
    [/two forms/, pc + form(kind('k'), field('a')) + form(kind('k'), field('b')), 'client/pc//<k<a<k<b<'],
    [/more than one FORM_TYPE/, pc + form(kind('k', 'l')), 'client/pc//<k<'],
    [/more than one FORM_TYPE/, pc + form(kind('k'), kind('l')), 'client/pc//<k<'],
    // Not listed there: see what flaw() says of it.
    [/no identity/, features('a', 'client/pc//'), 'a<client/pc//<'],
    [/a \/ in/, "<identity category='client/pc' type='x'/>", 'client/pc/x//<'],
    [/a \/ in/, "<identity category='client' type='pc/x'/>", 'client/pc/x//<'],
    [/a \/ in/, "<identity category='client' type='pc' xml:lang='/x'/>", 'client/pc//x/<'],
    [/a </, "<identity category='client' type='pc' name='n&lt;a'/>", 'client/pc//n<a<'],
    [/a </, pc + features('a&lt;b'), 'client/pc//<a<b<'],
    [/a </, pc + form(kind('k'), field('f&lt;v')), 'client/pc//<k<f<v<'],
    [/a </, pc + form(kind('k'), field('f', 'v&lt;w')), 'client/pc//<k<f<v<w<'],
    [/a </, pc + form(kind('k&lt;f')), 'client/pc//<k<f<'],
  ] as const) {
    const info = answer(children)
    t.match(flaw(info), why, children)
    t.equal(verificationString(info), hashed(s), 'it would fit')
    t.equal(verified(info, 'sha-1', hashed(s)), undefined, children)
    t.ok(unverified(info), 'what it says is of that one JID')
  }
  const twoNames = "<identity category='client' type='pc' name='m' xml:lang='en'/>"
  t.equal(flaw(answer(named + twoNames)), undefined, 'one language, two names: that is no duplicate')
})

t.test('what was not hashed is not kept: an attacker could have put it there', async t => {
  const s = 'client/pc//<a<b<k<f<1<2<'
  const plain = pc + features('a', 'b') + form(kind('k'), field('f', '1', '2'))
  const odd =
    features('b', 'a') +
    `<x xmlns='jabber:x:data' type='odd'>${field('f', '2', '1').replace('<field', "<field type='odd' label='odd'")}${kind('k', 'k')}</x>` +
    "<odd xmlns='urn:odd'/><feature/><identity category='client'/>" +
    pc
  const kept = verified(answer(plain), 'sha-1', hashed(s))
  t.ok(kept)
  t.strictSame(verified(answer(odd), 'sha-1', hashed(s)), kept)
})

t.test('the characters that stand for < are four characters (§5.1)', async t => {
  const info = answer(`<identity category='client' type='pc' name='SomeClient&amp;lt;http://jabber.org/protocol/muc'/>`)
  const muc = answer(
    `<identity category='client' type='pc' name='SomeClient'/>${features('http://jabber.org/protocol/muc')}`,
  )
  t.not(verificationString(info), verificationString(muc))
})

t.test('what is too large is not kept at all', async t => {
  const many = (count: number): DiscoInfo => ({
    identities: [{ category: 'client', type: 'pc' }],
    features: Array.from({ length: count }, (_, at) => `${at}`),
    forms: [],
  })
  const long = (length: number): DiscoInfo => ({ ...many(0), features: ['é'.repeat(length / 2)] })
  const fields = (count: number): DiscoInfo => {
    const values: DataForm['fields'] = [{ var: 'f', type: undefined, values: Array(count).fill('') }]
    return { ...many(0), forms: [{ type: 'result', fields: values }] }
  }
  for (const [info, fits] of [
    [many(1999), true],
    [many(2000), false],
    [long(65_000), true],
    [long(65_600), false],
    [fields(1998), true],
    [fields(1999), false],
  ] as const) {
    t.equal(verified(info, 'sha-1', verificationString(info)) !== undefined, fits)
    t.equal(unverified(info) !== undefined, fits)
  }
})

t.test('what one JID tells of itself is sorted too, each feature once', async t => {
  t.strictSame(unverified(answer(features('b', 'a', 'b'))), { identities: [], features: ['a', 'b'], forms: [] })
})
