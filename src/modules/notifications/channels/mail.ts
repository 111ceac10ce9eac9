/** Mail over SMTP. What the server refuses for good (5xx, RFC 5321 section 4.2.1) is not tried again. */
import { createTransport } from 'nodemailer'
import { HopelessError } from '../../../platform/queue'
import type { Channel } from './channel'

export interface MailOptions {
  /** `smtp://user:password@host:587` or `smtps://…`. */
  url: string
  from: string
}

const CONNECTION_TIMEOUT_MS = 10_000
const SOCKET_TIMEOUT_MS = 20_000
const CONNECTIONS = 4

interface SmtpError {
  responseCode?: number
  command?: string
  message: string
}

/** Commands whose refusal is about this recipient or this message; any other may be about our own access. */
const ABOUT_THE_MESSAGE = new Set(['RCPT TO', 'DATA'])

export function createMailChannel({ url, from }: MailOptions): Channel {
  const { protocol, hostname, port, username, password } = new URL(url)
  const secure = protocol === 'smtps:'
  const transport = createTransport({
    pool: true,
    maxConnections: CONNECTIONS,
    host: hostname,
    port: Number(port || (secure ? 465 : 587)),
    secure,
    ...(username ? { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } } : {}),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    greetingTimeout: CONNECTION_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    // Nothing of a message may name a file or an address to be read into it.
    disableFileAccess: true,
    disableUrlAccess: true,
  })

  return {
    name: 'email',
    media: ['email'],
    async send({ to, subject, text, html }) {
      try {
        await transport.sendMail({ from, to: { name: '', address: to }, subject, text, html })
      } catch (error) {
        const { responseCode = 0, command = '', message } = error as SmtpError
        if (responseCode >= 500 && ABOUT_THE_MESSAGE.has(command)) {
          throw new HopelessError(`The mail server refused the message: ${message}`, { cause: error })
        }
        throw error
      }
    },
    async check() {
      await transport.verify()
      return { state: 'up' }
    },
    close: () => transport.close(),
  }
}
