/** A real SMTP server for tests: it keeps what it takes, and can refuse, put off, stall, break off, or be down. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'
import { type MailText, parseMail } from './mail-text'

export interface Mail extends MailText {
  from: string
  /** Whom the envelope names; headers name nobody whom this does not. */
  to: string[]
  /** As it came, line by line. */
  raw: string
}

export type MailFault =
  /** Refuses: the sender, the recipient, or the message once it has all of it. */
  | { at: 'sender' | 'message'; code: number; text?: string }
  /** Refuses every recipient, or this one alone. */
  | { at: 'recipient'; code: number; text?: string; to?: string }
  /** The first try to each recipient is put off (greylisting). */
  | { at: 'recipient'; once: 451 }
  /** Answers the greeting or a recipient with 421 and hangs up. */
  | { at: 'greeting' | 'recipient'; closing: true }
  /** Says nothing, instead of the greeting or once it has the message. */
  | { at: 'greeting' | 'message'; stall: true }
  /** Says one byte after another, and never comes to an end. */
  | { at: 'greeting' | 'message'; trickle: true }
  /** Cuts the connection as soon as it sees a message. */
  | { at: 'message'; cut: true }

export interface MailServer {
  readonly port: number
  readonly url: string
  readonly mails: Mail[]
  /** How often each Message-ID was taken. */
  readonly counts: Map<string, number>
  /** How many messages were offered to it, taken or not. */
  offered: number
  /** How many connections it has seen. */
  connections: number
  /** What goes wrong from now on; nothing, if nothing is said. */
  answerWith(fault?: MailFault): void
  /** Cuts off whoever is connected, as a server does that starts anew. */
  cutAll(): void
  start(): Promise<void>
  /** Nothing listens any more. */
  stop(): Promise<void>
}

export interface MailServerOptions {
  /** Takes mail from nobody but who knows these. */
  credentials?: { user: string; password: string }
  /** Offers STARTTLS with a certificate that nobody has reason to trust. */
  tls?: boolean
}

const TRICKLE_MS = 5

export async function createMailServer({ credentials, tls = false }: MailServerOptions = {}): Promise<MailServer> {
  let server: SMTPServer | undefined
  let fault: MailFault | undefined
  const sockets = new Map<number, Socket>()
  const seen = new Set<string>()
  const port = await freePort()
  const self: MailServer = {
    port,
    url: `smtp://127.0.0.1:${port}`,
    mails: [],
    counts: new Map(),
    offered: 0,
    connections: 0,
    answerWith(next) {
      fault = next
      seen.clear()
    },
    cutAll() {
      for (const socket of sockets.values()) socket.destroy()
    },
    start,
    stop,
  }

  async function start(): Promise<void> {
    server = new SMTPServer({
      authOptional: credentials === undefined,
      allowInsecureAuth: true,
      disabledCommands: [...(credentials ? [] : ['AUTH']), ...(tls ? [] : ['STARTTLS'])],
      hidePIPELINING: false,
      // Whoever is still connected when it stops is cut off.
      closeTimeout: 1,
      onAuth({ username, password }, _session, callback) {
        const known = username === credentials?.user && password === credentials?.password
        callback(known ? null : refusal(535, '5.7.8 Who are you?'), { user: username ?? '' })
      },
      onConnect(session, callback) {
        self.connections += 1
        if (fault?.at !== 'greeting') return callback()
        if ('closing' in fault) return callback(refusal(421, '4.3.2 Closing'))
        if ('trickle' in fault) trickle(session, '220')
      },
      onMailFrom(_address, _session, callback) {
        callback(fault?.at === 'sender' ? refusal(fault.code, fault.text) : null)
      },
      onRcptTo({ address }, session, callback) {
        self.offered += 1
        if (fault?.at !== 'recipient') return callback()
        if ('code' in fault) {
          const isMeant = fault.to === undefined || fault.to === address
          return callback(isMeant ? refusal(fault.code, fault.text) : null)
        }
        if ('closing' in fault) {
          callback(refusal(421, '4.7.0 Too many at once'))
          return void setImmediate(() => socketOf(session)?.end())
        }
        if (seen.has(address)) return callback()
        seen.add(address)
        callback(refusal(451, '4.7.1 Try again later'))
      },
      onData(stream, session, callback) {
        const parts: Buffer[] = []
        stream.on('data', (part: Buffer) => {
          if (fault?.at === 'message' && 'cut' in fault) socketOf(session)?.destroy()
          parts.push(part)
        })
        stream.on('end', () => {
          if (fault?.at !== 'message') return taken(session, Buffer.concat(parts).toString('utf8'), callback)
          if ('code' in fault) callback(refusal(fault.code, fault.text))
          if ('trickle' in fault) trickle(session, '250')
        })
      },
    })
    // A client that goes away in the middle is no event for a test.
    server.on('error', () => {})
    server.server.on('connection', (socket: Socket) => {
      const { remotePort = 0 } = socket
      sockets.set(remotePort, socket)
      socket.on('close', () => sockets.delete(remotePort))
    })
    await new Promise<void>((resolve) => server?.listen(self.port, '127.0.0.1', () => resolve()))
  }

  function taken(session: SMTPServerSession, raw: string, callback: (error?: Error | null) => void): void {
    const { mailFrom, rcptTo } = session.envelope
    const mail = {
      from: mailFrom === false ? '' : mailFrom.address,
      to: rcptTo.map(({ address }) => address),
      raw,
      ...parseMail(raw),
    }
    const id = mail.headers.get('message-id')?.[0] ?? ''
    self.mails.push(mail)
    self.counts.set(id, (self.counts.get(id) ?? 0) + 1)
    callback()
  }

  const socketOf = ({ remotePort }: SMTPServerSession) => sockets.get(remotePort)

  /** The beginning of an answer of many lines, byte by byte, for as long as anybody listens. */
  function trickle(session: SMTPServerSession, code: string): void {
    const socket = socketOf(session)
    const line = `${code}-wait\r\n`
    let i = 0
    const timer = setInterval(() => socket?.write(line[i++ % line.length] ?? ''), TRICKLE_MS)
    socket?.on('close', () => clearInterval(timer))
  }

  async function stop(): Promise<void> {
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()))
    server = undefined
  }

  await start()
  return self
}

const refusal = (responseCode: number, text = 'Not this one') => Object.assign(new Error(text), { responseCode })

interface StalledServer {
  port: number
  /** Resolves once somebody has connected, who then hears nothing. */
  caught: Promise<void>
  /** Cuts everybody off and stops listening. */
  end(): Promise<void>
}

/** Takes connections, at a port of its own if none is named, and says nothing at all. */
export async function createStalledServer(port = 0): Promise<StalledServer> {
  const sockets = new Set<Socket>()
  let caught: () => void = () => {}
  const promise = new Promise<void>((resolve) => {
    caught = resolve
  })
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    caught()
  })
  await listening(server, port)
  return {
    port: portOf(server),
    caught: promise,
    async end() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await listening(probe, 0)
  const port = portOf(probe)
  await new Promise<void>((resolve) => probe.close(() => resolve()))
  return port
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

/** Whether anybody listens on the port. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

const listening = (server: Server, port: number) =>
  new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()))
