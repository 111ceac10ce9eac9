/**
 * What the answers of a mail server mean (RFC 5321 section 4.2, RFC 3463): whether to try again, and whether it is about
 * the message or about the server and our standing with it.
 */
import type { Sent } from './channel'

/** What nodemailer throws. */
export interface SmtpError {
  code?: string
  /** What the system called it. */
  originalCode?: string
  command?: string
  responseCode?: number
  response?: string
}

/** Commands whose refusal is about this recipient or this message; any other is about our own access, or (`CONN`) about the connection. */
const ABOUT_THE_MESSAGE = new Set(['RCPT TO', 'DATA'])

/** Without a code of RFC 3463, these say that there is no such mailbox; a mere 550 may be policy (RFC 5321 section 4.2.3). */
const NO_SUCH_MAILBOX = new Set([551, 553])

/**
 * RFC 3463 section 3.2 and RFC 7505: the mailbox or its domain does not exist, is malformed, ambiguous, moved, or takes no
 * mail at all. 5.1.7 and 5.1.8 are about the sender, which is us.
 */
const NO_SUCH_ADDRESS = new Set(['5.1.0', '5.1.1', '5.1.2', '5.1.3', '5.1.4', '5.1.6', '5.1.10'])

/** The server wants another login, or encryption, of us (RFC 4954 section 6, RFC 3207 section 4). */
const OUR_ACCESS = new Set([503, 530, 534, 535, 538])

export function sentOf(error: SmtpError): Sent {
  const { command = '', responseCode = 0 } = error
  const reason = reasonOf(error)
  if (isTooBig(error)) return { outcome: 'permanent', reason }
  if (!ABOUT_THE_MESSAGE.has(command) || OUR_ACCESS.has(responseCode)) {
    return { outcome: 'transient', reason }
  }
  if (isQuota(error)) return { outcome: 'transient', reason }
  if (responseCode >= 500) {
    if (isAboutUs(error)) return { outcome: 'permanent', reason, notHere: true }
    return { outcome: 'permanent', reason, ...(isNoSuchMailbox(error) ? { invalidRecipient: true } : {}) }
  }
  // 4.3 is the state of the server’s own system (RFC 3463 section 3.4); all else for now is about whom the message is for.
  const isServer = responseCode === 0 || enhanced(error)?.startsWith('4.3.')
  return { outcome: 'transient', reason, ...(isServer ? {} : { aboutMessage: true }) }
}

/** A size is refused as early as MAIL FROM (RFC 1870 section 6.1). */
const isTooBig = (error: SmtpError) => (error.responseCode ?? 0) >= 500 && enhanced(error) === '5.3.4'

/** What large providers answer, beside its meaning in RFC 3463, once the messages of a day are used up. */
const isQuota = (error: SmtpError) => enhanced(error) === '5.4.5'

/** RFC 3463: our sender (5.1.7, 5.1.8), what the server can do (5.3), and its policy (5.7); another server may see it differently. */
const isAboutUs = (error: SmtpError) => /^5\.(1\.[78]|3\.\d+|7\.\d+)$/.test(enhanced(error) ?? '')

/** A mailbox is only wrong if its own command was refused; and 550 with 5.7.1, say, is policy and no missing mailbox. */
function isNoSuchMailbox(error: SmtpError): boolean {
  if (error.command !== 'RCPT TO') return false
  const status = enhanced(error)
  return status === undefined ? NO_SUCH_MAILBOX.has(error.responseCode ?? 0) : NO_SUCH_ADDRESS.has(status)
}

const enhanced = ({ response }: SmtpError) => /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response ?? '')?.[1]

const WORDS: Readonly<Record<string, string>> = {
  EABORT: 'no end in time',
  ETIMEDOUT: 'no answer in time',
  ECONNECTION: 'connection lost',
  ESOCKET: 'connection failed',
  EDNS: 'host not found',
  ETLS: 'TLS failed',
  EAUTH: 'credentials refused',
  ENOAUTH: 'credentials refused',
  EPROTOCOL: 'answered nonsense',
  EENVELOPE: 'refused',
  EMESSAGE: 'refused',
}

/** Our own words with the server’s codes: its text may hold an address. */
export function reasonOf(error: SmtpError): string {
  const { code = '', originalCode = '', command = '', responseCode } = error
  if (originalCode === 'ECONNREFUSED') return 'connection refused'
  if (/CERT|SIGNED|SSL|TLS/.test(originalCode)) return 'TLS failed'
  const words = responseCode === 421 ? 'server is closing' : (WORDS[code] ?? 'failed')
  const codes = [responseCode || undefined, enhanced(error)].filter((each) => each !== undefined)
  const at = code === 'EENVELOPE' || code === 'EMESSAGE' ? [`at ${command}`] : []
  return [words, ...codes, ...at].join(' ')
}
