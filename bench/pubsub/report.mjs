import { statfsSync } from 'node:fs'
import { median } from '../lib/measure.mjs'
import { shown, table } from '../lib/report.mjs'
import { scenarios } from './scenarios.mjs'
import { servers } from './servers.mjs'

/** What was measured of our service, with its goals, in Markdown. */
export function serviceTable(samples) {
  const rows = scenarios.flatMap(({ id, title, rows }) => {
    const own = samples.filter(({ scenario, error }) => scenario === id && error === undefined)
    if (own.length === 0) return []
    return rows.map(({ title: what, number, goal }, index) => {
      const value = median(own.map(number))
      return [index === 0 ? title : '', what, shown(value), ...verdict(value, goal)]
    })
  })
  return [table(['', '', 'median', 'goal', ''], rows, 2), ...failures(samples)].join('\n\n')
}

function failures(samples) {
  const failed = samples.filter(({ error }) => error !== undefined)
  return failed.length === 0
    ? []
    : [failed.map(({ scenario, error }) => `- ${scenario} has failed: ${error}`).join('\n')]
}

function verdict(value, { least, most } = {}) {
  if (least !== undefined)
    return [`≥ ${exact(least)}`, value >= least ? 'reached' : `missed by ${share(1 - value / least)}`]
  if (most !== undefined)
    return [`≤ ${exact(most)}`, value <= most ? 'reached' : `missed by ${share(value / most - 1)}`]
  return ['', '']
}

const exact = goal => goal.toLocaleString('en-US')
const share = part => `${Math.ceil(part * 100)} %`

/** Real servers beside ours, in Markdown: the medians of the ratios of single rounds, and why some are not there. */
export function serversTable({ samples, skipped }) {
  const rows = servers.flatMap(({ name, kind }) => {
    const own = samples.filter(({ scenario, error }) => scenario === kind && error === undefined)
    const ratio = number => median(own.map(sample => number(sample) / sample.own)).toFixed(2)
    return own.length === 0 ? [] : [[name, '1', ratio(({ alone }) => alone), ratio(({ together }) => together)]]
  })
  const head = ['', 'its own service', 'ours', 'ours and the server that carries it']
  const parts = rows.length > 0 ? [table(head, rows)] : []
  if (skipped.length > 0) parts.push(skipped.map(why => `- not measured: ${why}`).join('\n'))
  parts.push(...failures(samples))
  return parts.join('\n\n')
}

/** What file system a directory is on. */
export function fileSystemOf(directory) {
  const { type } = statfsSync(directory)
  return fileSystems.get(type) ?? `file system 0x${type.toString(16)}`
}

const fileSystems = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0x01021994, 'tmpfs, which has nothing to sync'],
])
