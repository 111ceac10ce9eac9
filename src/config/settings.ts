/**
 * Everything that can be set, in one table: its name, flag, environment variable, default, what is allowed, whether it
 * is secret, and what it does. The table is read by the command line, by `--help`, by the documentation and by
 * `kumbu doctor`. A wrong value stops the start with a sentence that says what is wrong and what is allowed.
 */
import {
  addressList,
  anyText,
  callingCodeList,
  credential,
  currencyCode,
  mailAddress,
  oneOf,
  onOff,
  originList,
  postgresUrl,
  reminderList,
  roleList,
  timeZoneName,
  urlOf,
  urlsOf,
  wholeNumber,
} from './parsers'

export interface Setting<Value> {
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

const setting = <Value>(definition: Setting<Value> & { default: string }): Setting<Value> => definition

/** One whose absence means something. */
const optional = <Value>(definition: Omit<Setting<Value>, 'default'>): Setting<Value | undefined> => ({
  ...definition,
  default: undefined,
})

export const settings = {
  mode: optional({
    flag: 'mode',
    env: 'KUMBU_MODE',
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
  databaseUrl: optional({
    flag: 'database-url',
    env: 'DATABASE_URL',
    secret: true,
    doc: 'postgres://user:password@host/database to use PostgreSQL. Absent: SQLite in the data folder.',
    parse: postgresUrl,
  }),
  databaseConnections: setting({
    flag: 'database-connections',
    env: 'KUMBU_DATABASE_CONNECTIONS',
    default: '32',
    doc: 'Connections of this copy to PostgreSQL, at most.',
    parse: wholeNumber(3, 1_000),
  }),
  instanceKey: optional({
    flag: 'instance-key',
    env: 'KUMBU_INSTANCE_KEY',
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
  publicUrl: optional({
    flag: 'public-url',
    env: 'KUMBU_PUBLIC_URL',
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
  smtpUrl: optional({
    flag: 'smtp-url',
    env: 'KUMBU_SMTP_URL',
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
  smsUrl: optional({
    flag: 'sms-url',
    env: 'KUMBU_SMS_URL',
    secret: true,
    doc: 'An HTTP gateway for SMS: each message is POSTed to it as JSON {to, text}; user:password in the address is sent as Basic authorization. Absent: no SMS is sent.',
    parse: urlOf('http:', 'https:'),
  }),
  smsGateway: optional({
    flag: 'sms-gateway',
    env: 'KUMBU_SMS_GATEWAY',
    doc: 'A JSON file that describes any other HTTP gateway for SMS (docs/operations.md). Absent: none.',
    parse: anyText,
  }),
  twilioAccount: optional({
    flag: 'twilio-account',
    env: 'KUMBU_TWILIO_ACCOUNT',
    doc: 'Account SID of Twilio, for SMS; it takes KUMBU_TWILIO_TOKEN and KUMBU_TWILIO_FROM too.',
    parse: credential,
  }),
  twilioToken: optional({
    flag: 'twilio-token',
    env: 'KUMBU_TWILIO_TOKEN',
    secret: true,
    doc: 'Auth token of Twilio; it also proves their receipts.',
    parse: credential,
  }),
  twilioFrom: optional({
    flag: 'twilio-from',
    env: 'KUMBU_TWILIO_FROM',
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
  africasTalkingUsername: optional({
    flag: 'africas-talking-username',
    env: 'KUMBU_AFRICAS_TALKING_USERNAME',
    doc: 'Username at Africa’s Talking, for SMS; it takes KUMBU_AFRICAS_TALKING_KEY too.',
    parse: credential,
  }),
  africasTalkingKey: optional({
    flag: 'africas-talking-key',
    env: 'KUMBU_AFRICAS_TALKING_KEY',
    secret: true,
    doc: 'API key of Africa’s Talking.',
    parse: credential,
  }),
  africasTalkingFrom: optional({
    flag: 'africas-talking-from',
    env: 'KUMBU_AFRICAS_TALKING_FROM',
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
  whatsappPhoneId: optional({
    flag: 'whatsapp-phone-id',
    env: 'KUMBU_WHATSAPP_PHONE_ID',
    doc: 'Phone number ID at Meta’s Cloud API; it takes KUMBU_WHATSAPP_TOKEN, KUMBU_WHATSAPP_APP_SECRET and KUMBU_WHATSAPP_VERIFY_TOKEN too.',
    parse: credential,
  }),
  whatsappToken: optional({
    flag: 'whatsapp-token',
    env: 'KUMBU_WHATSAPP_TOKEN',
    secret: true,
    doc: 'Access token of a system user at Meta.',
    parse: credential,
  }),
  whatsappAppSecret: optional({
    flag: 'whatsapp-app-secret',
    env: 'KUMBU_WHATSAPP_APP_SECRET',
    secret: true,
    doc: 'App secret at Meta; it proves their receipts.',
    parse: credential,
  }),
  whatsappVerifyToken: optional({
    flag: 'whatsapp-verify-token',
    env: 'KUMBU_WHATSAPP_VERIFY_TOKEN',
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
  fcmAccount: optional({
    flag: 'fcm-account',
    env: 'KUMBU_FCM_ACCOUNT',
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
    doc: 'Calling codes of the countries that SMS and WhatsApp messages are sent to, separated by commas, such as 258,27. Needed with any provider of either: strangers must not send at your cost to the whole world.',
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
  logFile: optional({
    flag: 'log-file',
    env: 'KUMBU_LOG_FILE',
    doc: 'Write logs to this file instead of the terminal; it is rotated at 10 MiB and five are kept.',
    parse: anyText,
  }),
  metricsToken: optional({
    flag: 'metrics-token',
    env: 'KUMBU_METRICS_TOKEN',
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

export type Settings = typeof settings
export type Values = { [Name in keyof Settings]: Settings[Name] extends Setting<infer Value> ? Value : never }
