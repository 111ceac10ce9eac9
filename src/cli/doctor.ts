/** Looks at everything an operator would be asked about, and says what is wrong and what to do. */

import { Database } from 'bun:sqlite'
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { migrations } from '../../migrations'
import type { Config } from '../config'
import { verifyLedger } from '../modules/ledger'
import { type Channel, createChannels, TAKES } from '../modules/notifications'
import { openReader, pathsOf, storeErrorOf } from '../platform/db'
import { listBackups } from '../platform/db/backup'
import { pendingMigrations } from '../platform/db/migrate'
import { connectPostgres } from '../platform/db/postgres'
import { keyFileIn } from '../platform/security/instance-key'
import { createKeyring, KEY_BYTES } from '../platform/security/keyring'
import type { Verb } from '.'
import { locationOf } from './boot'

type State = 'ok' | 'warn' | 'FAIL'
interface Finding {
  state: State
  what: string
}

const LOW_DISK_BYTES = 1024 ** 3
const DAY_MS = 24 * 3_600_000

export const doctor: Verb = {
  name: 'doctor',
  summary:
    'Check the installation: folder, disk, key, database, books, backups, channels; exit code 1 if something is broken.',
  usage: 'doctor [--data ./data]',
  flags: {},
  async run({ config }) {
    const checks = [dataFolder, disk, instanceKey, database, books, backups, channels, network]
    let broken = false
    for (const check of checks) {
      for (const { state, what } of await check(config).catch(unexpected)) {
        console.log(`${state.padEnd(5)} ${what}`)
        if (state === 'FAIL') broken = true
      }
    }
    return broken ? 1 : 0
  },
}

const unexpected = (error: unknown): Finding[] => [
  { state: 'FAIL', what: storeErrorOf(error)?.message ?? (error as Error).message },
]
const one = (state: State, what: string): Finding[] => [{ state, what }]

async function dataFolder({ data }: Config): Promise<Finding[]> {
  if (!existsSync(data)) {
    return one('FAIL', `The data folder ${data} is not there: name it with --data, or start Kumbu once.`)
  }
  try {
    accessSync(data, constants.W_OK)
    return one('ok', `data folder ${data}`)
  } catch {
    return one('FAIL', `The data folder ${data} cannot be written to: give the user who runs Kumbu write access.`)
  }
}

async function disk({ data }: Config): Promise<Finding[]> {
  if (!existsSync(data)) return []
  const { bavail, bsize } = statfsSync(data)
  const free = bavail * bsize
  const shown = `${(free / 1024 ** 3).toFixed(1)} GiB free on the disk of the data folder`
  return free < LOW_DISK_BYTES ? one('warn', `${shown}: make room before it is full.`) : one('ok', shown)
}

async function instanceKey({ data, instanceKey }: Config): Promise<Finding[]> {
  if (instanceKey !== undefined) return one('ok', 'instance key from the configuration')
  const file = keyFileIn(data)
  if (!existsSync(file)) return one('warn', `There is no instance key at ${file} yet; the first start makes it.`)
  const others = statSync(file).mode & 0o077
  return others === 0 || process.platform === 'win32'
    ? one('ok', `instance key ${file}`)
    : one('FAIL', `Others can read the instance key: chmod 600 ${file}`)
}

async function database(config: Config): Promise<Finding[]> {
  const location = locationOf(config)
  if (location.engine === 'postgres') {
    const client = connectPostgres(location.url, 1)
    try {
      const history = await client.unsafe('SELECT name, checksum FROM schema_migrations ORDER BY name')
      const [about] = (await client.unsafe('SELECT version() AS version')) as Array<{ version: string }>
      return upToDate(
        pendingMigrations(migrations.postgres, history as never),
        about?.version.split(' on ')[0] ?? 'PostgreSQL',
      )
    } finally {
      await client.close()
    }
  }
  if (!existsSync(location.file))
    return one('warn', `There is no database at ${location.file} yet; the first start makes it.`)
  const db = new Database(location.file, { readonly: true })
  try {
    const [check] = db.query('PRAGMA quick_check(1)').all() as Array<{ quick_check: string }>
    if (check?.quick_check !== 'ok')
      return one('FAIL', `The database is damaged (${check?.quick_check.replaceAll(/\s+/g, ' ')}): restore a backup.`)
    const orphans = db.query('PRAGMA foreign_key_check').all().length
    if (orphans > 0) return one('FAIL', `${orphans} rows refer to rows that are not there.`)
    const history = db.query('SELECT name, checksum FROM schema_migrations ORDER BY name').all()
    return upToDate(pendingMigrations(migrations.sqlite, history as never), `database ${location.file}`)
  } finally {
    db.close()
  }
}

function upToDate(pending: Array<{ name: string }>, what: string): Finding[] {
  return pending.length === 0
    ? one('ok', what)
    : one('warn', `${what}: ${pending.length} migrations are pending; the next start applies them.`)
}

async function books(config: Config): Promise<Finding[]> {
  const location = locationOf(config)
  if (location.engine === 'sqlite' && !existsSync(location.file)) return []
  const store = openReader(location)
  try {
    const { ok, findings, transfers } = await verifyLedger(store)
    return ok
      ? one('ok', `the books of ${transfers} transfers are true`)
      : findings.map(({ subject, detail }) => ({ state: 'FAIL', what: `${subject}: ${detail}` }))
  } finally {
    await store.close()
  }
}

async function backups({ data, backupHours }: Config): Promise<Finding[]> {
  if (backupHours === 0) return one('warn', 'Scheduled backups are off (--backup-hours 0).')
  const [newest] = listBackups(pathsOf(data).backups)
  if (newest === undefined) return one('warn', 'There is no backup yet: run kumbu backup.')
  const ageMs = Date.now() - statSync(newest).mtimeMs
  return ageMs > backupHours * 3_600_000 + DAY_MS
    ? one('warn', `The newest backup, ${newest}, is ${Math.floor(ageMs / DAY_MS)} days old.`)
    : one('ok', `newest backup ${newest}; copy it off this machine, with the instance key`)
}

/** Each way of reaching people: set up or not, and whether its providers answer. */
async function channels(config: Config): Promise<Finding[]> {
  const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))
  // Nothing is sent, so whose key it is does not matter.
  const keyring = createKeyring(random(KEY_BYTES), random)
  const all = createChannels(config, { clock: Date.now, keyring, publicUrl: config.publicUrl })
  try {
    const findings: Finding[] = []
    for (const [medium, takes] of Object.entries(TAKES)) {
      const mine = all.filter((channel) => channel.medium === medium)
      if (mine.length === 0)
        findings.push({ state: medium === 'email' ? 'warn' : 'ok', what: `${medium} is off: ${takes}` })
      for (const channel of mine) findings.push(await checkChannel(channel))
    }
    return findings
  } finally {
    for (const channel of all) channel.close()
  }
}

async function checkChannel(channel: Channel): Promise<Finding> {
  const name = `${channel.medium} by ${channel.provider}`
  try {
    const { state, detail } = await channel.check()
    const said = detail === undefined ? '' : `: ${detail}`
    return state === 'up'
      ? { state: 'ok', what: `${name}${said}` }
      : { state: 'FAIL', what: `${name} does not answer${said}` }
  } catch (error) {
    return { state: 'FAIL', what: `${name} does not answer: ${(error as Error).message}` }
  }
}

async function network({ host, publicUrl }: Config): Promise<Finding[]> {
  const open = host !== '127.0.0.1' && host !== 'localhost'
  if (open && !publicUrl?.startsWith('https:')) {
    return one(
      'warn',
      'It listens to the network without TLS: put a proxy with TLS before it and set KUMBU_PUBLIC_URL to its https address.',
    )
  }
  return one('ok', open ? `served to the network as ${publicUrl}` : 'served to this machine only')
}
