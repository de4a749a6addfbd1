/** Asterisk's entity ids: six bytes that tell one PBX from another. */
import type { NetworkInterfaceInfo } from 'node:os'

/** An EID as Asterisk writes it, `02:00:00:00:00:01`; undefined for what is none. */
export function readEid(text: string): string | undefined {
  const eid = text.trim().toLowerCase()
  return /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(eid) && eid !== NOBODY ? eid : undefined
}

/** The EID of a machine, as Asterisk chooses it: the first hardware address that it has. */
export function hardwareEid(
  interfaces: Readonly<Record<string, readonly Pick<NetworkInterfaceInfo, 'mac' | 'internal'>[] | undefined>>,
): string | undefined {
  const addresses = Object.values(interfaces).flatMap(infos => infos ?? [])
  return addresses.flatMap(({ mac, internal }) => (internal ? [] : (readEid(mac) ?? []))).at(0)
}

/** What an interface without a hardware address has. */
const NOBODY = '00:00:00:00:00:00'
