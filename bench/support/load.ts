/**
 * A load generator in a process of its own: keep-alive connections that each send a transfer, wait for its answer, and
 * send the next. `bun bench/support/load.ts <base> <people.json> <connections> <seconds> <warm-up seconds>` prints what it saw as JSON.
 */
import type { BenchPerson } from './people'
import { PIN } from './people'

const [base = '', file = '', connections = '64', seconds = '10', warmUp = '2'] = process.argv.slice(2)
const people = (await Bun.file(file).json()) as BenchPerson[]
const { hostname, port } = new URL(base)

let answered = 0
let failed = 0
let firstFailure = ''
let measuring = false
let over = false
const latencies: number[] = []

const pick = () => people[Math.floor(Math.random() * people.length)] as BenchPerson

function nextRequest(): string {
  const from = pick()
  let to = pick()
  while (to === from) to = pick()
  const body = `{"to":"${to.id}","amount":1,"pin":"${PIN}"}`
  return (
    `POST /api/v1/wallet/me/transfer HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${from.token}\r\n` +
    `content-type: application/json\r\nidempotency-key: ${Bun.randomUUIDv7()}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  )
}

interface Connection {
  sentAt: number
  received: string
}

function send(socket: Bun.Socket<Connection>): void {
  socket.data.sentAt = performance.now()
  socket.data.received = ''
  socket.write(nextRequest())
}

function complete(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
  return text.length >= end + 4 + length
}

const open = Array.from({ length: Number(connections) }, () =>
  Bun.connect<Connection>({
    hostname,
    port: Number(port),
    data: { sentAt: 0, received: '' },
    socket: {
      open: send,
      data(socket, chunk) {
        const { data } = socket
        data.received += chunk.toString('latin1')
        if (!complete(data.received)) return
        if (!data.received.startsWith('HTTP/1.1 201')) {
          failed += 1
          firstFailure ||= data.received
        } else if (measuring) {
          answered += 1
          latencies.push(performance.now() - data.sentAt)
        }
        if (!over) send(socket)
        else socket.end()
      },
    },
  }),
)
await Promise.all(open)
await Bun.sleep(Number(warmUp) * 1000)
measuring = true
const startedAt = performance.now()
await Bun.sleep(Number(seconds) * 1000)
measuring = false
const tookS = (performance.now() - startedAt) / 1000
over = true
await Bun.sleep(200)
latencies.sort((a, b) => a - b)
const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
console.log(
  JSON.stringify({ perSecond: answered / tookS, answered, failed, firstFailure, p50Ms: at(0.5), p99Ms: at(0.99) }),
)
process.exit(0)
