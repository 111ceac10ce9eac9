/** A real SMTP server for tests: it keeps what it takes, and can refuse, put off, or be down. */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { SMTPServer } from 'smtp-server'

export interface Mail {
  from: string
  /** Whom the envelope names; headers name nobody whom this does not. */
  to: string[]
  headers: Map<string, string[]>
  text: string
  html: string
}

export interface MailServer {
  readonly port: number
  readonly mails: Mail[]
  /** How many messages were offered to it, taken or not. */
  offered: number
  /** The reply to every recipient from now on; `undefined` takes them. */
  reply: number | undefined
  start(): Promise<void>
  /** Nothing listens any more. */
  stop(): Promise<void>
}

export async function createMailServer(): Promise<MailServer> {
  let server: SMTPServer | undefined
  const self: MailServer = { port: await freePort(), mails: [], offered: 0, reply: undefined, start, stop }

  async function start(): Promise<void> {
    server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      // Whoever is still connected when it stops is cut off.
      closeTimeout: 1,
      onRcptTo(_address, _session, callback) {
        self.offered += 1
        if (self.reply === undefined) return callback()
        callback(Object.assign(new Error('Not this one'), { responseCode: self.reply }))
      },
      onData(stream, { envelope }, callback) {
        const parts: Buffer[] = []
        stream.on('data', (part: Buffer) => parts.push(part))
        stream.on('end', () => {
          const { mailFrom, rcptTo } = envelope
          const from = mailFrom === false ? '' : mailFrom.address
          const to = rcptTo.map(({ address }) => address)
          self.mails.push({ from, to, ...parse(Buffer.concat(parts).toString('utf8')) })
          callback()
        })
      },
    })
    // A client that goes away in the middle is no event for a test.
    server.on('error', () => {})
    await new Promise<void>((resolve) => server?.listen(self.port, '127.0.0.1', () => resolve()))
  }

  async function stop(): Promise<void> {
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()))
    server = undefined
  }

  await start()
  return self
}

interface StalledServer {
  port: number
  /** Resolves once somebody has connected, who then hears nothing. */
  caught: Promise<void>
  /** Cuts everybody off and stops listening. */
  end(): Promise<void>
}

/** Takes connections and says nothing at all. */
export async function createStalledServer(port: number): Promise<StalledServer> {
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
    port,
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
  const address = probe.address()
  await new Promise<void>((resolve) => probe.close(() => resolve()))
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

/** Enough of RFC 5322 and 2045 to read what Kumbu writes: headers, and the parts of a multipart/alternative. */
function parse(raw: string): Pick<Mail, 'headers' | 'text' | 'html'> {
  const headers = headersOf(raw)
  const boundary = /boundary="?([^";]+)"?/.exec(headers.get('content-type')?.[0] ?? '')?.[1]
  const parts = boundary === undefined ? [] : raw.split(`--${boundary}`).slice(1, -1)
  const partOf = (type: string) => {
    const part = parts.find((each) => headersOf(each.trimStart()).get('content-type')?.[0]?.startsWith(type))
    return part === undefined ? '' : decoded(part.trimStart())
  }
  return { headers, text: partOf('text/plain'), html: partOf('text/html') }
}

function headersOf(message: string): Map<string, string[]> {
  const headers = new Map<string, string[]>()
  const [head = ''] = message.split('\r\n\r\n')
  for (const line of head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()])
  }
  return headers
}

function decoded(part: string): string {
  const body = part.slice(part.indexOf('\r\n\r\n') + 4)
  const encoding = headersOf(part).get('content-transfer-encoding')?.[0]?.toLowerCase()
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString()
  if (encoding !== 'quoted-printable') return body
  const bytes = body
    .replaceAll(/=\r\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}
