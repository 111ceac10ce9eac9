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

// Everything of a request that does not change is put together beforehand: what the generator spends, the server lacks.
const heads = people.map(
  ({ token }) =>
    `POST /api/v1/wallet/me/transfer HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${token}\r\n` +
    `content-type: application/json\r\ncontent-length: ${bodyOf(people[0] as BenchPerson).length}\r\nidempotency-key: `,
)
const bodies = people.map((person) => `\r\n\r\n${bodyOf(person)}`)

function bodyOf({ id }: BenchPerson): string {
  return `{"to":"${id}","amount":1,"pin":"${PIN}"}`
}

function nextRequest(): string {
  const from = Math.floor(Math.random() * people.length)
  const to = (from + 1 + Math.floor(Math.random() * (people.length - 1))) % people.length
  return `${heads[from]}${Bun.randomUUIDv7()}${bodies[to]}`
}

interface Connection {
  sentAt: number
  received: Buffer | undefined
}

function send(socket: Bun.Socket<Connection>): void {
  socket.data.sentAt = performance.now()
  socket.write(nextRequest())
}

const CREATED = Buffer.from('HTTP/1.1 201')
const END_OF_HEAD = Buffer.from('\r\n\r\n')
const CLOSING_BRACE = 125

/** An answer is one JSON object, so it is whole when its head is and it ends with a brace. */
function complete(answer: Buffer): boolean {
  return answer[answer.length - 1] === CLOSING_BRACE && answer.includes(END_OF_HEAD)
}

const open = Array.from({ length: Number(connections) }, () =>
  Bun.connect<Connection>({
    hostname,
    port: Number(port),
    data: { sentAt: 0, received: undefined },
    socket: {
      open: send,
      data(socket, chunk) {
        const { data } = socket
        const answer = data.received ? Buffer.concat([data.received, chunk]) : chunk
        data.received = complete(answer) ? undefined : Buffer.from(answer)
        if (data.received) return
        if (answer.compare(CREATED, 0, CREATED.length, 0, CREATED.length) !== 0) {
          failed += 1
          firstFailure ||= answer.toString()
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
