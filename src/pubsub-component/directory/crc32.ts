import * as zlib from 'node:zlib'

/** Node has one of its own from 20.15 on, which takes a third of the time. */
const nodes: ((bytes: Uint8Array) => number) | undefined = zlib.crc32

/** CRC-32 as in zlib, gzip and PNG: a whole number from 0 to 2³² - 1. */
export const crc32: (bytes: Uint8Array) => number = nodes ?? tableCrc32

/** The same for a Node that has none. */
export function tableCrc32(bytes: Uint8Array): number {
  let crc = ~0
  for (let index = 0; index < bytes.length; index++)
    crc = (table[(crc ^ (bytes[index] as number)) & 0xff] as number) ^ (crc >>> 8)
  return ~crc >>> 0
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1
  return crc
})
