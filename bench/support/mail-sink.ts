/**
 * A mail server in a process of its own, which counts what it takes by Message-ID. `bun bench/support/mail-sink.ts`
 * prints `smtp://… http://…`: where mail goes, and where the counts can be asked for.
 */
import { SMTPServer } from 'smtp-server'

const counts = new Map<string, number>()
let taken = 0

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['AUTH', 'STARTTLS'],
  hidePIPELINING: false,
  maxClients: 1_000,
  onData(stream, _session, callback) {
    let head = ''
    stream.on('data', (part: Buffer) => {
      if (head.length < 4_096) head += part.toString('latin1')
    })
    stream.on('end', () => {
      const id = /^message-id:\s*(<[^>]+>)/im.exec(head)?.[1] ?? 'none'
      taken += 1
      counts.set(id, (counts.get(id) ?? 0) + 1)
      callback()
    })
  },
})
// Whoever is killed leaves connections behind.
server.on('error', () => {})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))

const asked = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: () => Response.json({ taken, distinct: counts.size }),
})
const address = server.server.address()
console.log(`smtp://127.0.0.1:${typeof address === 'object' ? address?.port : 0} ${asked.url.origin}`)
