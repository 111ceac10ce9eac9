/** Hands the command line to its verb. Whatever stops a verb is said in a sentence, never as a stack of calls. */
import { parseArgs } from 'node:util'
import { type Config, ConfigError, describeSettings, loadConfig } from '../config'
import { ChannelSettingError } from '../modules/notifications'
import { DataFolderError, MigrationError, StoreError, storeErrorOf } from '../platform/db'
import { BackupError } from '../platform/db/backup'
import { ListenError } from '../platform/http/server'
import { KeyError } from '../platform/security/keyring'
import { CommandError } from './command-error'

export interface VerbInput {
  config: Config
  /** Words behind the verb that are no flags. */
  words: string[]
  /** The verb’s own flags. */
  flags: Readonly<Record<string, string | boolean | undefined>>
}

export interface Verb {
  name: string
  summary: string
  /** How it is called, without `kumbu`. */
  usage: string
  /** Flags beside the settings: name to what it does. A name that ends in `=` takes a value. */
  flags: Readonly<Record<string, string>>
  /** The exit code. */
  run(input: VerbInput): Promise<number>
}

/** Verbs are loaded when they are called, so that none pays for another at the start. */
const verbs: Record<string, () => Promise<Verb>> = {
  serve: async () => (await import('./serve')).serve,
  migrate: async () => (await import('./migrate')).migrateVerb,
  backup: async () => (await import('./backup')).backup,
  restore: async () => (await import('./restore')).restore,
  doctor: async () => (await import('./doctor')).doctor,
  jobs: async () => (await import('./jobs')).jobs,
  'verify-ledger': async () => (await import('./verify-ledger')).verifyLedgerVerb,
  openapi: async () => (await import('./openapi')).openapi,
  admin: async () => (await import('./admin')).admin,
  version: async () => (await import('./version')).version,
  healthcheck: async () => (await import('./healthcheck')).healthcheck,
}

export async function run(argv: string[], { compiled }: { compiled: boolean }): Promise<number> {
  const [first, ...rest] = argv
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') return overview()
  if (first === '--version' || first === '-v') return run(['version'], { compiled })
  const load = verbs[first]
  if (!load) return complain(`There is no "${first}". ${names()}`)
  const verb = await load()
  try {
    const { values, positionals } = parse(verb, rest)
    if (values.help) return help(verb)
    const config = loadConfig(settingsIn(values), process.env, compiled)
    return await verb.run({ config, words: positionals, flags: values })
  } catch (error) {
    return complainOf(error)
  }
}

type Values = Record<string, string | boolean | undefined>

function parse(verb: Verb, args: string[]): { values: Values; positionals: string[] } {
  const options: Record<string, { type: 'string' | 'boolean' }> = { help: { type: 'boolean' } }
  for (const setting of describeSettings()) options[setting.flag] = { type: setting.switch ? 'boolean' : 'string' }
  for (const flag of Object.keys(verb.flags)) {
    options[flag.replace('=', '')] = { type: flag.endsWith('=') ? 'string' : 'boolean' }
  }
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true }) as {
      values: Values
      positionals: string[]
    }
  } catch (error) {
    throw new CommandError(`${(error as Error).message.split('.')[0]}. Try: kumbu ${verb.name} --help`)
  }
}

function settingsIn(values: Values): Record<string, string> {
  const known = new Set(describeSettings().map(({ flag }) => flag))
  return Object.fromEntries(
    Object.entries(values)
      .filter(([name, value]) => known.has(name) && value !== undefined)
      .map(([name, value]) => [name, String(value)]),
  )
}

function names(): string {
  return `Commands: ${Object.keys(verbs).join(', ')}.`
}

async function overview(): Promise<number> {
  console.log('Kumbu: the back office of a mobile-money agent location.\n\nUsage: kumbu <command> [flags]\n')
  for (const load of Object.values(verbs)) {
    const { name, summary } = await load()
    console.log(`  ${name.padEnd(15)} ${summary}`)
  }
  console.log('\nkumbu <command> --help tells more.')
  return 0
}

function help({ usage, summary, flags }: Verb): number {
  console.log(`Usage: kumbu ${usage}\n\n${summary}\n`)
  for (const [flag, doc] of Object.entries(flags)) console.log(`  --${flag}\n      ${doc}`)
  console.log('\nSettings (flag, environment variable, default):\n')
  for (const { flag, env, default: fallback, doc } of describeSettings()) {
    console.log(`  --${flag}, ${env} (${fallback})\n      ${doc}`)
  }
  return 0
}

function complain(sentence: string): number {
  console.error(sentence)
  return 2
}

const EXPLAINED = [
  BackupError,
  CommandError,
  ChannelSettingError,
  ConfigError,
  DataFolderError,
  MigrationError,
  ListenError,
  KeyError,
  StoreError,
]

function complainOf(error: unknown): number {
  if (EXPLAINED.some((kind) => error instanceof kind)) return complain((error as Error).message)
  const fault = storeErrorOf(error)
  if (fault) return complain(fault.message)
  console.error('Kumbu stopped because of a bug:', error)
  return 1
}
