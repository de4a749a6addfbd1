// The PubSub services of real servers beside ours, by CPU time of their processes alone.
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { publishing, SUBSCRIBERS } from './fan-out.mjs'
import { payloads } from './payloads.mjs'
import { start } from './services.mjs'
import { asking, attach } from './wire.mjs'

const run = promisify(execFile)
const SECRET = 'compsecret'

/** As test/live/servers has them: the second of each kind, which may be stopped without stopping the first. */
export const servers = [
  { name: 'Prosody', kind: 'prosody', program: '/usr/bin/prosody', port: 17247, busy: [17047, 17247] },
  { name: 'ejabberd', kind: 'ejabberd', program: '/usr/sbin/ejabberdctl', port: 17347, busy: [17147, 17347] },
].map(server => ({ ...server, domain: `${server.kind}.test`, folder: folderOf(server.kind) }))

function folderOf(kind) {
  return fileURLToPath(new URL(`../../test/live/servers/${kind}/`, import.meta.url))
}

/** Why a server cannot be measured; undefined when it can. */
export async function obstacle({ name, program, folder, busy }) {
  if (!existsSync('/proc/self/stat')) return 'this system has no /proc to read its CPU time from'
  if (!existsSync(`${folder}up.sh`) || !existsSync(program)) return `${name} is not installed`
  for (const port of busy) if (await answers(port)) return `somebody else has one running (port ${port})`
  return undefined
}

async function answers(port) {
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/**
 * What a server's own service takes for each who is told, and what ours takes as a component of that server, alone and together with the server that carries
 * what it says. The subscribers are addresses of one component, so that one connection hears all. The server is started for this.
 * @returns microseconds of CPU time: `own`, `alone`, `together`
 */
export async function besides({ folder, port, domain }, { directory, publications }) {
  const down = () => execFileSync(`${folder}down.sh`, ['--second'], { stdio: 'ignore' })
  process.on('exit', down)
  try {
    await run(`${folder}up.sh`, ['--no-install', '--second'])
    const group = readFileSync(`${folder}run/second/pgid`, 'utf8').trim()
    const place = { host: '127.0.0.1', port, domain, group, publications }
    return { own: await theirs(place), ...(await ours(place, directory)) }
  } finally {
    process.off('exit', down)
    down()
  }
}

async function theirs({ host, port, domain, group, publications }) {
  const wire = await attach({ host, port, domain: `comp.${domain}`, secret: SECRET })
  const cpu = async () => cpuOf(group)
  const { microseconds } = await filled(wire, { service: `pubsub.${domain}`, domain, publications, cpu })
  wire.end()
  return microseconds
}

async function ours({ host, port, domain, group, publications }, directory) {
  const own = `pbx.${domain}`
  const service = await start({ host, port, domain: own, secret: SECRET, directory, durable: true })
  const wire = await attach({ host, port, domain: `comp.${domain}`, secret: SECRET })
  const marks = []
  const cpu = async () => {
    const alone = await service.cpu()
    marks.push(alone)
    return alone + cpuOf(group)
  }
  const { microseconds } = await filled(wire, { service: own, domain, publications, cpu })
  await service.stop()
  wire.end()
  return { alone: ((marks[1] - marks[0]) / publications / SUBSCRIBERS) * 1e6, together: microseconds }
}

/** A new node with its subscribers, and what is published to it. */
async function filled(wire, { service, domain, publications, cpu }) {
  const owner = `comp.${domain}`
  const node = `bench-${Date.now()}`
  await wire.ask(owner, service, asking.create(node))
  for (let at = 0; at < SUBSCRIBERS; at++) {
    const jid = `pbx${at}@comp.${domain}`
    await wire.ask(jid, service, asking.subscribe(node, jid))
  }
  const publish = n => wire.ask(owner, service, asking.publish(node, 'SIP/100', payloads.state(n)))
  const numbers = await publishing({ wire, publish, publications, cpu })
  await wire.ask(owner, service, asking.remove(node))
  return numbers
}

/** Seconds of CPU time that the processes of a group have taken so far. */
function cpuOf(group) {
  let ticks = 0
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    const fields = statOf(pid)
    if (fields[2] === group) ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / 100
}

/** What is behind the name of a process: state, parent, group and so on; nothing of one that has just ended. */
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}
