/**
 * Everything that can be set, in one table: its name, flag, environment variable, default, what is allowed, whether it
 * is secret, and what it does. The table is read by the command line, by `--help`, by the documentation and by
 * `kumbu doctor`. A wrong value stops the start with a sentence that says what is wrong and what is allowed.
 */
import { readFileSync } from 'node:fs'
import { engineOf } from './platform/db/engine'
import { currencyDigits } from './platform/money'

interface Setting<Value> {
  flag: string
  env: string
  /** What is used when nothing is set; shown as it would be typed. */
  default: string | undefined
  secret?: true
  /** Flags that take no value. */
  switch?: true
  doc: string
  parse(text: string): Value
}

export interface ReminderSetting {
  name: string
  minutesBefore: number
  media: Array<'email' | 'sms' | 'whatsapp' | 'push'>
}

/** A configuration value that is not allowed; the message names the setting, the value, and what is allowed. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** Says what is allowed; `parse` puts the setting's name and value before it. */
class NotAllowed extends Error {}

const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) throw new NotAllowed(`a whole number from ${min} to ${max}`)
    return value
  }

const oneOf =
  <const Names extends readonly string[]>(...names: Names) =>
  (text: string): Names[number] => {
    if (!names.includes(text)) throw new NotAllowed(`one of ${names.join(', ')}`)
    return text
  }

const urlOf =
  (...schemes: string[]) =>
  (text: string): string => {
    if (!URL.canParse(text) || !schemes.includes(new URL(text).protocol)) {
      throw new NotAllowed(`an address that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`)
    }
    return text.replace(/\/+$/, '')
  }

/** Several addresses, separated by spaces. */
const urlsOf =
  (...schemes: string[]) =>
  (text: string): string[] =>
    text
      .trim()
      .split(/\s+/)
      .map(urlOf(...schemes))

/** Goes into a header, so it has no spaces and no control characters. */
const credential = (text: string): string => {
  if (!/^[\x21-\x7e]+$/.test(text)) throw new NotAllowed('a text without spaces or line breaks')
  return text
}

const timeZoneName = (text: string): string => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone
  } catch {
    throw new NotAllowed('the name of a time zone, such as Africa/Maputo')
  }
}

const anyText = (text: string): string => {
  if (text.trim() === '') throw new NotAllowed('a text that is not empty')
  return text
}

const onOff = (text: string): boolean => {
  if (/^(true|on|1)$/i.test(text)) return true
  if (/^(false|off|0)$/i.test(text)) return false
  throw new NotAllowed('true or false')
}

const currencyCode = (text: string): string => {
  if (!/^[A-Z]{3}$/.test(text) || currencyDigits(text) === undefined) {
    throw new NotAllowed('an ISO 4217 currency code in capitals, such as USD, MZN or KES')
  }
  return text
}

const mailAddress = (text: string): string => {
  if (!/^[^\r\n]*[^\s@<>]+@[^\s@<>]+>?$/.test(text))
    throw new NotAllowed('a mail address, such as Kumbu <no-reply@example.com>')
  return text
}

const listOf =
  <Value extends string>(each: (text: string) => Value) =>
  (text: string): Value[] =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(each)

const originList = listOf(urlOf('http:', 'https:'))

const addressList = listOf((text) => text)

const callingCodeList = listOf((text) => {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new NotAllowed('calling codes without +, such as 258,27')
  return text
})

const REMINDER =
  /^(?<amount>[1-9]\d{0,3})(?<unit>[hm]):(?<media>(?:email|sms|whatsapp|push)(?:\+(?:email|sms|whatsapp|push))*)$/

/** `24h:email+whatsapp,1h:sms`; what is said at the same time is one reminder. */
function reminderList(text: string): ReminderSetting[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(reminderOf)
  return [...Map.groupBy(parts, ({ minutesBefore }) => minutesBefore)].map(([minutesBefore, together]) => ({
    name: together[0]?.name ?? '',
    minutesBefore,
    media: [...new Set(together.flatMap(({ media }) => media))],
  }))
}

function reminderOf(part: string): ReminderSetting {
  const { amount = '', unit = '', media = '' } = REMINDER.exec(part)?.groups ?? {}
  if (amount === '') throw new NotAllowed('a list such as 24h:email+whatsapp,1h:sms')
  const minutesBefore = Number(amount) * (unit === 'h' ? 60 : 1)
  return { name: `${amount}${unit}`, minutesBefore, media: media.split('+') as ReminderSetting['media'] }
}

const roleList = listOf(oneOf('operator', 'agent', 'teller', 'support', 'auditor', 'customer', 'biller'))

const setting = <Value>(definition: Setting<Value>): Setting<Value> => definition

export const settings = {
  mode: setting({
    flag: 'mode',
    env: 'KUMBU_MODE',
    default: undefined,
    doc: 'production, development (messages are shown at /dev/inbox) or demo. The executable starts in production, a source checkout in development.',
    parse: oneOf('production', 'development', 'demo'),
  }),
  port: setting({
    flag: 'port',
    env: 'KUMBU_PORT',
    default: '3000',
    doc: 'The port to listen on; 0 takes a free one.',
    parse: wholeNumber(0, 65_535),
  }),
  host: setting({
    flag: 'host',
    env: 'KUMBU_HOST',
    default: '127.0.0.1',
    doc: 'The address to listen on. 0.0.0.0 opens it to the network: put a proxy with TLS before it.',
    parse: anyText,
  }),
  data: setting({
    flag: 'data',
    env: 'KUMBU_DATA',
    default: './data',
    doc: 'The folder for the database, the instance key, logs and backups.',
    parse: anyText,
  }),
  databaseUrl: setting({
    flag: 'database-url',
    env: 'DATABASE_URL',
    default: undefined,
    secret: true,
    doc: 'postgres://user:password@host/database to use PostgreSQL. Absent: SQLite in the data folder.',
    parse: (text) => {
      if (engineOf(text) !== 'postgres' || !URL.canParse(text))
        throw new NotAllowed('an address that begins with postgres://')
      return text
    },
  }),
  databaseConnections: setting({
    flag: 'database-connections',
    env: 'KUMBU_DATABASE_CONNECTIONS',
    default: '32',
    doc: 'Connections of this copy to PostgreSQL, at most.',
    parse: wholeNumber(3, 1_000),
  }),
  instanceKey: setting({
    flag: 'instance-key',
    env: 'KUMBU_INSTANCE_KEY',
    default: undefined,
    secret: true,
    doc: 'The key of this instance, 32 bytes in base64url. Absent: instance.key in the data folder, made at the first start. Copies on one database need the same key.',
    parse: anyText,
  }),
  currency: setting({
    flag: 'currency',
    env: 'KUMBU_CURRENCY',
    default: 'USD',
    doc: 'The currency of wallets and of requests that name none (ISO 4217).',
    parse: currencyCode,
  }),
  publicUrl: setting({
    flag: 'public-url',
    env: 'KUMBU_PUBLIC_URL',
    default: undefined,
    doc: 'The address at which people reach this instance, for links in messages. Absent: http://localhost and the port.',
    parse: urlOf('http:', 'https:'),
  }),
  language: setting({
    flag: 'language',
    env: 'KUMBU_LANGUAGE',
    default: 'en',
    doc: 'The language of messages to people who have chosen none: en, pt or fr.',
    parse: oneOf('en', 'pt', 'fr'),
  }),
  timeZone: setting({
    flag: 'time-zone',
    env: 'KUMBU_TIME_ZONE',
    default: 'UTC',
    doc: 'The time zone of the place, such as Africa/Maputo: for moments in messages and for quiet hours of people who have chosen none.',
    parse: timeZoneName,
  }),
  smtpUrl: setting({
    flag: 'smtp-url',
    env: 'KUMBU_SMTP_URL',
    default: undefined,
    secret: true,
    doc: 'The mail server: smtp://user:password@host:587 or smtps://…:465. Several, separated by spaces: the next is used while the one before is down. Absent: no mail is sent.',
    parse: urlsOf('smtp:', 'smtps:'),
  }),
  mailFrom: setting({
    flag: 'mail-from',
    env: 'KUMBU_MAIL_FROM',
    default: 'Kumbu <no-reply@localhost>',
    doc: 'The sender of mails.',
    parse: mailAddress,
  }),
  smsUrl: setting({
    flag: 'sms-url',
    env: 'KUMBU_SMS_URL',
    default: undefined,
    secret: true,
    doc: 'An HTTP gateway for SMS: each message is POSTed to it as JSON {to, text}; user:password in the address is sent as Basic authorization. Absent: no SMS is sent.',
    parse: urlOf('http:', 'https:'),
  }),
  smsGateway: setting({
    flag: 'sms-gateway',
    env: 'KUMBU_SMS_GATEWAY',
    default: undefined,
    doc: 'A JSON file that describes any other HTTP gateway for SMS (docs/operations.md). Absent: none.',
    parse: anyText,
  }),
  twilioAccount: setting({
    flag: 'twilio-account',
    env: 'KUMBU_TWILIO_ACCOUNT',
    default: undefined,
    doc: 'Account SID of Twilio, for SMS; it takes KUMBU_TWILIO_TOKEN and KUMBU_TWILIO_FROM too.',
    parse: credential,
  }),
  twilioToken: setting({
    flag: 'twilio-token',
    env: 'KUMBU_TWILIO_TOKEN',
    default: undefined,
    secret: true,
    doc: 'Auth token of Twilio; it also proves their receipts.',
    parse: credential,
  }),
  twilioFrom: setting({
    flag: 'twilio-from',
    env: 'KUMBU_TWILIO_FROM',
    default: undefined,
    doc: 'The sender at Twilio: a number, a name, or the SID of a messaging service (MG…).',
    parse: anyText,
  }),
  twilioApi: setting({
    flag: 'twilio-api',
    env: 'KUMBU_TWILIO_API',
    default: 'https://api.twilio.com',
    doc: 'The address of Twilio’s API, if it is another region’s.',
    parse: urlOf('http:', 'https:'),
  }),
  africasTalkingUsername: setting({
    flag: 'africas-talking-username',
    env: 'KUMBU_AFRICAS_TALKING_USERNAME',
    default: undefined,
    doc: 'Username at Africa’s Talking, for SMS; it takes KUMBU_AFRICAS_TALKING_KEY too.',
    parse: credential,
  }),
  africasTalkingKey: setting({
    flag: 'africas-talking-key',
    env: 'KUMBU_AFRICAS_TALKING_KEY',
    default: undefined,
    secret: true,
    doc: 'API key of Africa’s Talking.',
    parse: credential,
  }),
  africasTalkingFrom: setting({
    flag: 'africas-talking-from',
    env: 'KUMBU_AFRICAS_TALKING_FROM',
    default: undefined,
    doc: 'Short code or alphanumeric sender at Africa’s Talking. Absent: their default.',
    parse: anyText,
  }),
  africasTalkingApi: setting({
    flag: 'africas-talking-api',
    env: 'KUMBU_AFRICAS_TALKING_API',
    default: 'https://api.africastalking.com',
    doc: 'The address of Africa’s Talking’s API; their sandbox has another.',
    parse: urlOf('http:', 'https:'),
  }),
  whatsappPhoneId: setting({
    flag: 'whatsapp-phone-id',
    env: 'KUMBU_WHATSAPP_PHONE_ID',
    default: undefined,
    doc: 'Phone number ID at Meta’s Cloud API; it takes KUMBU_WHATSAPP_TOKEN, KUMBU_WHATSAPP_APP_SECRET and KUMBU_WHATSAPP_VERIFY_TOKEN too.',
    parse: credential,
  }),
  whatsappToken: setting({
    flag: 'whatsapp-token',
    env: 'KUMBU_WHATSAPP_TOKEN',
    default: undefined,
    secret: true,
    doc: 'Access token of a system user at Meta.',
    parse: credential,
  }),
  whatsappAppSecret: setting({
    flag: 'whatsapp-app-secret',
    env: 'KUMBU_WHATSAPP_APP_SECRET',
    default: undefined,
    secret: true,
    doc: 'App secret at Meta; it proves their receipts.',
    parse: credential,
  }),
  whatsappVerifyToken: setting({
    flag: 'whatsapp-verify-token',
    env: 'KUMBU_WHATSAPP_VERIFY_TOKEN',
    default: undefined,
    secret: true,
    doc: 'A text of your own, entered at Meta beside the address of the receipts.',
    parse: credential,
  }),
  whatsappApi: setting({
    flag: 'whatsapp-api',
    env: 'KUMBU_WHATSAPP_API',
    default: 'https://graph.facebook.com',
    doc: 'The address of Meta’s Graph API.',
    parse: urlOf('http:', 'https:'),
  }),
  fcmAccount: setting({
    flag: 'fcm-account',
    env: 'KUMBU_FCM_ACCOUNT',
    default: undefined,
    doc: 'The JSON file of a Google service account, for pushing to apps by Firebase Cloud Messaging. Absent: only browsers are pushed to.',
    parse: anyText,
  }),
  fcmApi: setting({
    flag: 'fcm-api',
    env: 'KUMBU_FCM_API',
    default: 'https://fcm.googleapis.com',
    doc: 'The address of Firebase Cloud Messaging.',
    parse: urlOf('http:', 'https:'),
  }),
  privateWebhooks: setting({
    flag: 'private-webhooks',
    env: 'KUMBU_PRIVATE_WEBHOOKS',
    default: 'false',
    switch: true,
    doc: 'Let people name endpoints on this machine and in private networks, and without HTTPS.',
    parse: onOff,
  }),
  emailsPerSecond: setting({
    flag: 'emails-per-second',
    env: 'KUMBU_EMAILS_PER_SECOND',
    default: '0',
    doc: 'Mails a second that a mail server is given at most by this copy; 0: as fast as it takes them.',
    parse: wholeNumber(0, 10_000),
  }),
  smsPerSecond: setting({
    flag: 'sms-per-second',
    env: 'KUMBU_SMS_PER_SECOND',
    default: '10',
    doc: 'SMS, and WhatsApp messages, a second that a provider is given at most by this copy; 0: no limit.',
    parse: wholeNumber(0, 10_000),
  }),
  messagesPerHour: setting({
    flag: 'messages-per-hour',
    env: 'KUMBU_MESSAGES_PER_HOUR',
    default: '30',
    doc: 'Messages that one person gets in an hour by one channel, at most; more wait, and mails are gathered into one. Codes and security are not counted.',
    parse: wholeNumber(1, 10_000),
  }),
  messagesKeptDays: setting({
    flag: 'messages-kept-days',
    env: 'KUMBU_MESSAGES_KEPT_DAYS',
    default: '90',
    doc: 'Days for which notifications and how they arrived are kept.',
    parse: wholeNumber(1, 3_650),
  }),
  reminders: setting({
    flag: 'reminders',
    env: 'KUMBU_REMINDERS',
    default: '24h:email+whatsapp,1h:sms',
    doc: 'How long before an appointment people are reminded, and by what: hours (h) or minutes (m), a colon, and email, sms, whatsapp or push, joined by +. A service may have its own. Empty: none.',
    parse: reminderList,
  }),
  reviewAfter: setting({
    flag: 'review-after',
    env: 'KUMBU_REVIEW_AFTER',
    default: '60',
    doc: 'Minutes after an appointment at which the customer is asked what they thought of it.',
    parse: wholeNumber(0, 30 * 24 * 60),
  }),
  lowFloat: setting({
    flag: 'low-float',
    env: 'KUMBU_LOW_FLOAT',
    default: '10000',
    doc: 'An agent is told when a cash-in takes the float under this, in minor units; 0: never.',
    parse: wholeNumber(0, Number.MAX_SAFE_INTEGER),
  }),
  smsCallingCodes: setting({
    flag: 'sms-calling-codes',
    env: 'KUMBU_SMS_CALLING_CODES',
    default: '',
    doc: 'Calling codes of the countries that SMS are sent to, separated by commas, such as 258,27. Needed with any provider of SMS: strangers must not send SMS at your cost to the whole world.',
    parse: callingCodeList,
  }),
  secondFactorRoles: setting({
    flag: 'second-factor-roles',
    env: 'KUMBU_SECOND_FACTOR_ROLES',
    default: 'operator,agent,teller,support,auditor',
    doc: 'Roles that must have a second factor, separated by commas. Operators and agents always must, except in demo mode, where nobody does.',
    parse: roleList,
  }),
  closedKeptDays: setting({
    flag: 'closed-kept-days',
    env: 'KUMBU_CLOSED_KEPT_DAYS',
    default: '1825',
    doc: 'Days for which it is kept, sealed, whose a closed account was; then it is erased. The default is five years, as the FATF asks.',
    parse: wholeNumber(0, 36_500),
  }),
  rateLimit: setting({
    flag: 'rate-limit',
    env: 'KUMBU_RATE_LIMIT',
    default: '100',
    doc: 'Requests in 60 s from one address that is not signed in; 0 turns all rate limits off.',
    parse: wholeNumber(0, 1_000_000),
  }),
  rateLimitUser: setting({
    flag: 'rate-limit-user',
    env: 'KUMBU_RATE_LIMIT_USER',
    default: '1000',
    doc: 'Requests in 60 s from one signed-in user.',
    parse: wholeNumber(1, 1_000_000),
  }),
  trustedProxies: setting({
    flag: 'trusted-proxies',
    env: 'KUMBU_TRUSTED_PROXIES',
    default: '',
    doc: 'Addresses of proxies whose X-Forwarded-For is believed, separated by commas.',
    parse: addressList,
  }),
  corsOrigins: setting({
    flag: 'cors-origins',
    env: 'KUMBU_CORS_ORIGINS',
    default: '',
    doc: 'Origins of other web sites that may call the API from a browser, separated by commas. Empty: none.',
    parse: originList,
  }),
  withdrawalTtl: setting({
    flag: 'withdrawal-ttl',
    env: 'KUMBU_WITHDRAWAL_TTL',
    default: '900',
    doc: 'Seconds until a withdrawal token expires.',
    parse: wholeNumber(1, 7 * 86_400),
  }),
  withdrawalFeeBps: setting({
    flag: 'withdrawal-fee-bps',
    env: 'KUMBU_WITHDRAWAL_FEE_BPS',
    default: '100',
    doc: 'Fee of a withdrawal, in hundredths of a percent of its amount (100 is 1 %).',
    parse: wholeNumber(0, 10_000),
  }),
  commissionBps: setting({
    flag: 'commission-bps',
    env: 'KUMBU_COMMISSION_BPS',
    default: '5000',
    doc: "The paying agent's share of a withdrawal's fee, in hundredths of a percent of the fee (5000 is half).",
    parse: wholeNumber(0, 10_000),
  }),
  transferFeeBps: setting({
    flag: 'transfer-fee-bps',
    env: 'KUMBU_TRANSFER_FEE_BPS',
    default: '0',
    doc: 'Fee of a transfer between wallets, in hundredths of a percent of its amount.',
    parse: wholeNumber(0, 10_000),
  }),
  backupHours: setting({
    flag: 'backup-hours',
    env: 'KUMBU_BACKUP_HOURS',
    default: '24',
    doc: 'Hours between scheduled backups into the data folder; 0 turns them off.',
    parse: wholeNumber(0, 24 * 31),
  }),
  backupKeep: setting({
    flag: 'backup-keep',
    env: 'KUMBU_BACKUP_KEEP',
    default: '7',
    doc: 'Backups that are kept; older ones are deleted after a new one was verified.',
    parse: wholeNumber(1, 10_000),
  }),
  logLevel: setting({
    flag: 'log-level',
    env: 'KUMBU_LOG_LEVEL',
    default: 'info',
    doc: 'debug shows every request; info shows refused ones.',
    parse: oneOf('debug', 'info', 'warn', 'error', 'silent'),
  }),
  logFile: setting({
    flag: 'log-file',
    env: 'KUMBU_LOG_FILE',
    default: undefined,
    doc: 'Write logs to this file instead of the terminal; it is rotated at 10 MiB and five are kept.',
    parse: anyText,
  }),
  metricsToken: setting({
    flag: 'metrics-token',
    env: 'KUMBU_METRICS_TOKEN',
    default: undefined,
    secret: true,
    doc: 'A bearer token that /metrics asks for. Absent: /metrics answers on the loopback address only.',
    parse: anyText,
  }),
  demo: setting({
    flag: 'demo',
    env: 'KUMBU_DEMO',
    default: 'false',
    switch: true,
    doc: 'Start with demo people and money in a folder of its own, and print a walk-through.',
    parse: onOff,
  }),
} as const

type Settings = typeof settings
type Values = { [Name in keyof Settings]: Settings[Name] extends Setting<infer Value> ? Value : never }

/** The settings whose absence means something. */
type MayBeAbsent =
  | 'databaseUrl'
  | 'instanceKey'
  | 'publicUrl'
  | 'smtpUrl'
  | 'smsUrl'
  | 'smsGateway'
  | 'twilioAccount'
  | 'twilioToken'
  | 'twilioFrom'
  | 'africasTalkingUsername'
  | 'africasTalkingKey'
  | 'africasTalkingFrom'
  | 'whatsappPhoneId'
  | 'whatsappToken'
  | 'whatsappAppSecret'
  | 'whatsappVerifyToken'
  | 'fcmAccount'
  | 'logFile'
  | 'metricsToken'
export type Config = Readonly<Omit<Values, MayBeAbsent> & { [Name in MayBeAbsent]: Values[Name] | undefined }>

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
  const provider = SENDS_SMS.find((name) => values[name] !== undefined)
  if (provider !== undefined && smsCallingCodes.length === 0)
    throw new ConfigError(
      `KUMBU_SMS_CALLING_CODES is needed with ${settings[provider].env}: name the countries that SMS are sent to.`,
    )
  for (const role of ['operator', 'agent'] as const) {
    if (mode !== 'demo' && !secondFactorRoles.includes(role))
      throw new ConfigError(
        `KUMBU_SECOND_FACTOR_ROLES must name ${role}: outside demo mode nobody of that role does without.`,
      )
  }
}

const SENDS_SMS = ['smsUrl', 'smsGateway', 'twilioAccount', 'africasTalkingUsername', 'whatsappPhoneId'] as const

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
