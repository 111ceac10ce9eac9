/** Mail over SMTP, through a pool of connections that stay open. */
import { pipeline, type Readable, Transform } from 'node:stream'
import { createTransport, type SendMailOptions } from 'nodemailer'
import type { Clock } from '../../../platform/ids'
import type { Attachment, Channel, OutgoingMessage } from './channel'
import { onceAMinute } from './http'
import { reasonOf, type SmtpError, sentOf } from './smtp-answers'

export interface SmtpOptions {
  /** Its name among several; `smtp` if there is one. */
  provider?: string
  /** `smtp://user:password@host:587` or `smtps://…`. */
  url: string
  /** `no-reply@kumbu.example`, or `Kumbu <no-reply@kumbu.example>`. */
  from: string
  connections?: number
  /** From when a message is handed over to when it has ended, one way or another. */
  deadlineMs?: number
  clock: Clock
}

const CONNECTIONS = 32
const DEADLINE_MS = 45_000
const CONNECTION_TIMEOUT_MS = 10_000
const SOCKET_TIMEOUT_MS = 20_000

/** One address and nothing beside it; 254 is what fits between the brackets of a path (RFC 5321 section 4.5.3.1.3). */
const isMailbox = (to: string) => to.length <= 254 && /^[^\s<>()[\]\\,;:"@]+@[^\s<>()\\,;:"@]+$/.test(to)

export function createSmtp({
  provider = 'smtp',
  url,
  from,
  connections = CONNECTIONS,
  deadlineMs = DEADLINE_MS,
  clock,
}: SmtpOptions): Channel {
  const domain = /@([^\s<>@]+)>?\s*$/.exec(from)?.[1]
  if (domain === undefined) throw new Error(`The sender of mails, "${from}", is no e-mail address.`)
  const transport = createTransport({ ...serverOf(url), pool: true, maxConnections: connections })

  transport.use('stream', (mail, done) => {
    mail.message.processFunc(inOnePiece)
    done()
  })

  return {
    provider,
    medium: 'email',
    concurrency: connections,
    async send(message) {
      if (!isMailbox(message.to)) return { outcome: 'permanent', reason: 'address malformed', invalidRecipient: true }
      const deadline = new AbortController()
      const timer = setTimeout(() => deadline.abort(), deadlineMs)
      try {
        // The pool closes the connection of a message that is given up, so a server that trickles does not keep it.
        await transport.sendMail({ ...mailOf(message), from, signal: deadline.signal })
        return { outcome: 'accepted' }
      } catch (error) {
        return sentOf(error as SmtpError)
      } finally {
        clearTimeout(timer)
      }
    },
    check: onceAMinute(clock, async () => {
      try {
        await transport.verify()
        return { state: 'up' }
      } catch (error) {
        return { state: 'down', detail: reasonOf(error as SmtpError) }
      }
    }),
    close: () => transport.close(),
  }

  function mailOf(message: OutgoingMessage): SendMailOptions {
    const { deliveryId, to, subject, text, html, attachments, unsubscribeUrl } = message
    const invitation = attachments.find(isCalendar)
    return {
      // The same at every try: whoever gets a mail twice can tell.
      messageId: `<${deliveryId}@${domain}>`,
      date: new Date(clock()),
      to: { name: '', address: to },
      subject,
      text,
      html,
      headers: {
        // RFC 3834 section 5: nobody’s holiday notice answers this.
        'Auto-Submitted': 'auto-generated',
        // RFC 8058, which also wants a DKIM signature over both; signing is the part of the server that relays.
        ...(unsubscribeUrl === undefined ? {} : { 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }),
      },
      ...(unsubscribeUrl === undefined ? {} : { list: { unsubscribe: unsubscribeUrl } }),
      ...(invitation === undefined ? {} : { icalEvent: invitationOf(invitation) }),
      attachments: attachments
        .filter((each) => each !== invitation)
        .map(({ filename, contentType, content }) => ({ filename, contentType, content })),
    }
  }
}

function serverOf(url: string) {
  const { protocol, hostname, port, username, password } = new URL(url)
  const secure = protocol === 'smtps:'
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return {
    host,
    port: Number(port || (secure ? 465 : 587)),
    secure,
    ...(username ? { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } } : {}),
    // Somebody in between who hides STARTTLS from us shall not be told a password.
    requireTLS: !secure && username !== '' && !isThisMachine(host),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    greetingTimeout: CONNECTION_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    // A connection is good until it breaks; whoever wants fewer messages on one closes it with 421.
    maxMessages: Number.POSITIVE_INFINITY,
    // Nothing of a message may name a file or an address to be read into it.
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

const isThisMachine = (host: string) => host === 'localhost' || host === '::1' || /^127\./.test(host)

const isCalendar = ({ contentType }: Attachment) => /^text\/calendar\b/i.test(contentType)

/**
 * Goes twice, as a part beside text and HTML (RFC 6047), which mail programs show as an invitation with its buttons, and
 * as a file for those that do not. Both must name the same method, or programs take it for a mere file.
 */
function invitationOf({ filename, content }: Attachment) {
  const method = /^METHOD:([A-Z-]+)\r?$/im.exec(content)?.[1] ?? 'PUBLISH'
  return { method: method.toUpperCase(), filename, content }
}

/** A message leaves in one write instead of one for every few lines, which took a fifth of all the time. */
function inOnePiece(message: Readable): Transform {
  const parts: Buffer[] = []
  const whole = new Transform({
    transform(part: Buffer, _encoding, done) {
      parts.push(part)
      done()
    },
    flush: (done) => done(null, Buffer.concat(parts)),
  })
  // Whichever of the two breaks takes the other with it, and whoever reads this one hears of it.
  return pipeline(message, whole, () => {})
}
