import t from 'tap'
import {
  bitString,
  boolean,
  constructed,
  der,
  integer,
  octetString,
  oid,
  sequence,
  time,
} from '../../src/testing/der.ts'

t.test('lengths take the shortest form (X.690 §10.1)', async t => {
  const head = (size: number) => octetString(Buffer.alloc(size)).subarray(0, -size || undefined)
  t.equal(head(0).toString('hex'), '0400')
  t.equal(head(127).toString('hex'), '047f')
  t.equal(head(128).toString('hex'), '048180')
  t.equal(head(255).toString('hex'), '0481ff')
  t.equal(head(256).toString('hex'), '04820100')
  t.equal(head(65535).toString('hex'), '0482ffff')
  t.equal(head(65536).toString('hex'), '0483010000')
})

t.test('integers stay positive and minimal (X.690 §8.3)', async t => {
  const hex = (...bytes: number[]) => integer(Buffer.from(bytes)).toString('hex')
  t.equal(hex(0x7f), '02017f')
  t.equal(hex(0x80), '02020080')
  t.equal(hex(0xff, 0x00), '020300ff00')
  t.equal(hex(0x00, 0x00, 0x01), '020101')
  t.equal(hex(0x00, 0x80), '02020080')
  t.equal(hex(0x00), '020100')
  t.equal(hex(), '020100')
})

t.test('object identifiers', async t => {
  t.equal(oid('2.5.29.17').toString('hex'), '0603551d11')
  t.equal(oid('1.2.840.10045.4.3.2').toString('hex'), '06082a8648ce3d040302')
  t.equal(oid('1.3.6.1.5.5.7.8.5').toString('hex'), '06082b06010505070805')
})

t.test('times change their form at 1950 and 2050 (RFC 5280 §4.1.2.5)', async t => {
  const text = (iso: string) => {
    const value = time(new Date(iso))
    return `${value[0]?.toString(16)} ${value.subarray(2).toString()}`
  }
  t.equal(text('2049-12-31T23:59:59.999Z'), '17 491231235959Z')
  t.equal(text('2050-01-01T00:00:00Z'), '18 20500101000000Z')
  t.equal(text('1950-01-01T00:00:00Z'), '17 500101000000Z')
  t.equal(text('1949-12-31T23:59:59Z'), '18 19491231235959Z')
  t.equal(text('2026-03-04T12:30:00+02:00'), '17 260304103000Z')
})

t.test('the rest', async t => {
  t.equal(boolean(true).toString('hex'), '0101ff')
  t.equal(boolean(false).toString('hex'), '010100')
  t.equal(bitString(Buffer.of(0x04), 2).toString('hex'), '03020204')
  t.equal(constructed(3, sequence()).toString('hex'), 'a3023000')
  t.equal(der(0x05).toString('hex'), '0500')
})
