/** The settings of this instance: read from flags, the environment and files, and refused where they contradict. */
import { readFileSync } from 'node:fs'
import { NotAllowed } from './parsers'
import { type Setting, type Settings, settings, type Values } from './settings'

export { settings }

/** A configuration value that is not allowed; the message names the setting, the value, and what is allowed. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** How it runs is known in the end, whether it was set or not. */
export type Config = Readonly<Values & { mode: NonNullable<Values['mode']> }>

type Environment = Readonly<Record<string, string | undefined>>

/** Reads the settings: a flag goes before the environment, which goes before the default. */
export function loadConfig(flags: Readonly<Record<string, string>>, env: Environment, compiled: boolean): Config {
  const values: Record<string, unknown> = {}
  for (const [name, definition] of Object.entries(settings) as Array<[keyof Settings & string, Setting<unknown>]>) {
    values[name] = read(definition, flags[definition.flag], env)
  }
  const demo = values.demo === true || values.mode === 'demo'
  const mode = demo ? 'demo' : (values.mode ?? (compiled ? 'production' : 'development'))
  refuseContradictions(values as unknown as Values, mode as string)
  const ownFolder = demo && flags.data === undefined && env.KUMBU_DATA === undefined
  return { ...values, demo, mode, data: ownFolder ? `${values.data}/demo` : values.data } as Config
}

/** What each setting allows by itself and both together do not. */
function refuseContradictions(values: Values, mode: string): void {
  const { smsCallingCodes, secondFactorRoles } = values
  for (const names of TOGETHER) refuseHalf(values, names)
  const provider = SENDS_TO_NUMBERS.find((name) => values[name] !== undefined)
  if (provider !== undefined && smsCallingCodes.length === 0)
    throw new ConfigError(
      `KUMBU_SMS_CALLING_CODES is needed with ${settings[provider].env}: name the countries that SMS and WhatsApp messages are sent to.`,
    )
  for (const role of ['operator', 'agent'] as const) {
    if (mode !== 'demo' && !secondFactorRoles.includes(role))
      throw new ConfigError(
        `KUMBU_SECOND_FACTOR_ROLES must name ${role}: outside demo mode nobody of that role does without.`,
      )
  }
}

const SENDS_TO_NUMBERS = ['smsUrl', 'smsGateway', 'twilioAccount', 'africasTalkingUsername', 'whatsappPhoneId'] as const

/** Settings of which one is worth nothing without the others. */
const TOGETHER: ReadonlyArray<ReadonlyArray<keyof Settings>> = [
  ['twilioAccount', 'twilioToken', 'twilioFrom'],
  ['africasTalkingUsername', 'africasTalkingKey'],
  ['whatsappPhoneId', 'whatsappToken', 'whatsappAppSecret', 'whatsappVerifyToken'],
]

function refuseHalf(values: Values, names: ReadonlyArray<keyof Settings>): void {
  const given = names.filter((name) => values[name] !== undefined)
  const missing = names.filter((name) => values[name] === undefined)
  if (given.length === 0 || missing.length === 0) return
  const envOf = (name: keyof Settings) => settings[name].env
  throw new ConfigError(`${given.map(envOf).join(', ')} needs ${missing.map(envOf).join(', ')} too.`)
}

function read(definition: Setting<unknown>, flag: string | undefined, env: Environment): unknown {
  const fromFile = definition.secret ? secretFile(`${definition.env}_FILE`, env) : undefined
  const fromEnv = env[definition.env] === '' ? undefined : env[definition.env]
  const text = flag ?? fromEnv ?? fromFile ?? definition.default
  if (text === undefined) return undefined
  try {
    return definition.parse(text)
  } catch (error) {
    if (!(error instanceof NotAllowed)) throw error
    const where = flag === undefined ? definition.env : `--${definition.flag}`
    const shown = definition.secret ? 'The value' : `"${text}"`
    throw new ConfigError(`${where}: ${shown} is not allowed. Allowed is ${error.message}.`)
  }
}

/** Containers hand secrets over as files: `KUMBU_SMTP_URL_FILE=/run/secrets/smtp` reads the value from there. */
function secretFile(variable: string, env: Environment): string | undefined {
  const path = env[variable]
  if (!path) return undefined
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    throw new ConfigError(`${variable}: the file "${path}" cannot be read.`)
  }
}

/** One line a setting, for `--help` and the documentation. */
export function describeSettings(): Array<{
  flag: string
  env: string
  default: string
  doc: string
  switch: boolean
}> {
  return Object.values(settings as Record<string, Setting<unknown>>).map((each) => ({
    flag: each.flag,
    env: each.env,
    default: each.default === undefined || each.default === '' ? 'none' : each.default,
    doc: each.doc,
    switch: each.switch === true,
  }))
}
